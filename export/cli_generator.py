"""The commands about generators and reports: options in, one call, one line out. Knows nothing of how it is done."""

import json
from pathlib import Path
from typing import Any

import click

from export import recommend as choosing
from export import report as reports
from export.cli_shared import DEBUG, errors_as_exit_codes, say
from export.gguf import types

PATH = click.Path(path_type=Path)
SHARE = click.FloatRange(0, 1)


@click.command(
    epilog="\b\nExample:\n  python -m export generator smollm2-135m-instruct --types q8_0,q4_k_m --out smollm2"
)
@click.argument("source")
@click.option("--format", "format", type=click.Choice(["gguf", "tflite"]), default="gguf", show_default=True)
@click.option("--types", default=types.DEFAULT, show_default=True, help="GGUF types, separated by commas.")
@click.option("--out", type=PATH, required=True, help="Folder of the report and of one artifact a type.")
@click.option("--name", help="What the artifacts are called, in front of their type [default: the source's name].")
@click.option("--licence", help="SPDX id of the weights' licence, where nothing says it.")
@click.option("--models", type=PATH, help="Model library for a catalogue id [default: $FIELDMATE_MODELS_DIR].")
@click.option("--base", is_flag=True, help="Take a base model, which has no chat template.")
@click.option("--text", type=PATH, help="UTF-8 text for perplexity [default: 200 sentences of our own].")
@click.option("--calibration", type=PATH, help="UTF-8 text of the importance matrix [default: our own pump manual].")
@click.option("--importance/--no-importance", default=True, help="Guide the rounding below 8 bits [default: yes].")
@click.option("--questions", type=PATH, help='JSON lines with "question" and "answer", for answer F1.')
@click.option("--documents", "--passages", type=PATH, multiple=True, help="Folder or file that holds the answers.")
@click.option("--beside", type=PATH, multiple=True, help="Another artifact to measure in the same run; repeatable.")
@click.option("--max-perplexity-increase", type=float, help="Per cent over float, for every type [default: by type].")
@click.option("--min-agreement", type=SHARE, help="Share of equal top tokens, for every type [default: by type].")
@click.option("--windows", type=click.IntRange(1), default=32, show_default=True, help="Windows of text to read.")
@click.option("--window", type=click.IntRange(16, 8192), default=512, show_default=True, help="Tokens of a window.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Measurements of speed.")
@click.option(
    "--prompt-tokens", type=click.IntRange(16), default=512, show_default=True, help="Of the measured prompt."
)
@click.option("--force", is_flag=True, help="Replace an export that is there.")
@DEBUG
def generator(source: str, debug: bool, **options: Any) -> None:
    """Make generator artifacts out of SOURCE, measured before they are published.

    SOURCE is a folder of Hugging Face files with safetensors, a GGUF file, a catalogue id, or a hub name OWNER/NAME. A
    first export creates the toolchain below $FIELDMATE_EXPORT_HOME (about 1.3 GB for GGUF; 4.1 GB more for TFLite,
    which also needs the extra "litert" here); later ones need no network.
    """
    from export.generator import export_generator
    from export.generator_job import Options

    for name in ("documents", "beside"):
        options[name] = tuple(options[name])
    with errors_as_exit_codes(debug):
        click.echo(export_generator(source, Options(**options, debug=debug), say))


@click.command(epilog="\b\nExample:\n  python -m export report smollm2 smollm2-tflite --out both")
@click.argument("folders", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, help="Write one report of all rows there, instead of each again in its place.")
@DEBUG
def report(folders: tuple[Path, ...], out: Path | None, debug: bool) -> None:
    """Render reports again from their report.json; nothing is measured."""
    with errors_as_exit_codes(debug):
        for written in choosing.render_again(folders, out):
            click.echo(written)


@click.command(
    epilog="\b\nExample:\n  python -m export recommend --max-first-token 700ms --max-memory 900MB --report report.json"
)
@click.option("--report", "paths", type=PATH, multiple=True, required=True, help="A report.json or its folder.")
@click.option("--max-first-token", help='Longest wait for the first token, as in "700ms" or "1.5s".')
@click.option("--max-memory", help='Largest resident set of the engine, as in "900MB" or "1GB".')
@click.option("--max-size", help="Largest file.")
@click.option("--prompt-tokens", type=click.IntRange(1), default=512, show_default=True, help="Prompt to wait for.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@DEBUG
def recommend(
    paths: tuple[Path, ...], max_first_token: str | None, max_memory: str | None, max_size: str | None,
    prompt_tokens: int, as_json: bool, debug: bool,
) -> None:  # fmt: skip
    """Name the variant with the best quality inside a budget, from measured rows only.

    The first token's wait is an estimate: the prompt's tokens divided by the measured prefill rate. It holds for the
    machine that the report names.
    """
    with errors_as_exit_codes(debug):
        budget = choosing.Budget.parse(max_first_token, max_memory, max_size, prompt_tokens)
        found = choosing.recommend([reports.read_report(path) for path in paths], budget)
        click.echo(json.dumps(found.to_dict()) if as_json else found.sentence())
