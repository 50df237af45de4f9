"""Commands that read rows and measure nothing."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks import report as tables
from benchmarks.cli.shared import fail
from benchmarks.errors import BenchmarkError
from benchmarks.rows import read


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--markdown", is_flag=True, help="Markdown instead of a terminal table.")
def report(file: Path, markdown: bool) -> None:  # click hands flags over by name
    """Show the rows of FILE as tables.

    \b
    Example:
      python -m benchmarks report rows.jsonl --markdown
    """
    try:
        click.echo(tables.render(read(file), markdown=markdown))
    except BenchmarkError as exc:
        fail(exc)


COMMANDS = (report,)
