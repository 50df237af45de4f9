"""Probabilities out of a bundle's graph: against transformers in float32, which knows neither LiteRT nor our code."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from export.errors import ConversionError, ToolchainError
from export.measure import tflite
from export.measure.generator_logits import surprise

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
BUNDLE = ARTIFACTS / "tiny-bundle" / "tiny-int8.litertlm"
GOLDEN = json.loads((ARTIFACTS / "tiny-generator" / "golden.json").read_text("utf-8"))
needs_runtime = pytest.mark.skipif(find_spec("ai_edge_litert") is None, reason="pip install 'fieldmate[litert]'")


@pytest.fixture
def scorer() -> Iterator[tflite.TfliteScorer]:
    made = tflite.TfliteScorer(BUNDLE, 1)
    yield made
    made.close()


@needs_runtime
def test_int8_says_nearly_what_transformers_says_in_float32(scorer: tflite.TfliteScorer) -> None:
    for window, expected in zip(GOLDEN["windows"], GOLDEN["nll"], strict=True):
        assert surprise(scorer.logs(window, GOLDEN["scored"]), window) == pytest.approx(expected, rel=0.005)


@needs_runtime
def test_the_likeliest_tokens_are_transformers_likeliest(scorer: tflite.TfliteScorer) -> None:
    logs, golden = scorer.logs(GOLDEN["windows"][0], GOLDEN["scored"])[0], np.array(GOLDEN["first_logs"])
    assert logs.argmax() == golden.argmax()
    assert float(np.corrcoef(logs, golden)[0, 1]) > 0.99


@needs_runtime
def test_rows_are_logarithms_of_probabilities(scorer: tflite.TfliteScorer) -> None:
    logs = scorer.logs(GOLDEN["windows"][0], 5)
    assert logs.shape == (5, scorer.vocabulary)
    assert np.abs(np.exp(logs).sum(axis=1) - 1).max() < 1e-4


@needs_runtime
def test_a_token_is_judged_alike_whether_read_by_prefill_or_by_decode(scorer: tflite.TfliteScorer) -> None:
    window = GOLDEN["text_ids"][:200]
    late = scorer.logs(window, 2)  # 197 tokens through prefill: one full piece and a padded one
    early = scorer.logs(window, 190)[-2:]  # nine through prefill
    assert np.abs(late - early).max() < 0.2
    assert (late.argmax(axis=1) == early.argmax(axis=1)).all()


@needs_runtime
def test_what_was_read_before_leaves_no_trace(scorer: tflite.TfliteScorer) -> None:
    first = scorer.logs(GOLDEN["windows"][0], 8)
    scorer.logs(GOLDEN["windows"][1], 40)
    assert np.array_equal(scorer.logs(GOLDEN["windows"][0], 8), first)


@needs_runtime
def test_a_graph_compared_with_itself_is_no_worse(tmp_path: Path) -> None:
    graph, windows = tmp_path / "graph.tflite", tmp_path / "windows.json"
    graph.write_bytes(tflite.graph_of(BUNDLE))
    windows.write_text(json.dumps({"windows": GOLDEN["windows"][:3], "scored": 8}))
    result = tflite.compare(BUNDLE, graph, windows, 1)
    assert result["perplexity_increase"] == pytest.approx(0, abs=1e-9)
    assert result["agreement"] == 1
    assert result["kl"] == pytest.approx(0, abs=1e-9)
    assert result["ratio"] == 1
    assert result["positions"] == 24


@needs_runtime
def test_a_graph_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.tflite"
    path.write_bytes(bytes(64))
    code = (
        "import sys; from pathlib import Path; from export.errors import ConversionError\n"
        "from export.measure.tflite import TfliteScorer\n"
        "try: TfliteScorer(Path(sys.argv[1]), 1)\n"
        "except ConversionError as exc: print(exc)"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, cwd=ARTIFACTS.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout == "LiteRT cannot load the graph of graph.tflite; convert the model again.\n"


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.litertlm"
    path.write_bytes(BUNDLE.read_bytes()[:-1])
    with pytest.raises(ConversionError, match="damaged"):
        tflite.graph_of(path)


def test_without_the_runtime_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.compiled_model", None)
    with pytest.raises(ToolchainError, match=r"fieldmate\[litert\]"):
        tflite.TfliteScorer(BUNDLE, 1)
