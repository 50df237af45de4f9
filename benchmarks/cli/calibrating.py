"""The command that makes the calibration file."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from pathlib import Path

import click

from assistant.answering.confidence import parsed, table
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
def calibrate(
    data: Path, out: Path, scratch: Path | None, limit: int | None, generator: str, questions: int, seed: int
) -> None:
    """Fit confidence and the thresholds of caution on labelled questions, and write them with the error rates.

    Half of the questions are fitted on, chosen by a checksum of their ids; the rates are of the others. Takes about
    20 minutes on two cores.

    \b
    Example:
      python -m benchmarks calibrate --data FOLDER --scratch calibrating
    """
    from benchmarks.calibrating import collecting, making

    models = os.environ.get("FIELDMATE_MODELS_DIR") or str(ROOT / "models" / "artifacts")
    with tempfile.TemporaryDirectory(prefix="fieldmate-benchmarks-") as passing:
        folder = scratch or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(
            command=[], scratch=str(folder), models=str(Path(models).resolve()), variants=[],
            default_generator=_GENERATOR, data=str(data.resolve()), limit=limit, seed=seed,
        )  # fmt: skip
        rows = []
        try:
            for row in collecting.collect(
                plan, generator, questions, folder / f"rows-{seed}-{limit}-{questions}.jsonl"
            ):
                rows.append(row)
                if len(rows) % 250 == 0:
                    click.echo(f"{len(rows)} questions asked, the last of {row.documents}.", err=True)
            date = dt.datetime.now(dt.UTC).date().isoformat()
            made = making.made(rows, date, generator if questions else "", seed)
        except BenchmarkError as exc:
            fail(exc)
    text = making.written(made)
    parsed(text)  # what cannot be read back must not replace what can
    part = out.with_suffix(".part")
    part.write_text(text, "utf-8")
    part.replace(out)
    for name, value in making.aurocs(rows, made).items():
        click.echo(f"AUROC {value:.3f}  {name}")
    click.echo(table(made))
    click.echo(
        f"Confidence in {made.measured.answers} answers: ECE {made.measured.ece:.3f} {made.measured.ece_interval}"
    )
    click.echo(f"Written: {out}", err=True)


COMMANDS = (calibrate,)
