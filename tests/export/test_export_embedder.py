"""The worker's arithmetic, the committed artifact, and (engine) the whole export compared with it byte for byte."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export import files
from export.embedder import CONTENT, COSINE_FLOOR
from export.running import WORKERS
from export.workers import embedder_onnx

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "models" / "all-minilm-l6-v2-int8"


def candidate(recipe: str, size: int, mean: float, least: float) -> dict[str, Any]:
    return {"recipe": recipe, "bytes": size, "mean_cosine": mean, "min_cosine": least}


def test_the_nearest_recipe_within_the_size_limit_is_chosen() -> None:
    limit = embedder_onnx.SIZE_LIMIT
    best = candidate("best", limit + 1, 0.999, 0.999)
    near, worse = candidate("near", limit, 0.99, 0.98), candidate("worse", limit, 0.99, 0.97)
    assert embedder_onnx.choose([worse, best, near]) is near
    assert embedder_onnx.choose([best]) is best


def test_the_nearest_other_vector_is_never_the_vector_itself() -> None:
    vectors = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
    assert embedder_onnx.nearest(vectors).tolist() == [1, 0, 1]


def test_the_sentences_differ_and_are_about_two_hundred() -> None:
    sentences = (WORKERS / "sentences.txt").read_text(encoding="utf-8").splitlines()
    assert len(sentences) == len(set(sentences)) == 200
    assert all(sentence.strip() == sentence != "" for sentence in sentences)


def test_the_committed_artifact_is_what_its_manifest_says() -> None:
    manifest = json.loads((COMMITTED / files.MANIFEST).read_text(encoding="utf-8"))
    assert manifest["files"] == files.describe_files(COMMITTED, "model.onnx")
    assert {path.name for path in COMMITTED.iterdir()} <= CONTENT
    assert (manifest["dimensions"], manifest["max_tokens"], manifest["pooling"]) == (384, 256, "mean")
    quality = manifest["quality"]
    assert quality["mean_cosine"] >= COSINE_FLOOR
    per_tensor = next(each for each in quality["candidates"] if each["recipe"] == "per-tensor")
    assert quality["same_nearest"] > per_tensor["same_nearest"]


def test_the_committed_tokenizer_neither_cuts_nor_pads() -> None:
    tokenizer = json.loads((COMMITTED / "tokenizer.json").read_text(encoding="utf-8"))
    assert (tokenizer["truncation"], tokenizer["padding"]) == (None, None)


def run_export(target: Path, home: Path, **variables: str) -> None:
    command = [sys.executable, "-m", "export", "embedder", "all-minilm-l6-v2", "--out", str(target)]
    subprocess.run(command, cwd=ROOT, env=os.environ | variables | {"FIELDMATE_EXPORT_HOME": str(home)}, check=True)


@pytest.mark.engine
@pytest.mark.timeout(1800)
def test_an_export_from_nothing_gives_the_committed_bytes_and_repeats_offline(tmp_path: Path) -> None:
    first, again, home = tmp_path / "first", tmp_path / "again", tmp_path / "home"
    run_export(first, home)
    run_export(again, home, PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE="/dev/null")
    for path in sorted(first.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    made, committed = (json.loads((folder / files.MANIFEST).read_text()) for folder in (first, COMMITTED))
    assert made["files"] == committed["files"]
    # Cosines move in the last digits with the processor's int8 instructions, tools with the build of torch.
    assert made["quality"]["mean_cosine"] == pytest.approx(committed["quality"]["mean_cosine"], abs=0.002)
    for varying in ("quality", "tools"):
        del made[varying], committed[varying]
    assert made == committed
