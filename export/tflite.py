"""Turns a folder of Hugging Face files into a LiteRT-LM bundle with int8 weights.

Knows the tflite toolchain and what a bundle must hold. It knows neither where the files came from nor manifests, and
measures nothing: `export.measure.tflite` does.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from export import environments
from export.environments import Progress
from export.errors import ConversionError, SourceError
from export.running import run_worker

BUNDLE = "model.litertlm"
CACHE_TOKENS = 2048
"""Length of the key/value cache where the caller names none: what the device's settings ask for by default."""
PREFILL_TOKENS = (128,)
"""Lengths of the prefill signatures; the runtime pads the last piece of a prompt."""
ROOM = 3.3
"""What conversion takes on disk for a byte of the source: at two bytes a weight, four and one for the graphs, one more
for the bundle, and some to spare."""


def convert(
    source_folder: Path, target: Path, progress: Progress, *, debug: bool, scratch: Path | None = None,
    cache_tokens: int = CACHE_TOKENS,
) -> dict[str, Any]:  # fmt: skip
    """Write `target`, a LiteRT-LM bundle of the model in `source_folder`, and return what was made.

    The result holds recipe, tools, start and stop tokens and the bytes of both graphs. With `scratch`, an existing
    folder, the graphs stay there and `float32_graph` and `int8_graph` name them, so that they can be measured.

    Raises:
        SourceError: there is too little room, or the model's context is unknown.
        ToolchainError: the toolchain cannot be created here.
        ConversionError: the toolchain does not convert this model.
    """
    python = environments.ensure(environments.TFLITE, progress)
    with _folder(scratch) as work:
        _check_room(source_folder, work)
        request = {
            "source": os.fspath(source_folder.resolve()),
            "bundle": os.fspath(work / BUNDLE),
            "scratch": os.fspath(work),
            "prefill_tokens": sorted({min(length, cache_tokens) for length in PREFILL_TOKENS}),
            "cache_tokens": cache_tokens,
        }
        progress("Converting to TFLite and quantizing to int8 (minutes) …")
        result = run_worker(python, "generator_tflite.py", request, work, debug=debug)
        if not (work / BUNDLE).is_file():
            raise ConversionError("The conversion made no bundle; run again with --debug to see all its output.")
        shutil.move(work / BUNDLE, target)
    if scratch is None:
        result = {key: value for key, value in result.items() if not key.endswith("_graph")}
    return result


@contextmanager
def _folder(scratch: Path | None) -> Iterator[Path]:
    """Yield the caller's folder, or one that goes away."""
    if scratch is not None:
        yield scratch.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="fieldmate-tflite-") as name:
        yield Path(name).resolve()


def _check_room(source: Path, work: Path) -> None:
    """Raise SourceError unless the float32 graph, the int8 graph and the bundle will fit."""
    weights = sum(path.stat().st_size for path in source.glob("*.safetensors"))
    needed = int(weights * ROOM)
    free = shutil.disk_usage(work).free
    if free < needed:
        raise SourceError(
            f"The conversion needs about {needed // 10**6} MB in {work.parent} and {free // 10**6} MB are free; "
            "make room, or name another place with TMPDIR."
        )
