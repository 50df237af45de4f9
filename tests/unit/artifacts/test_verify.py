from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest

from assistant.artifacts.fields import ExpectedFile
from assistant.artifacts.verify import check_file, header_problem, sha256_of
from assistant.errors import ModelDamaged

from .conftest import gguf, onnx, sha256


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.gguf", gguf()),
        ("a.onnx", onnx()),
        ("a.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(100)),
        ("a.litertlm", b"LITERTLM" + bytes(100)),
        ("a.json", b' {"version": "1.0"}'),
        ("a.txt", b"notes"),
    ],
)
def test_a_right_header_passes(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert header_problem(tmp_path / name) is None


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.gguf", b"", "does not begin like a GGUF"),
        ("a.gguf", b"GGUF" + b"\xff" * 40, "does not begin like a GGUF"),
        ("a.gguf", b"GGUF\x01\x00\x00\x00" + bytes(40), "does not begin like a GGUF"),
        ("a.gguf", b"<!DOCTYPE html>" + bytes(40), "does not begin like a GGUF"),
        ("a.gguf", pickle.dumps({"a": 1}), "pickle, which is never loaded"),
        ("a.onnx", onnx()[:-100], "does not begin like a ONNX"),
        ("a.onnx", gguf(), "does not begin like a ONNX"),
        ("a.tflite", b"TFL3" + bytes(40), "does not begin like a TFLite"),
        ("a.pt", gguf(), "of a kind that is not loaded"),
        ("a.pkl", gguf(), "of a kind that is not loaded"),
        ("model", gguf(), "of a kind that is not loaded"),
    ],
)
def test_a_wrong_header_is_told(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert said in (header_problem(tmp_path / name) or "")


def test_an_archive_is_refused_under_the_name_of_a_model(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.onnx", "w") as archive:
        archive.writestr("data.pkl", b"x")
    assert "ZIP archive" in (header_problem(tmp_path / "a.onnx") or "")


@pytest.mark.parametrize("damage", ["flipped", "truncated", "longer", "other"])
def test_wrong_bytes_are_told_with_both_hashes_and_the_next_step(tmp_path: Path, damage: str) -> None:
    right = gguf()
    wrong = {
        "flipped": right[:1000] + bytes([right[1000] ^ 1]) + right[1001:],
        "truncated": right[:-5],
        "longer": right + b"\0",
        "other": gguf(seed=2),
    }[damage]
    path = tmp_path / "a.gguf"
    path.write_bytes(wrong)
    with pytest.raises(ModelDamaged) as caught:
        check_file(path, ExpectedFile("a.gguf", len(right), sha256(right)), "run this")
    said = str(caught.value)
    assert sha256(right) in said
    assert sha256(wrong) in said
    assert str(path) in said
    assert said.endswith("run this.")
    assert (f"instead of {len(right)}" in said) == (len(wrong) != len(right))


def test_the_right_bytes_pass_and_progress_reaches_the_end(tmp_path: Path) -> None:
    data = gguf(3_000_000)
    (tmp_path / "a.gguf").write_bytes(data)
    assert check_file(tmp_path / "a.gguf", ExpectedFile("a.gguf", None, sha256(data)), "x") == sha256(data)
    assert sha256_of(tmp_path / "a.gguf") == sha256(data)
