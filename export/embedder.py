"""Makes an int8 ONNX embedder artifact out of a sentence encoder.

Orchestrates: source -> worker in its toolchain -> files -> manifest last. Knows no torch, ONNX or command line.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from export import environments, files, sources
from export.checkpoints import LICENCE_FILES
from export.environments import Progress
from export.errors import ConversionError, SourceError
from export.running import WORKERS, run_worker
from export.sources import Source

MODELS = Path(__file__).parents[1] / "models"
MODEL = "model.onnx"
CONTENT = frozenset({MODEL, "tokenizer.json", files.MANIFEST}) | LICENCE_FILES
"""Every name that an embedder artifact may hold."""
COSINE_FLOOR = 0.98
"""Mean cosine to float32 below which an artifact is refused: per-tensor int8, which loses neighbours, has 0.96."""


def export_embedder(
    source: str, out: Path | None, progress: Progress, *, licence: str | None = None, force: bool = False,
    debug: bool = False,
) -> Path:  # fmt: skip
    """Write the artifact and return its folder: `out`, or the checkout's models folder and the artifact's id.

    Nothing appears under the final name before it is complete. Raises an ExportError.
    """
    if out is not None:
        files.check_target(out, force=force, ours=CONTENT)
    with tempfile.TemporaryDirectory(prefix="fieldmate-export-") as name:
        scratch = Path(name)
        found = sources.resolve(source, scratch, progress)
        spdx = found.licence or licence
        if spdx is None:
            raise SourceError(f"The licence of {found.name} is not known; name it with --licence SPDX-ID.")
        target = (out or MODELS / artifact_id(found)).resolve()
        files.check_target(target, force=force, ours=CONTENT)
        python = environments.ensure(environments.EMBEDDER, progress)
        with files.publishing(target, _lock_of(target)) as folder:
            progress(f"Converting and measuring {found.name} …")
            result = _convert(python, found, folder, scratch, debug=debug)
            files.write_json(folder / files.MANIFEST, manifest(found, spdx, result, folder))
    return target


def artifact_id(source: Source) -> str:
    """Return the id of the artifact that is made of `source`."""
    return f"{source.name}-int8"


def _convert(python: Path, source: Source, folder: Path, scratch: Path, *, debug: bool) -> dict[str, Any]:
    request = {
        "source": os.fspath(source.folder),
        "target": os.fspath(folder),
        "scratch": os.fspath(scratch),
        "sentences": os.fspath(WORKERS / "sentences.txt"),
        "max_tokens": source.checkpoint.max_tokens,
    }
    result = run_worker(python, "embedder_onnx.py", request, scratch, debug=debug)
    mean = result["chosen"]["mean_cosine"]
    if result["dimensions"] != source.checkpoint.dimensions or mean < COSINE_FLOOR:
        raise ConversionError(
            f"The int8 model of {source.name} is too far from its source (mean cosine {mean:.3f}, "
            f"{result['dimensions']} dimensions); choose another embedder."
        )
    for name in sorted(LICENCE_FILES):
        if (source.folder / name).exists():
            shutil.copyfile(source.folder / name, folder / name)
    return result


def manifest(source: Source, licence: str, result: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the manifest. It holds no time, path or machine, so equal input gives equal bytes."""
    chosen = result["chosen"]
    ident = artifact_id(source)
    return {
        "schema": 1,
        "id": ident,
        "role": "embedder",
        "format": "onnx",
        "licence": licence,
        "dimensions": source.checkpoint.dimensions,
        "max_tokens": source.checkpoint.max_tokens,
        "pooling": source.checkpoint.pooling,
        "normalize": True,
        "files": files.describe_files(folder, main=MODEL),
        "source": source.provenance,
        "recipe": {"name": chosen["recipe"], "quantization": "dynamic", **result["options"]},
        "tools": result["tools"],
        "quality": {
            "reference": "float32 ONNX, one text a call",
            "mean_cosine": chosen["mean_cosine"],
            "min_cosine": chosen["min_cosine"],
            "same_nearest": chosen["same_nearest"],
            "sentences": result["sentences"],
            "float32_bytes": result["float32_bytes"],
            "candidates": result["candidates"],
        },
        "command": f"python -m export embedder {source.name} --out models/{ident}",
    }


def _lock_of(target: Path) -> Path:
    """Return the lock of an output folder; it lies with the environments, so that none litters models/."""
    key = hashlib.sha256(os.fspath(target).encode()).hexdigest()[:16]
    return environments.home() / "locks" / f"out-{key}.lock"
