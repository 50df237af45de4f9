from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.artifacts.manifest import read_manifest, write_manifest
from assistant.errors import ModelDamaged

RAW: dict[str, Any] = {
    "schema": 1,
    "id": "all-minilm-l6-v2-int8",
    "role": "embedder",
    "format": "onnx",
    "licence": "Apache-2.0",
    "dimensions": 384,
    "max_tokens": 256,
    "pooling": "mean",
    "normalize": True,
    "files": [
        {"path": "model.onnx", "bytes": 10, "sha256": "a" * 64},
        {"path": "tokenizer.json", "bytes": 5, "sha256": "b" * 64},
    ],
    "source": {"repo": "x", "anything": [1]},
    "recipe": {"per_channel": True},
    "tools": {"optimum": "1"},
    "quality": {"cosine": 0.99},
    "command": "python -m export embedder",
}


def write(folder: Path, **changes: Any) -> Path:
    (folder / "manifest.json").write_text(json.dumps({**RAW, **changes}))
    return folder


def test_a_manifest_survives_a_round_trip_with_what_it_does_not_know(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path), "do it")
    (tmp_path / "again").mkdir()
    write_manifest(tmp_path / "again", manifest)
    assert json.loads((tmp_path / "again" / "manifest.json").read_text()) == RAW
    assert manifest.main.path == "model.onnx"


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"files": []},
        {"files": [{"path": "../x.onnx", "bytes": 1, "sha256": "a" * 64}]},
        {"files": [{"path": "/etc/x.onnx", "bytes": 1, "sha256": "a" * 64}]},
        {"files": [{"path": "a/../../x.onnx", "bytes": 1, "sha256": "a" * 64}]},
        {"files": [{"path": "manifest.json", "bytes": 1, "sha256": "a" * 64}]},
        {"files": RAW["files"][:1] * 2},
        {"files": [{"path": "x.onnx", "bytes": 1, "sha256": "A" * 64}]},
        {"id": "../x"},
        {"surprise": 1},
        {"dimensions": 0},
    ],
)
def test_a_manifest_that_reaches_out_or_contradicts_itself_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelDamaged, match=r"cannot be used.*; do it\.$"):
        read_manifest(write(tmp_path, **changes), "do it")


def test_no_manifest_means_not_complete(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_manifest(tmp_path, "do it")


def test_half_a_manifest_is_damage(tmp_path: Path) -> None:
    write(tmp_path)
    whole = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / "manifest.json").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelDamaged):
        read_manifest(tmp_path, "do it")
