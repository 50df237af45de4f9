"""Opens the tiny embedder that `make_tiny_embedder.py` made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assistant.engines.onnx import OnnxEmbedder

TINY = Path(__file__).with_name("tiny-embedder")
TINY_ID = "tiny-embedder"
DIMENSIONS = 32
MAX_TOKENS = 64


def open_tiny_embedder() -> OnnxEmbedder:
    """The tiny embedder, on one thread."""
    return OnnxEmbedder(TINY, "tiny", dimensions=DIMENSIONS, max_tokens=MAX_TOKENS, threads=1)


def golden() -> list[dict[str, Any]]:
    """What it must say, by the reference: texts with their tokens and vectors."""
    loaded: list[dict[str, Any]] = json.loads((TINY / "golden.json").read_text("utf-8"))
    return loaded
