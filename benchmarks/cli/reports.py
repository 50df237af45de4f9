"""Commands that read rows and measure nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from benchmarks import compare as comparing
from benchmarks import recommend as recommending
from benchmarks import report as tables
from benchmarks import verdicts
from benchmarks.cli.shared import SOME_FAILED, fail
from benchmarks.errors import BenchmarkError
from benchmarks.html import page
from benchmarks.merging import joined
from benchmarks.merits import QUALITY
from benchmarks.rows import Row, read
from benchmarks.selecting import sides
from benchmarks.tables import markdown_table, plain, text_table

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
@click.option("--markdown", is_flag=True, help="Markdown instead of a terminal table.")
@click.option("--html", "out", type=PATH, metavar="OUT.html", help="Write one page with tables and plots instead.")
def report(files: tuple[Path, ...], markdown: bool, out: Path | None) -> None:  # click hands flags over by name
    """Show the rows of one or more files as tables, or as a page with plots.

    The page is one file that asks the network for nothing. Blocks of a run are joined; what a cut left half written is
    left out.

    \b
    Example:
      python -m benchmarks report rows.jsonl --markdown
      python -m benchmarks report speed.jsonl quality.jsonl --html report.html
    """
    try:
        rows = _rows(files)
        if out is None:
            click.echo(tables.render(rows, markdown=markdown))
            return
        missing = page.write(rows, out)
    except BenchmarkError as exc:
        fail(exc)
    click.echo(f"Page: {out}{f' ({missing})' if missing else ''}", err=True)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="BASELINE [CANDIDATE]")
@click.option("--baseline", metavar="VARIANT", help="Variant of the first file (or the only one).")
@click.option("--candidate", metavar="VARIANT", help="Variant of the second file (or the only one).")
@click.option(
    "--margin", type=float, default=comparing.MARGIN, show_default=True, help="Share that is no regression yet."
)
@click.option("--score-margin", type=float, default=comparing.SCORE_MARGIN, show_default=True,
              help="The same for scores, as a difference.")  # fmt: skip
@click.option("--other-machine", is_flag=True, help="Compare rows of different machines all the same.")
@click.option("--markdown", is_flag=True, help="Markdown instead of a terminal table.")
@click.option("--json", "as_json", is_flag=True, help="One object instead of a table.")
def compare(
    files: tuple[str, ...], baseline: str | None, candidate: str | None, margin: float, score_margin: float,
    other_machine: bool, markdown: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say whether a run or a variant is worse than another, pair by pair.

    Two variants that took turns in the blocks of one run are compared best: run with --blocks 8. A file may be
    given as FILE:VARIANT; of several runs in it the last one counts. Exit code 1: something is worse beyond its margin,
    or failed; 0 otherwise; 3: a file is wrong, the machines differ or nothing is common.

    \b
    Example:
      python -m benchmarks compare rows.jsonl --baseline old --candidate new
      python -m benchmarks compare monday.jsonl tuesday.jsonl --margin 0.1
    """
    try:
        pairs = sides(files, baseline, candidate)
        margins = comparing.Margins(margin, score_margin)
        rows = [(first.rows, second.rows) for first, second in pairs]
        found = comparing.compare(rows, margins, other_machine=other_machine)
    except BenchmarkError as exc:
        fail(exc)
    if as_json:
        click.echo(json.dumps({
            "regressed": found.regressed, "compared": [item.to_dict() for item in found.compared],
            "broken": list(found.broken), "warnings": list(found.warnings),
        }))  # fmt: skip
    else:
        if found.compared:
            click.echo((markdown_table if markdown else text_table)(verdicts.table(found)))
        for words in (*(f"Broken: {item}." for item in found.broken), *(f"Note: {item}." for item in found.warnings)):
            click.echo(plain(words), err=True)
        click.echo(verdicts.conclusion(found), err=True)
    sys.exit(SOME_FAILED if found.regressed else 0)


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="ROWS...")
@click.option("--max-first-token", metavar="TIME", help="Longest wait for the first token, such as 700ms.")
@click.option("--max-memory", metavar="SIZE", help="Peak memory of a whole `fieldmate ask`, such as 900MB.")
@click.option("--max-disk", metavar="SIZE", help="Size of the model's file, such as 600MB.")
@click.option("--quality", default=QUALITY, show_default=True, metavar="SCORE", help="Score of `answers` that decides.")
@click.option("--percentile", type=click.Choice(["p50", "p90", "p99"]), default="p50", show_default=True,
              help="Of the first token that must keep its limit.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One object instead of sentences.")
def recommend(
    files: tuple[Path, ...], max_first_token: str | None, max_memory: str | None, max_disk: str | None, quality: str,
    percentile: str, as_json: bool,
) -> None:  # fmt: skip
    """Name the variant that answers best within budgets, from measured rows.

    The rows must hold speed, memory and answers of the same variants on one machine: those of `run` and of `quality`.

    \b
    Example:
      python -m benchmarks recommend speed.jsonl quality.jsonl --max-first-token 700ms --max-memory 900MB
    """
    try:
        budget = recommending.Budget.parse(max_first_token, max_memory, max_disk)
        choice = recommending.recommend(joined(_rows(files)), budget, quality=quality, percentile=percentile)
    except BenchmarkError as exc:
        fail(exc)
    click.echo(json.dumps(choice.to_dict()) if as_json else "\n".join(map(plain, choice.text().splitlines())))


def _rows(files: tuple[Path, ...]) -> list[Row]:
    return [row for file in files for row in read(file)]


COMMANDS = (report, compare, recommend)
