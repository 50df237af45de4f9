"""`fieldmate`: finds the command, runs it, and ends with one sentence and the right exit code when it fails.

Commands are imported when they are called: `fieldmate --help` must not wait for a model library.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import click

from assistant import __version__
from assistant.cli.app import App, SharedOptions
from assistant.cli.terminal import echo, line
from assistant.errors import FieldmateError, StorageError

_BUG = 70
_INTERRUPTED = 130
_TERMINATED = 143
_FEW_COLLECTIONS = 100_000
"""New objects until the collector looks for cycles. At its usual 700 it looks through what imports make, over and over:
a tenth of the time until a question is looked up (benchmarks/LOG.md)."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

COMMANDS = {
    "ask": ("assistant.cli.ask:ask", "Answer a question from your documents."),
    "chat": ("assistant.cli.chat:chat", "Ask one question after the other."),
    "add": ("assistant.cli.documents:add", "Add documents: files, or folders with all that is in them."),
    "sync": ("assistant.cli.sync:sync", "Bring the knowledge base in step with the folders that were added."),
    "warm": ("assistant.cli.warm:warm", "Compute ahead what answers need of each passage."),
    "docs": ("assistant.cli.documents:docs", "List, show or remove documents."),
    "verify": ("assistant.cli.care:verify", "Check every byte of the knowledge base, and mend what can be mended."),
    "backup": ("assistant.cli.care:backup", "Write the knowledge base into one file."),
    "restore": ("assistant.cli.care:restore", "Put a backup in place of the knowledge base."),
    "bundle": ("assistant.cli.bundle:bundle", "Publish the knowledge base for other devices, signed."),
    "update": ("assistant.cli.bundle:update", "Take over a signed bundle, or go back to the version before."),
    "search": ("assistant.cli.search:search", "Show the passages that fit a query, without an answer."),
    "models": ("assistant.cli.models:models", "List, pull, optimize, verify, import or remove models."),
    "doctor": ("assistant.cli.doctor:doctor", "Check this machine and the knowledge base; say what to do."),
    "settings": ("assistant.cli.settings:settings", "Show every setting with its value and meaning."),
}
"""Name -> ("module:command", one line for --help), in the order in which a newcomer meets them."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM): the same as Ctrl-C but for the exit code."""


class Commands(SharedOptions, click.Group):
    """A group whose commands are named in a table and imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command called `name`."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fieldmate")
def fieldmate() -> None:
    """Ask your documents, offline: answers from your own manuals, with the place each sentence comes from.

    \b
    Example:
      fieldmate models pull
      fieldmate add manuals/
      fieldmate ask "What does E07 mean?"
    """


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 2 usage, 3 file or setting, 4 model, 5 knowledge base, 70 a bug."""
    signal.signal(signal.SIGTERM, _terminate)
    gc.set_threshold(_FEW_COLLECTIONS)
    _tolerate()
    app = App()
    sys.exit(_run(app, arguments))


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _end_in_peace() -> None:
    """Take no further signal to end: it would end what is ending already without its exit code, or with a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _tolerate() -> None:
    """Let a character that a stream cannot give or take become a question mark, instead of the end of the command."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _run(app: App, arguments: list[str] | None) -> int:
    try:
        code: Any = fieldmate.main(arguments, prog_name="fieldmate", standalone_mode=False, obj=app)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        _say(_usage(exc))
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort) as exc:
        _end_in_peace()
        _say(app.interrupted or "Interrupted; nothing is half-written. Run the same command again to go on.")
        return _TERMINATED if isinstance(exc.__context__ or exc, Terminated) else _INTERRUPTED
    except BrokenPipeError:
        return _unread()
    except SystemExit as exc:
        if exc.code != 1:
            raise
        return _unread()  # click sees the broken pipe first, and ends with 1 by itself
    except FieldmateError as exc:
        if app.debug:
            raise
        _say(str(exc))
        return exc.exit_code
    except Exception as exc:
        if app.debug:
            raise
        if isinstance(exc, OSError) and exc.errno in _NO_SPACE:
            _drop_output()
            _say("There is no space left on the disk; free some space and run the same command again.")
            return StorageError.exit_code
        _say(
            f"This is a bug in Fieldmate ({type(exc).__name__}: {_first_line(exc)}); "
            "run the same command with --debug and report what it prints."
        )
        return _BUG


def _unread() -> int:
    """Whoever read our output has seen enough (`| head`): that is no error."""
    _drop_output()
    return 0


def _drop_output() -> None:
    """Send what is still to be written nowhere: the interpreter must not complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ is not None else 1)


def _usage(exc: click.ClickException) -> str:
    context = getattr(exc, "ctx", None)
    hint = f" See `{context.command_path} --help`." if context is not None else ""
    return f"{exc.format_message()}{hint}"


def _first_line(exc: Exception) -> str:
    return next(iter(str(exc).splitlines()), "no message")


def _say(sentence: str) -> None:
    echo(f"fieldmate: {line(sentence)}", err=True)
