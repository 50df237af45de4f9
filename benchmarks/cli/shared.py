"""What all commands of the harness share: errors become one sentence and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from benchmarks.errors import BenchmarkError
from benchmarks.tables import plain

SOME_FAILED = 1
WRONG_INPUT = 3


def fail(error: BenchmarkError) -> NoReturn:
    """End the process with the error's sentence."""
    click.echo(f"benchmarks: {plain(str(error))}", err=True)  # it may hold names from a file
    sys.exit(WRONG_INPUT)
