"""The command that compares libraries for approximate nearest neighbours."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from pathlib import Path

import click

from benchmarks import ann as comparison
from benchmarks.cli.shared import fail
from benchmarks.errors import BenchmarkError

_QUESTIONS = 300
_LIBRARIES = ("hnswlib", "usearch")


@click.command()
@click.option("--vectors", default=10_000, show_default=True, type=click.IntRange(1000, 5_000_000), help="How many.")
@click.option("--only", default="", help="Only candidates whose name holds this, like usearch or i8.")
@click.option(
    "--scratch", type=click.Path(path_type=Path), help="Folder for vectors and indexes, which are kept there."
)
@click.option("--seed", type=int, default=20261121, show_default=True, help="Of the manuals and of the questions.")
def ann(vectors: int, only: str, scratch: Path | None, seed: int) -> None:
    """Libraries for nearest neighbours, hnswlib beside usearch: time, recall, memory, files. Prints one
    JSON object a line.

    A million vectors take some 10 GB of scratch space and an hour.

    \b
    Example:
      pip install usearch
      python -m benchmarks ann --vectors 100000
    """
    with tempfile.TemporaryDirectory(prefix="fieldmate-benchmarks-") as passing:
        folder = scratch or Path(passing)
        try:
            _compare(vectors, only, folder, seed)
        except BenchmarkError as exc:
            fail(exc)


def _compare(count: int, only: str, folder: Path, seed: int) -> None:
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise BenchmarkError(f"{missing[0]} is not installed; install it with `pip install {missing[0]}`.")
    folder.mkdir(parents=True, exist_ok=True)
    vectors, queries = folder / f"vectors-{count}-{seed}.npy", folder / f"queries-{count}-{seed}.npy"
    if not (vectors.exists() and queries.exists()):
        part = vectors.with_suffix(".part")
        comparison.made(count, _QUESTIONS, part, queries, seed)
        part.replace(vectors)  # last: its existence means complete
    real = min(count, comparison.EMBEDDED)
    for row in comparison.compare(vectors, queries, folder / f"indexes-{count}-{seed}", only):
        click.echo(json.dumps(row | {"embedded": real}))


COMMANDS = (ann,)
