"""The command that makes the calibration file."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import zlib
from pathlib import Path

import click
import msgspec

from assistant.answering.confidence import VERSION, calibration, parsed, table
from benchmarks.cli.shared import fail
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan

_FILE = ROOT / "assistant" / "answering" / "calibration.toml"
_GENERATOR = "smollm2-135m-instruct"
PATH = click.Path(path_type=Path)


@click.command()
@click.option("--data", type=PATH, required=True, help="Folder of the public data sets.")
@click.option("--out", type=PATH, default=_FILE, help="The file that is written [default: the one that ships].")
@click.option("--scratch", type=PATH, help="Folder for knowledge bases and rows, kept there; a cut run goes on.")
@click.option("--limit", type=click.IntRange(4), help="Most questions of a group [default: 200].")
@click.option("--generator", default=_GENERATOR, show_default=True, metavar="ID",
              help='What words a sample of the answers; "" for none.')  # fmt: skip
@click.option("--questions", type=click.IntRange(0), default=12, show_default=True, help="Of a group that it words.")
@click.option("--seed", type=int, default=20261121, show_default=True, help="Of every draw.")
@click.option("--only-stretch", is_flag=True,
              help="Fit only how explanations are chosen; the rest stays as it ships.")  # fmt: skip
def calibrate(
    data: Path,
    out: Path,
    scratch: Path | None,
    limit: int | None,
    generator: str,
    questions: int,
    seed: int,
    only_stretch: bool,
) -> None:
    """Fit confidence, the thresholds and floors of caution and the choice of explanations on labelled questions.

    They are written with the error rates they gave. Half of the questions are fitted on, chosen by a checksum of their
    ids; the rates are of the others. Takes about 20 minutes on two cores.

    Answers are made with the choice of explanations that ships: where that changes, ship it first (--only-stretch).

    \b
    Example:
      python -m benchmarks calibrate --data FOLDER --scratch calibrating --only-stretch
      python -m benchmarks calibrate --data FOLDER --scratch calibrating
    """
    from benchmarks.calibrating import collecting, making, sentences

    models = os.environ.get("FIELDMATE_MODELS_DIR") or str(ROOT / "models" / "artifacts")
    with tempfile.TemporaryDirectory(prefix="fieldmate-benchmarks-") as passing:
        folder = scratch or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(
            command=[], scratch=str(folder), models=str(Path(models).resolve()), variants=[],
            default_generator=_GENERATOR, data=str(data.resolve()), limit=limit, seed=seed,
        )  # fmt: skip
        run = f"{VERSION}-{seed}-{limit}"
        rows = []
        try:
            stretch = making.stretches(list(sentences.collect(plan, folder / f"sentences-{run}.jsonl")), seed)
            # Answers of another choice of explanations than the one that ships are not to be mixed with these.
            shipped = f"{zlib.crc32(msgspec.json.encode(calibration().stretch)):08x}"
            file = folder / f"rows-{run}-{questions}-{shipped}.jsonl"
            for row in () if only_stretch else collecting.collect(plan, generator, questions, file):
                rows.append(row)
                if len(rows) % 250 == 0:
                    click.echo(f"{len(rows)} questions asked, the last of {row.documents}.", err=True)
            date = dt.datetime.now(dt.UTC).date().isoformat()
            if only_stretch:
                made = msgspec.structs.replace(calibration(), stretch=stretch)
            else:
                made = making.made(rows, stretch, date, generator if questions else "", seed)
        except BenchmarkError as exc:
            fail(exc)
    text = making.written(made)
    parsed(text)  # what cannot be read back must not replace what can
    part = out.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.replace(out)
    for one in stretch.fitted:
        click.echo(
            f"Explanations: {one.questions} questions, {one.sentences} sentences, {one.belonging} of them belong"
        )
    if not only_stretch:
        for name, value in making.aurocs(rows, made).items():
            click.echo(f"AUROC {value:.3f}  {name}")
        seen = made.measured
        click.echo(table(made))
        click.echo(f"Confidence in {seen.answers} answers: ECE {seen.ece:.3f} {seen.ece_interval}")
        if stretch != calibration().stretch:
            click.echo(
                "Explanations were chosen with other weights than those that are written; run it again.", err=True
            )
    click.echo(f"Written: {out}", err=True)


COMMANDS = (calibrate,)
