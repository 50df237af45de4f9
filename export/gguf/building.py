"""Makes GGUF files: source -> float16 -> every type asked for, each in a process of its own.

Knows the workers and the order of steps; knows neither quality nor manifests.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from export import environments
from export.environments import Progress
from export.errors import ConversionError, SourceError
from export.files import write_json
from export.gguf import converter
from export.gguf.types import TYPES, QuantType
from export.running import run_worker


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where the steps run and what they may say."""

    scratch: Path
    """An empty folder on the disk of the result, removed by whoever made it."""
    progress: Progress
    debug: bool = False
    threads: int = 2
    tools: dict[str, str] = field(default_factory=dict)
    """Versions of what took part; grows with each step."""

    def work(self, python: Path, script: str, request: dict[str, Any]) -> dict[str, Any]:
        """Run a worker; its refusal becomes a SourceError, which is about the model and not about us."""
        result = run_worker(python, script, request, self.scratch, debug=self.debug)
        self.tools.update(result.get("tools", {}))
        return result


def read_back(shop: Workshop, source: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Return a Hugging Face folder in float32 made of a GGUF file, and what the worker says of it."""
    python = environments.ensure(environments.GGUF, shop.progress)
    target = shop.scratch / "source-float32"
    target.mkdir()
    shop.progress(f"Reading {name} back to float32 …")
    result = shop.work(python, "generator_dequantize.py", {"source": os.fspath(source), "target": os.fspath(target)})
    _refused(result, name)
    return target, result


def convert(shop: Workshop, folder: Path, name: str, licence: str, vocabulary: Path | None) -> Path:
    """Return the float16 GGUF file that llama.cpp's converter makes of a Hugging Face folder of our own."""
    python = environments.ensure(environments.GGUF, shop.progress)
    place = converter.ensure(python, shop.progress)
    shop.progress(f"Converting {name} with llama.cpp's converter …")
    metadata, target = shop.scratch / "metadata.json", shop.scratch / "f16.gguf"
    write_json(metadata, {"general.name": name})
    card = f"---\nlicense: {licence.lower()}\n---\n"  # the converter takes the licence from nowhere else
    (folder / "README.md").write_text(card, encoding="utf-8")
    request = {
        "converter": os.fspath(place),
        "source": os.fspath(folder),
        "target": os.fspath(target),
        "metadata": os.fspath(metadata),
        "vocabulary": os.fspath(vocabulary) if vocabulary else None,
    }
    result = shop.work(python, "generator_convert.py", request)
    _refused(result, name)
    if not target.is_file():
        raise ConversionError(f"The converter wrote no file for {name}; run again with --debug to see its output.")
    shop.tools["llama.cpp"] = converter.COMMIT
    return target


def quantize(shop: Workshop, source: Path, kind: QuantType, target: Path, importance: Path | None = None) -> Path:
    """Write the GGUF file `target` of another type, guided by an importance matrix if any. Raises ConversionError."""
    shop.progress(f"Quantizing to {kind.name} …")
    request = {
        "source": os.fspath(source),
        "target": os.fspath(target),
        "type": kind.number,
        "threads": shop.threads,
        "importance": os.fspath(importance) if importance else None,
    }
    result = shop.work(Path(sys.executable), "generator_quantize.py", request)
    if result.get("refused") or not target.is_file():
        raise ConversionError(
            f"llama.cpp cannot quantize to {kind.name} ({result.get('refused', 'it wrote no file')}); "
            "leave that type out of --types."
        )
    return target


def float16(shop: Workshop, source: Path) -> Path:
    """Return an unquantized GGUF file in float16: the source itself where it is, else made of it."""
    return quantize(shop, source, TYPES["f16"], shop.scratch / "f16.gguf")


def _refused(result: dict[str, Any], name: str) -> None:
    if reason := result.get("refused"):
        raise SourceError(f"{name} cannot be converted: {reason}; choose another model.")
