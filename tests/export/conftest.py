"""A tiny folder of Hugging Face files, whole in every respect that the exporter checks before it converts."""

import json
import struct
from pathlib import Path

import pytest


def safetensors(values: int = 4) -> bytes:
    """Return a safetensors file with one float32 tensor."""
    entry = {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}
    header = json.dumps({"weight": entry}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * values)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a folder that passes every check; its weights are in no catalogue."""
    folder = tmp_path / "Tiny_Model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"hidden_size": 8, "max_position_embeddings": 512}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64}))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(safetensors())
    return folder
