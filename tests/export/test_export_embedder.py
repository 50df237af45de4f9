"""The worker's arithmetic, the committed artifact, and (engine) the whole export compared with it byte for byte."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.engines.onnx import OnnxEmbedder
from export import embedder_report, files
from export.embedder import CONTENT, Options, export_embedder
from export.embedder_report import MIN_COSINE, MIN_RECALL
from export.errors import SourceError
from export.running import WORKERS
from export.workers import embedder_onnx, embedder_recipes
from export.workers.embedder_recipes import CONTROLS, DEFAULT, RECIPES, REFERENCE, Recipe

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "models" / "all-minilm-l6-v2-int8"
SENTENCES = (
    "The pump is running dry.", "Open the inlet valve and reset the unit.", "How do I clean the milk frother?",
    "Rinse the steam nozzle after each drink.", "Error E07", "The warranty is void if the seal is broken.",
    "Hold the power button for three seconds to restart.",
)  # fmt: skip
GOLDEN = (
    (1.0, 0.271, 0.246, 0.17, 0.082, 0.098, 0.085),
    (0.271, 1.0, 0.23, 0.363, 0.284, 0.137, 0.576),
    (0.246, 0.23, 1.0, 0.508, 0.031, 0.002, 0.256),
    (0.17, 0.363, 0.508, 1.0, 0.008, 0.028, 0.3),
    (0.082, 0.284, 0.031, 0.008, 1.0, 0.082, 0.199),
    (0.098, 0.137, 0.002, 0.028, 0.082, 1.0, 0.039),
    (0.085, 0.576, 0.256, 0.3, 0.199, 0.039, 1.0),
)
"""Cosines between the sentences from transformers 4.57.6 in float32, pooled by the mean: not from our own output."""


def test_the_nearest_other_vector_is_never_the_vector_itself() -> None:
    vectors = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
    assert embedder_onnx.nearest(vectors).tolist() == [1, 0, 1]


def test_the_sentences_differ_and_are_about_two_hundred() -> None:
    sentences = (WORKERS / "sentences.txt").read_text(encoding="utf-8").splitlines()
    assert len(sentences) == len(set(sentences)) == 200
    assert all(sentence.strip() == sentence != "" for sentence in sentences)


def test_recipes_have_names_and_endings_of_their_own_and_the_reference_comes_first() -> None:
    assert len({recipe.name for recipe in RECIPES}) == len({recipe.ending for recipe in RECIPES}) == len(RECIPES)
    assert RECIPES[0].name == REFERENCE
    assert {DEFAULT, *CONTROLS} <= {recipe.name for recipe in RECIPES}
    assert embedder_recipes.named(DEFAULT).ending == "int8"


def test_a_manifest_tells_what_differs_from_the_plainest_recipe() -> None:
    assert Recipe("x", exclude=("y",)).options() == {"quantization": "dynamic", "exclude": ("y",), "per_channel": True}
    assert Recipe("x", "none").options() == {"quantization": "none"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"mean_cosine": MIN_COSINE, "recall_at_10": MIN_RECALL}, None),
        ({"mean_cosine": MIN_COSINE}, None),
        ({"mean_cosine": 0.98, "recall_at_10": 1.0}, "mean cosine 0.9800"),
        ({"mean_cosine": 1.0, "recall_at_10": 0.94}, "recall@10 0.940"),
        ({"mean_cosine": float("nan")}, "mean cosine nan"),
        ({"mean_cosine": 1.0, "recall_at_10": float("nan")}, "recall@10 nan"),
    ],
)
def test_the_limits_stop_what_is_below_them_and_what_is_no_number(row: dict[str, float], words: str | None) -> None:
    reason = embedder_report.refusal(row, MIN_COSINE, MIN_RECALL)
    assert reason is None if words is None else words in str(reason)


def test_questions_without_passages_are_refused_before_anything_is_converted(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--passages"):
        export_embedder("nothing", Options(questions=tmp_path / "q.jsonl"), print)


def test_the_committed_artifact_is_what_its_manifest_says() -> None:
    manifest = json.loads((COMMITTED / files.MANIFEST).read_text(encoding="utf-8"))
    assert manifest["files"] == files.describe_files(COMMITTED, "model.onnx")
    assert {path.name for path in COMMITTED.iterdir()} <= CONTENT
    assert (manifest["dimensions"], manifest["max_tokens"], manifest["pooling"]) == (384, 256, "mean")
    assert manifest["recipe"] == {"name": DEFAULT, **embedder_recipes.named(DEFAULT).options()}
    quality = manifest["quality"]
    assert quality["mean_cosine"] >= MIN_COSINE
    for control in (each for each in quality["candidates"] if each["recipe"] in CONTROLS):
        assert quality["same_nearest"] > control["same_nearest"]
        assert quality["min_cosine"] > control["min_cosine"]


def test_the_committed_artifact_has_a_quarter_of_the_float_bytes() -> None:
    quality = json.loads((COMMITTED / files.MANIFEST).read_text(encoding="utf-8"))["quality"]
    size = (COMMITTED / "model.onnx").stat().st_size
    assert size <= 24_000_000
    assert quality["float32_bytes"] / size >= 3.8


def test_the_committed_artifact_says_what_transformers_says_in_float32() -> None:
    loaded = OnnxEmbedder(COMMITTED, "committed", dimensions=384, max_tokens=256, threads=1)
    alone = np.concatenate([loaded.embed([sentence]) for sentence in SENTENCES])
    together = loaded.embed(SENTENCES)
    for vectors in (alone, together):
        np.testing.assert_allclose(vectors @ vectors.T, np.array(GOLDEN), atol=0.03)
    assert (alone * together).sum(axis=1).min() > 0.99  # what else is in a batch hardly changes a text's vector


def test_the_committed_tokenizer_neither_cuts_nor_pads() -> None:
    tokenizer = json.loads((COMMITTED / "tokenizer.json").read_text(encoding="utf-8"))
    assert (tokenizer["truncation"], tokenizer["padding"]) == (None, None)


def run_export(target: Path, home: Path, *options: object, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "export", "embedder", "all-minilm-l6-v2", "--out", str(target), *map(str, options)]
    environment = os.environ | variables | {"FIELDMATE_EXPORT_HOME": str(home)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.engine
@pytest.mark.timeout(3600)
def test_an_export_from_nothing_gives_the_committed_bytes_and_repeats_offline(tmp_path: Path) -> None:
    first, again, home = tmp_path / "first", tmp_path / "again", tmp_path / "home"
    done = run_export(first, home)
    assert done.returncode == 0, done.stderr
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "/dev/null"}
    assert run_export(again, home, **offline).returncode == 0
    for path in sorted(first.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    made, committed = (json.loads((folder / files.MANIFEST).read_text()) for folder in (first, COMMITTED))
    assert made["files"] == committed["files"]
    # Cosines move in the last digits with the processor's int8 instructions, tools with the build of torch.
    assert made["quality"]["mean_cosine"] == pytest.approx(committed["quality"]["mean_cosine"], abs=0.002)
    for varying in ("quality", "tools"):
        del made[varying], committed[varying]
    assert made == committed
    everything_is_measured_and_a_bad_recipe_is_stopped(tmp_path, home, offline)


def everything_is_measured_and_a_bad_recipe_is_stopped(tmp_path: Path, home: Path, offline: dict[str, str]) -> None:
    out, report = tmp_path / "bad", tmp_path / "report"
    done = run_export(out, home, "--recipe", "per-tensor", "--report", report, "--rounds", 2, **offline)
    assert done.returncode == 4
    assert "per-tensor is too far from its source (mean cosine" in done.stderr.splitlines()[-1]
    assert not out.exists()
    rows: dict[str, Any] = {row["variant"]: row for row in json.loads((report / "report.json").read_text())["rows"]}
    assert [*rows] == [recipe.name for recipe in RECIPES]
    assert (rows[DEFAULT]["refused"], rows["float16"]["recall_at_10"]) == (None, pytest.approx(1.0, abs=0.01))
    assert rows["per-tensor"]["recall_at_10"] < rows["per-channel"]["recall_at_10"] < rows[DEFAULT]["recall_at_10"]
    assert len([*report.glob("plot-*.svg")]) == 3
