"""The tflite toolchain at work (engine): the tiny Llama becomes the committed bundle again, compared with float32.

FIELDMATE_EXPORT_HOME names a home whose toolchain is reused; without it one is made from nothing, which takes minutes.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.engines.litert_bundle import read_bundle
from export import tflite
from export.errors import ConversionError
from export.measure.generator_logits import surprise
from export.measure.tflite import TfliteScorer, compare
from tests.artifacts.make_tiny_bundle import BUNDLE, CACHE_TOKENS, SOURCE

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800), pytest.mark.xdist_group("tflite-toolchain")]

GIVEN = os.environ.get("FIELDMATE_EXPORT_HOME")
GOLDEN = json.loads((SOURCE.parent / "golden.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = Path(GIVEN) if GIVEN else tmp_path_factory.mktemp("export-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMATE_EXPORT_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def made(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    scratch = tmp_path_factory.mktemp("scratch")
    target = scratch / "tiny.litertlm"
    said = tflite.convert(SOURCE, target, lambda _: None, debug=False, scratch=scratch, cache_tokens=CACHE_TOKENS)
    return target, said


def test_the_same_source_gives_the_same_bytes(made: tuple[Path, dict[str, Any]]) -> None:
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (made[0], BUNDLE)}
    assert len(digests) == 1


def test_the_bundle_holds_what_the_device_needs(made: tuple[Path, dict[str, Any]]) -> None:
    bundle = read_bundle(made[0])
    assert bundle.signatures == ("prefill_128", "decode")
    assert bundle.max_tokens == CACHE_TOKENS
    assert "<|im_start|>assistant" in bundle.template
    assert made[1]["stop_tokens"] == [4]
    assert bundle.graph.end - bundle.graph.begin == made[1]["int8_bytes"]


def test_the_float32_graph_says_what_transformers_says(made: tuple[Path, dict[str, Any]]) -> None:
    pytest.importorskip("ai_edge_litert", reason="pip install 'fieldmate[litert]'")
    scorer = TfliteScorer(Path(made[1]["float32_graph"]), 1)
    for window, expected in zip(GOLDEN["windows"], GOLDEN["nll"], strict=True):
        assert surprise(scorer.logs(window, GOLDEN["scored"]), window) == pytest.approx(expected, abs=1e-2)


def test_int8_is_measured_against_the_float32_graph_it_came_from(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    pytest.importorskip("ai_edge_litert", reason="pip install 'fieldmate[litert]'")
    windows = tmp_path / "windows.json"
    windows.write_text(json.dumps(GOLDEN))
    result = compare(made[0], Path(made[1]["float32_graph"]), windows, 1)
    assert abs(result["perplexity_increase"]) < 2
    assert result["agreement"] > 0.8
    assert result["ratio"] > 1.5


def test_a_source_that_the_toolchain_does_not_know_is_one_sentence(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for path in SOURCE.iterdir():
        (source / path.name).write_bytes(path.read_bytes())
    config = json.loads((source / "config.json").read_text("utf-8"))
    (source / "config.json").write_text(json.dumps(config | {"model_type": "nonesuch", "architectures": ["Nonesuch"]}))
    with pytest.raises(ConversionError) as caught:
        tflite.convert(source, tmp_path / "model.litertlm", lambda _: None, debug=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.litertlm").exists()
