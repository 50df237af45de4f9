"""What all commands share: the options --data-dir, --config and --debug, and the settings that follow from them."""

from __future__ import annotations

import functools
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.cli.terminal import echo, escaped

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.settings import Settings


class App:
    """The flags of one call, wherever on the command line they stood."""

    def __init__(self) -> None:
        self.flags: dict[str, Any] = {}
        """Settings given as flags, by dotted key."""
        self.config: Path | None = None
        self.debug = False
        self.interrupted = ""
        """What to say on Ctrl-C, kept up to date by long commands."""

    @cached_property
    def settings(self) -> Settings:
        """The settings of this call; read at first use."""
        from assistant.settings import load

        return load(self.config, flags=self.flags)

    def assistant(self) -> Assistant:
        """A new assistant with these settings."""
        from assistant.assistant import Assistant

        return Assistant.open(self.settings)


class SharedOptions(click.Command):
    """A command or group that takes the shared options and passes them to its `App`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(
                ["--data-dir"],
                type=click.Path(path_type=Path),
                help="Folder of the knowledge base (default: $FIELDMATE_HOME, else the platform's data folder).",
                expose_value=False,
                callback=_flag("data_dir"),
            ),
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path),
                help="Settings file (default: config.toml in the data folder).",
                expose_value=False,
                callback=_set_config,
            ),
            click.Option(
                ["--debug"],
                is_flag=True,
                help="Show the traceback of an error.",
                expose_value=False,
                callback=_set_debug,
            ),
        ]


class Command(SharedOptions):
    """A command with the shared options; `@click.pass_obj` hands it the `App`."""


class Group(SharedOptions, click.Group):
    """A group of commands, all with the shared options."""

    command_class = Command


def generator_option(command: Any) -> Any:
    """The option --generator."""
    return click.option(
        "--generator",
        metavar="ID",
        help="Catalogue id of the generator, as `fieldmate models list` shows it.",
        expose_value=False,
        callback=_flag("generator.id"),
    )(command)


def caution_option(command: Any) -> Any:
    """The option --caution."""
    return click.option(
        "--caution",
        type=click.Choice(["low", "normal", "high"]),
        help="Trades silence against error: high abstains sooner [default: the setting answering.caution].",
        expose_value=False,
        callback=_flag("answering.caution"),
    )(command)


def scope_options(command: Any) -> Any:
    """The options --in, --language and --tag; the command gets them as one `Scope`, called `scope`."""

    @functools.wraps(command)
    def scoped(
        *args: Any, documents: tuple[str, ...], languages: tuple[str, ...], tags: tuple[str, ...], **kwargs: Any
    ) -> Any:
        from assistant.types import Scope

        return command(
            *args,
            scope=Scope(documents, tuple(map(str.lower, languages)), tuple(tag.lstrip("#").casefold() for tag in tags)),
            **kwargs,
        )

    for name, parameter, metavar, text in reversed(
        (
            ("--in", "documents", "DOCUMENT", "Look only into this document: its name, or the end of it."),
            ("--language", "languages", "CODE", "Look only into documents in this language: en, de, es …"),
            ("--tag", "tags", "TAG", "Look only into documents with this tag."),
        )
    ):
        scoped = click.option(name, parameter, metavar=metavar, multiple=True, help=text + " May be repeated.")(scoped)
    return scoped


def print_json(value: object) -> None:
    """Print one object on one line of standard output."""
    click.echo(escaped(json.dumps(value, ensure_ascii=False)))


def say_notice(assistant: Assistant) -> None:
    """Say on standard error while answers do not come from the chosen embedder."""
    if notice := assistant.notice:
        echo(notice, err=True)


def words(text: str) -> str:
    """Words from the command line; bytes that are no UTF-8 (a terminal in Latin-1) become the replacement character."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _flag(key: str) -> Any:
    def keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value is not None:
            ctx.ensure_object(App).flags[key] = value

    return keep


def _set_config(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(App).config = value


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(App).debug = True
