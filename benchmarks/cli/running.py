"""Commands that measure: options and suite become a plan, the plan is run, rows become a report."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import click
import msgspec

from benchmarks import environment, product, report, resuming, runner
from benchmarks import suite as suites
from benchmarks.cli.shared import SOME_FAILED, fail
from benchmarks.entries import Entry, Suite
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan, Variant
from benchmarks.rows import RowWriter, read
from benchmarks.scenarios import TABLE

DEFAULT_GENERATORS = ("qwen2.5-coder-0.5b-instruct-q4_k_m", "smollm2-135m-instruct")
PATH = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that all measuring commands share, as they were given."""

    generators: tuple[str, ...]
    artifacts: tuple[Path, ...]
    settings: tuple[str, ...]
    suite: Path | None
    data: Path | None
    out: Path | None
    resume: bool
    only: tuple[str, ...]
    blocks: int | None
    seed: int | None
    command: str | None
    timeout: float | None
    questions: int | None = None
    repetitions: int | None = None
    limit: int | None = None


def measuring(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all measuring commands share."""
    for option in (
        click.option("--generator", "generators", multiple=True, metavar="ID", help="Catalogue id; may be repeated."),
        click.option("--artifact", "artifacts", multiple=True, type=PATH, help="Folder of an artifact; repeatable."),
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Setting of every variant."),
        click.option("--suite", type=PATH, help="Variants and scenarios from a TOML file; flags go over it."),
        click.option("--data", type=PATH, help="Folder of the public data sets."),
        click.option("--out", type=PATH, help="File that rows are appended to."),
        click.option("--resume", is_flag=True, help="Go on with the last run in --out, which was cut."),
        click.option(
            "--only",
            multiple=True,
            metavar="SCENARIO",
            help="Only this one, or this part of one (retrieval/squad2); may be repeated.",
        ),
        click.option("--blocks", type=click.IntRange(1), help="Repeat everything; variants take turns [default: 1]."),
        click.option("--seed", type=int, help="Of every shuffle and bootstrap [default: 20261121]."),
        click.option("--command", metavar="PATH", help="The fieldmate command; default: beside this Python."),
        click.option("--timeout", type=float, help="Longest time of one scenario, in seconds [default: 3600]."),
        click.option("--questions", type=click.IntRange(1), help="Asked in a scenario that runs a generator."),
    ):
        function = option(function)
    return function


@click.command()
@measuring
@click.option("--repetitions", type=click.IntRange(1), help="Of adding and of whole processes [default: 5].")
@click.option("--growth", is_flag=True, help="Also how adding and searching change as the knowledge base grows.")
@click.option("--peers", is_flag=True, help="Also against sentence-transformers; needs --data.")
def run(peers: bool, growth: bool, **options: Any) -> None:  # click hands flags over by name
    """Speed and memory over the sample manuals.

    \b
    Example:
      python -m benchmarks run --generator smollm2-135m-instruct --questions 24
      python -m benchmarks run --suite nightly.toml --out rows.jsonl --resume
    """
    wanted: tuple[Suite, ...] = ("run", *(("growth",) if growth else ()), *(("peers",) if peers else ()))  # type: ignore[assignment]
    measure(wanted, Asked(**options))


@click.command()
@measuring
@click.option("--limit", type=int, help="Most questions of a data set; default: all.")
def quality(**options: Any) -> None:
    """How good it is: retrieval, abstention, answers and more, over the public data sets.

    \b
    Example:
      python -m benchmarks quality --data FOLDER --limit 200
    """
    measure(("quality",), Asked(**options))


COMMANDS = (run, quality)


def measure(belonging: Sequence[Suite], asked: Asked) -> None:
    """Run what was asked for and end the process with the exit code that says how it went."""
    try:
        suite = _suite(asked)
        chosen = _chosen(belonging, suite.run.scenarios)
        if asked.resume and asked.out is None:
            raise click.UsageError("--resume needs --out, the file of the run that was cut.")
    except BenchmarkError as exc:
        fail(exc)
    out = asked.out or ROOT / "benchmarks" / "results" / f"{_now()}.jsonl"
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        with tempfile.TemporaryDirectory(prefix="fieldmate-benchmarks-") as scratch:
            failed = _run(suite, chosen, asked, out, scratch)
    except BenchmarkError as exc:
        fail(exc)
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(SOME_FAILED if failed else 0)


def _suite(asked: Asked) -> suites.Suite:
    """The suite file with the flags over it: what is recorded of a run is this one."""
    suite = suites.read(asked.suite) if asked.suite else suites.Suite()
    names = ("blocks", "questions", "repetitions", "limit", "seed")
    flags: dict[str, Any] = {name: value for name in names if (value := getattr(asked, name)) is not None}
    flags |= {"scenarios": list(asked.only)} if asked.only else {}
    flags |= {"timeout_s": asked.timeout} if asked.timeout is not None else {}
    variants = [suites.Declared(generator=ident) for ident in asked.generators]
    variants += [suites.Declared(artifact=str(folder.resolve())) for folder in asked.artifacts]
    variants = variants or suite.variant or [suites.Declared(generator=ident) for ident in DEFAULT_GENERATORS]
    for_all = dict(_assignment(text) for text in asked.settings)
    variants = [msgspec.structs.replace(each, settings={**each.settings, **for_all}) for each in variants]
    return msgspec.structs.replace(suite, run=msgspec.structs.replace(suite.run, **flags), variant=variants)


def _assignment(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.UsageError(f"--set {text} is no assignment; write it like generator.decode_threads=2.")
    return key.strip(), value.strip()


def _chosen(belonging: Sequence[Suite], only: Sequence[str] | None) -> list[Entry]:
    """The entries of these suites that are named, each with the parts named there; all when nothing is."""
    known = {name for entry in TABLE for name in (entry.name, *(f"{entry.name}/{part}" for part in entry.parts))}
    if unknown := set(only or ()) - known:
        raise click.UsageError(f"There is no scenario {', '.join(sorted(unknown))}.")
    chosen = []
    for entry in TABLE:
        parts = tuple(part for part in entry.parts if f"{entry.name}/{part}" in (only or ()))
        if entry.suite not in belonging:
            continue
        if only is None or entry.name in only:
            chosen.append(entry)
        elif parts:
            chosen.append(replace(entry, parts=parts))
    if not chosen:
        raise click.UsageError("None of these scenarios belongs to this command and its flags; see --help.")
    return chosen


def _terminated(number: int, frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that the scenario in hand and what it has started end as well."""
    sys.exit(128 + number)


def _plan(suite: suites.Suite, asked: Asked, scratch: str) -> Plan:
    command = [asked.command] if asked.command else _console_script()
    models = os.environ.get("FIELDMATE_MODELS_DIR") or str(ROOT / "models" / "artifacts")
    given = {name: getattr(suite.run, name) for name in ("questions", "repetitions", "limit", "seed")}
    return Plan(
        command=command,
        scratch=scratch,
        models=str(Path(models).resolve()),
        variants=[_variant(declared, command, Path(scratch)) for declared in suite.variant],
        default_generator=DEFAULT_GENERATORS[0],
        data=str(asked.data.resolve()) if asked.data else None,
        options=suite.scenario,
        **{name: value for name, value in given.items() if value is not None},
    )


def _variant(declared: suites.Declared, command: list[str], scratch: Path) -> Variant:
    settings, models = dict(declared.settings), None
    if declared.generator:
        settings["generator.id"] = declared.generator
    elif declared.artifact:
        models = str(scratch / f"models-{suites.name_of(declared)}")
        settings["generator.id"] = product.imported(command, Path(declared.artifact), Path(models))
    return Variant(suites.name_of(declared), settings, models, declared.slow_down)


def _console_script() -> list[str]:
    script = Path(sys.executable).with_name("fieldmate")
    if not script.exists():
        raise BenchmarkError("No fieldmate command lies beside this Python; install the checkout or give --command.")
    return [str(script)]


def _run(suite: suites.Suite, entries: list[Entry], asked: Asked, out: Path, scratch: str) -> int:
    plan = _plan(suite, asked, scratch)
    os.environ["FIELDMATE_MODELS_DIR"] = plan.models
    card = environment.card(product.model_hashes(plan), plan.seed) | {"suite_sha256": suite.sha256}
    jobs = runner.jobs(plan, entries, suite.run.blocks or 1)
    run = _now()
    if asked.resume:
        run, jobs = resuming.remaining(out, card, jobs, run)
        _say(f"{len(jobs)} scenarios are left of run {run}.")
    writer = RowWriter(out)
    try:
        timeout = suite.run.timeout_s or 3600.0
        failed = runner.Runner(plan, run, card, writer.write, _say, timeout=timeout).all(jobs)
    finally:
        writer.close()
    click.echo(report.render([row for row in read(out) if row.run == run]))
    _say(f"Rows: {out}")
    return failed


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")


def _say(line: str) -> None:
    click.echo(line, err=True)
