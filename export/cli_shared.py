"""What all commands of the exporter share: progress on standard error, and errors that become exit codes.

Knows no command. Exit codes: 0 done, 2 usage, 3 a file or setting is wrong, 4 a model is missing or damaged, 70 a bug.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from export.errors import ExportError

BUG = 70
DEBUG = click.option("--debug", is_flag=True, help="Show the converter's output and tracebacks.")


def say(line: str) -> None:
    """Show one line of progress or trouble; standard output is kept for answers."""
    click.echo(line, err=True)


@contextmanager
def errors_as_exit_codes(debug: bool) -> Iterator[None]:
    """End the process with one sentence and an exit code where the block raises; with `debug` raise on."""
    try:
        yield
    except Exception as exc:
        if debug:
            raise
        sentence, code = _sentence(exc)
        say(sentence)
        sys.exit(code)


def _sentence(exc: Exception) -> tuple[str, int]:
    if isinstance(exc, ExportError):
        return str(exc), exc.exit_code
    if isinstance(exc, OSError):
        place = f" ({exc.filename})" if exc.filename else ""
        what = exc.strerror or str(exc)
        return (
            f"{what}{place}; check the disk's room and the folder's permissions, and run again.",
            ExportError.exit_code,
        )
    return f"A bug in the exporter: {type(exc).__name__}: {exc}; run with --debug and report what it shows.", BUG
