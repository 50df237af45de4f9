"""`fieldmate ask`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from assistant.cli.answers import show
from assistant.cli.app import (
    App,
    Command,
    caution_option,
    generator_option,
    print_json,
    say_notice,
    scope_options,
    words,
)
from assistant.cli.terminal import echo, styled
from assistant.errors import InputError, UsageError
from assistant.types import Scope


@click.command(cls=Command)
@click.argument("question", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Answer every line of this file, in one process; - reads standard input.",
)
@generator_option
@caution_option
@scope_options
@click.pass_obj
def ask(app: App, question: str | None, as_json: bool, file: Path | None, scope: Scope) -> None:
    """Answer QUESTION from your documents.

    \b
    Example:
      fieldmate ask "What does E07 mean?"
      fieldmate ask "How often is it descaled?" --in coffee/manual.pdf
      fieldmate ask --json --file questions.txt
    """
    if (question is None) == (file is None):
        raise UsageError("Give one question in quotes, or --file with one question a line.")
    with app.assistant() as assistant:
        asked = words(question or "")
        assistant.begin_loading(asked)
        say_notice(assistant)
        for text in [asked] if file is None else _lines(file):
            if as_json:
                print_json(assistant.answer(text, scope=scope).to_dict())
                sys.stdout.flush()
                continue
            if file is not None:
                echo(styled(f"\n{text}", bold=True))
            show(assistant.ask(text, scope=scope))


def _lines(file: Path) -> Iterator[str]:
    """The questions of a file, one a line; blank lines are none."""
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        lines = text.decode("utf-8-sig").splitlines()
    except OSError as exc:
        raise InputError(f"The questions in {file} cannot be read ({exc.strerror}); check the path.") from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"The questions in {file} are not UTF-8 text; save them as UTF-8.") from exc
    return (line.strip() for line in lines if line.strip())
