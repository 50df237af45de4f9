"""`python -m benchmarks`: options become a plan, the plan is run, rows become a report. Measures nothing itself."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click

from benchmarks import environment, product, report
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan
from benchmarks.rows import RowWriter, read
from benchmarks.runner import Runner
from benchmarks.scenarios import TABLE, Entry

DEFAULT_GENERATORS = ("qwen2.5-coder-0.5b-instruct-q4_k_m", "smollm2-135m-instruct")
_SOME_FAILED = 1


def _shared(function):  # type: ignore[no-untyped-def]  # a stack of click's own decorators
    for option in (
        click.option("--generator", "generators", multiple=True, metavar="ID", help="Catalogue id; may be repeated."),
        click.option("--data", type=click.Path(path_type=Path), help="Folder of the public data sets."),
        click.option("--out", type=click.Path(path_type=Path), help="File that rows are appended to."),
        click.option(
            "--only",
            multiple=True,
            metavar="SCENARIO",
            help="Only this one, or this part of one (retrieval/squad2); may be repeated.",
        ),
        click.option("--seed", default=20261121, show_default=True, help="Of every shuffle and bootstrap."),
        click.option("--command", metavar="PATH", help="The fieldmate command; default: beside this Python."),
        click.option("--timeout", default=3600.0, show_default=True, help="Longest time of one scenario, in seconds."),
    ):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Measure Fieldmate on this machine.

    \b
    Example:
      python -m benchmarks run
      python -m benchmarks report benchmarks/results/FILE.jsonl --markdown
    """


@main.command()
@_shared
@click.option("--questions", default=16, show_default=True, help="Of the sample manuals, for the first token.")
@click.option("--repetitions", default=5, show_default=True, help="Of adding and of whole processes.")
@click.option("--peers", is_flag=True, help="Also against sentence-transformers; needs --data.")
def run(peers: bool, **options: object) -> None:  # click hands flags over by name
    """Speed and memory over the sample manuals.

    \b
    Example:
      python -m benchmarks run --generator smollm2-135m-instruct --questions 24
    """
    suites = ("run", "peers") if peers else ("run",)
    _measure([entry for entry in TABLE if entry.suite in suites], options)


@main.command()
@_shared
@click.option("--limit", type=int, help="Most questions of a data set; default: all.")
@click.option("--questions", default=20, show_default=True, help="Of each set, for written answers.")
def quality(**options: object) -> None:
    """Retrieval, abstention and answers over the public data sets.

    \b
    Example:
      python -m benchmarks quality --data FOLDER --limit 200
    """
    _measure([entry for entry in TABLE if entry.suite == "quality"], options)


@main.command("report")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--markdown", is_flag=True, help="Markdown instead of a terminal table.")
def report_(file: Path, markdown: bool) -> None:  # click hands flags over by name
    """Show the rows of FILE as tables."""
    try:
        click.echo(report.render(read(file), markdown=markdown))
    except BenchmarkError as exc:
        _fail(exc)


def _measure(entries: list[Entry], options: dict[str, object]) -> None:
    chosen = _chosen(entries, list(options.pop("only")))  # type: ignore[call-overload]  # a tuple of texts
    if not chosen:
        raise click.UsageError("None of these scenarios belongs to this command; peer_ingest needs --peers.")
    started = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    out = options.pop("out") or ROOT / "benchmarks" / "results" / f"{started}.jsonl"
    timeout = options.pop("timeout")
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        with tempfile.TemporaryDirectory(prefix="fieldmate-benchmarks-") as scratch:
            failed = _run(_plan(scratch, options), chosen, started, Path(str(out)), float(str(timeout)))
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(_SOME_FAILED if failed else 0)


def _chosen(entries: list[Entry], only: list[str]) -> list[Entry]:
    """The entries named by `only`, each with the parts named there; all when nothing is."""
    known = {name for entry in TABLE for name in (entry.name, *(f"{entry.name}/{part}" for part in entry.parts))}
    if unknown := set(only) - known:
        raise click.UsageError(f"There is no scenario {', '.join(sorted(unknown))}.")
    chosen = []
    for entry in entries:
        parts = tuple(part for part in entry.parts if f"{entry.name}/{part}" in only)
        if not only or entry.name in only:
            chosen.append(entry)
        elif parts:
            chosen.append(replace(entry, parts=parts))
    return chosen


def _terminated(number: int, frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that the scenario in hand and what it has started end as well."""
    sys.exit(128 + number)


def _plan(scratch: str, options: dict[str, object]) -> Plan:
    generators = list(options.pop("generators")) or list(DEFAULT_GENERATORS)  # type: ignore[call-overload]
    command, data = options.pop("command"), options.pop("data")
    models = os.environ.get("FIELDMATE_MODELS_DIR") or str(ROOT / "models" / "artifacts")
    return Plan(
        command=[str(command)] if command else _console_script(),
        scratch=scratch,
        models=str(Path(models).resolve()),
        generators=generators,
        default_generator=DEFAULT_GENERATORS[0],
        data=str(Path(str(data)).resolve()) if data else None,
        **options,  # type: ignore[arg-type]  # the options that are called like the plan's fields
    )


def _console_script() -> list[str]:
    script = Path(sys.executable).with_name("fieldmate")
    if not script.exists():
        _fail(BenchmarkError("No fieldmate command lies beside this Python; install the checkout or give --command."))
    return [str(script)]


def _run(plan: Plan, entries: list[Entry], started: str, out: Path, timeout: float) -> int:
    os.environ["FIELDMATE_MODELS_DIR"] = plan.models
    try:
        models = product.model_hashes(plan)
    except BenchmarkError as exc:
        _fail(exc)
    writer = RowWriter(out)
    try:
        card = environment.card(models, plan.seed)
        runner = Runner(plan, started, card, writer.write, lambda line: click.echo(line, err=True), timeout=timeout)
        failed = runner.all(entries)
    finally:
        writer.close()
    click.echo(report.render([row for row in read(out) if row.run == started]))
    click.echo(f"Rows: {out}", err=True)
    return failed


def _fail(error: BenchmarkError) -> None:
    click.echo(f"benchmarks: {error}", err=True)
    sys.exit(3)
