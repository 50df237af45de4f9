"""Opens the tiny embedder that `make_tiny_embedder.py` made, and installs a tiny generator."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from assistant.artifacts.manifest import MANIFEST
from assistant.engines.onnx import OnnxEmbedder
from assistant.settings import GeneratorSettings, Settings

TINY = Path(__file__).with_name("tiny-embedder")
TINY_ID = "tiny-embedder"
TINY_GENERATOR = Path(__file__).with_name("tiny-generator") / "tiny-f16.gguf"
"""A real Llama of two layers with random weights."""
DIMENSIONS = 32
MAX_TOKENS = 64


def open_tiny_embedder() -> OnnxEmbedder:
    """The tiny embedder, on one thread."""
    return OnnxEmbedder(TINY, "tiny", dimensions=DIMENSIONS, max_tokens=MAX_TOKENS, threads=1)


def own_generator(settings: Settings, data: bytes) -> Settings:
    """Settings whose generator is an owner's own file, as `models import` leaves it."""
    folder = settings.models / "own"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(data)
    file = {"path": "model.gguf", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest = {"schema": 1, "id": "own", "role": "generator", "format": "gguf", "licence": "MIT", "files": [file]}
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return msgspec.structs.replace(settings, generator=GeneratorSettings(id="own"))


def golden() -> list[dict[str, Any]]:
    """What it must say, by the reference: texts with their tokens and vectors."""
    loaded: list[dict[str, Any]] = json.loads((TINY / "golden.json").read_text("utf-8"))
    return loaded
