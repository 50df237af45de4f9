"""The importance matrix: what a calibration text sends through a model's float weights, for llama.cpp's quantization.

Knows the worker and the choice of text; not how llama.cpp uses the matrix (see ggml's weighted quantization).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from export import environments
from export.errors import SourceError
from export.files import sha256_of
from export.gguf import header
from export.gguf.building import Workshop
from export.measure.generator import Plan

DEFAULT_TEXT = Path(__file__).parents[2] / "samples" / "manuals" / "pump-unit" / "manual.md"
"""Our own: a manual with tables, numbers and codes, which is what the models are asked to read."""
WINDOWS = 32
WINDOW = 512
"""Tokens. 16,000 in all; llama.cpp's own tool is commonly run over 50,000 and more, but a channel's mean square over a
few thousand is near enough for four digits of a weight."""


@dataclass(frozen=True, slots=True)
class Importance:
    """A matrix, and what a manifest says of it."""

    matrix: Path
    facts: dict[str, object]


def make(shop: Workshop, plan: Plan, weights: Path, float16: Path, text: Path) -> Importance:
    """Read `text` with the float weights and write the matrix into the workshop.

    Args:
        shop: where it runs.
        plan: what will be measured; its text must be another one.
        weights: Hugging Face folder of the float weights.
        float16: the same as a GGUF file, whose tokens and names of tensors count.
        text: UTF-8, of at least one window.

    Raises:
        SourceError: the text is too short, or the one that the result is to be measured on.
    """
    digest = sha256_of(text)
    if digest == sha256_of(plan.text):
        raise SourceError(
            f"{text.name} cannot be both calibrated and measured on; name another text with --calibration or --text."
        )
    shop.progress(f"Weighing the inputs of each layer with {text.name} …")
    windows = shop.scratch / "calibration.json"
    try:
        chosen = plan.ask(
            "tokens", tokenizer=os.fspath(float16), text=os.fspath(text.resolve()), windows=os.fspath(windows),
            count=WINDOWS, window=min(WINDOW, plan.window), room=plan.kept_bytes, threads=plan.threads,
        )  # fmt: skip
    except SourceError as exc:
        raise SourceError(str(exc).replace("--text", "--calibration")) from exc
    matrix = shop.scratch / "importance.npz"
    request = {
        "source": os.fspath(weights),
        "windows": os.fspath(windows),
        "architecture": header.read(float16, float16.name).architecture,
        "target": os.fspath(matrix),
        "threads": shop.threads,
    }
    result = shop.work(environments.ensure(environments.GGUF, shop.progress), "generator_importance.py", request)
    tokens = int(chosen["windows"]) * min(WINDOW, plan.window)
    return Importance(
        matrix, {"text": text.name, "text_sha256": digest, "tokens": tokens, "tensors": result["tensors"]}
    )
