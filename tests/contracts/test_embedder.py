"""One contract for every embedder: what `protocols.Embedder` promises, on the fake, a tiny real one and the default."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.engines.fake import FakeEmbedder
from assistant.engines.onnx import OnnxEmbedder
from assistant.errors import ModelDamaged
from assistant.protocols import Embedder
from assistant.wiring import EMBEDDERS
from tests.artifacts.tiny import DIMENSIONS, MAX_TOKENS, TINY, golden, open_tiny_embedder

BUNDLED = Path(__file__).parents[2] / "models" / "all-minilm-l6-v2-int8"
OPENERS: dict[str, Callable[[], Embedder]] = {
    "fake": FakeEmbedder,
    "tiny": open_tiny_embedder,
    "bundled": lambda: OnnxEmbedder(BUNDLED, "bundled", dimensions=384, max_tokens=256),
}
NEIGHBOUR_ERROR = {"fake": 0.0, "tiny": 1e-6, "bundled": 0.05}
"""Largest 1 - cosine between a text's vector alone and among neighbours. The bundled embedder is quantized dynamically:
the scale of its activations is that of the whole batch, padding included. Measured: 0.032 for the empty text beside one
of 100 tokens; 0.012 at most and 0.006 on average for manual passages sorted by length."""
TEXTS = [
    "Error E07 means that the pump is running dry.",
    "Replace the milk filter every 6 months.",
    "pump",
    "",
    "The torque of the M8 bolts is 25 Nm; tighten them crosswise, wait 10 minutes and tighten them again. " * 4,
    "Prüfe das Ventil Y1 · 水泵 5.5 kW 🙂",
]


@pytest.fixture(scope="module", params=OPENERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def embedder(name: str) -> Iterator[Embedder]:
    opened = OPENERS[name]()
    yield opened
    opened.close()


def test_every_embedder_of_the_table_is_under_contract() -> None:
    assert set(EMBEDDERS.values()) == {"assistant.engines.onnx:OnnxEmbedder"}


def test_embedders_keep_the_protocol(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)


def test_there_is_one_float32_row_a_text_of_the_stated_length(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32


def test_every_vector_has_length_one_even_that_of_no_text(embedder: Embedder) -> None:
    lengths = np.linalg.norm(embedder.embed(TEXTS), axis=1)
    assert np.abs(lengths - 1).max() < 1e-5


def test_no_texts_make_an_empty_array_of_the_right_width(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_the_same_texts_make_the_same_bits(embedder: Embedder) -> None:
    assert np.array_equal(embedder.embed(TEXTS), embedder.embed(TEXTS))


def test_rows_are_in_the_order_given(embedder: Embedder, name: str) -> None:
    forwards, backwards = embedder.embed(TEXTS), embedder.embed(TEXTS[::-1])
    assert np.abs(1 - (forwards * backwards[::-1]).sum(1)).max() <= NEIGHBOUR_ERROR[name] + 1e-6


def test_a_vector_does_not_depend_on_its_neighbours(embedder: Embedder, name: str) -> None:
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.abs(1 - (together * alone).sum(1)).max() <= NEIGHBOUR_ERROR[name] + 1e-6


def test_different_texts_have_different_vectors(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    cosines = vectors @ vectors.T - np.eye(len(TEXTS))
    assert cosines.max() < 0.99


def test_a_batch_larger_than_one_call_keeps_every_row(embedder: Embedder, name: str) -> None:
    texts = [f"step {number} of the procedure" for number in range(150)]
    together = embedder.embed(texts)
    for index in (0, 77, 149):
        assert 1 - float(together[index] @ embedder.embed([texts[index]])[0]) <= NEIGHBOUR_ERROR[name] + 1e-6


def test_no_text_counts_only_the_special_tokens(embedder: Embedder) -> None:
    assert embedder.count_tokens("") == 2


def test_tokens_are_counted_beyond_the_limit(embedder: Embedder) -> None:
    # Uncut: a count that stopped at the limit would tell the splitter that everything fits.
    once = embedder.count_tokens("valve") - 2
    assert embedder.count_tokens("valve " * 1000) == 1000 * once + 2


def test_counting_does_not_change_what_is_embedded(embedder: Embedder) -> None:
    before = embedder.embed(TEXTS)
    embedder.count_tokens("valve " * 5000)
    assert np.array_equal(before, embedder.embed(TEXTS))


def test_what_lies_beyond_the_limit_is_not_seen(embedder: Embedder) -> None:
    whole = "valve " * (embedder.max_tokens - 2)
    assert embedder.count_tokens(whole) == embedder.max_tokens
    vectors = embedder.embed([whole, whole + "pump motor drive" * 300])
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-5


def test_the_last_word_within_the_limit_is_seen(embedder: Embedder) -> None:
    start = "valve " * (embedder.max_tokens - 3)
    vectors = np.concatenate([embedder.embed([start + word]) for word in ("valve", "pump")])
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-4


def test_a_text_of_a_million_characters_is_embedded(embedder: Embedder) -> None:
    assert np.isfinite(embedder.embed(["valve " * 170_000])).all()


@pytest.mark.parametrize(
    "text", ["\0", "\ud800", "\u200b\u200b", "\n\t ", "🙂" * 50, "水泵が動かない", "ا" * 300, "a" * 5000], ids=ascii
)
def test_no_characters_are_refused(embedder: Embedder, text: str) -> None:
    vectors = embedder.embed([text, "pump"])
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5


def test_the_fingerprint_is_the_same_at_every_opening(name: str) -> None:
    first, second = OPENERS[name](), OPENERS[name]()
    assert first.fingerprint == second.fingerprint != ""
    first.close()
    second.close()


def test_closing_twice_is_harmless(name: str) -> None:
    opened = OPENERS[name]()
    opened.close()
    opened.close()


# The fake: its arithmetic can be done in the head.


def test_the_fake_counts_each_word_in_one_bin() -> None:
    vector = FakeEmbedder(dimensions=64).embed(["pump pump valve"])[0]
    assert sorted(float(number) for number in vector if number) == pytest.approx([1 / 5**0.5, 2 / 5**0.5])


# The tiny one: exact, against a reference in numpy that knows neither onnxruntime nor our engine.


def test_the_tiny_embedder_says_what_the_reference_says() -> None:
    expected = golden()
    embedder = open_tiny_embedder()
    vectors = embedder.embed([item["text"] for item in expected])
    assert np.abs(vectors - np.array([item["vector"] for item in expected])).max() < 1e-5
    embedder.close()


def test_the_tiny_embedder_counts_what_the_reference_counts() -> None:
    embedder = open_tiny_embedder()
    for item in golden():
        assert embedder.count_tokens(item["text"]) == item["tokens"]
    embedder.close()


def test_pooling_by_the_first_token_differs_from_the_mean() -> None:
    mean = open_tiny_embedder()
    first = OnnxEmbedder(TINY, "tiny", dimensions=DIMENSIONS, max_tokens=MAX_TOKENS, pooling="cls", threads=1)
    texts = [item["text"] for item in golden()]
    assert np.abs(mean.embed(texts) - first.embed(texts)).max() > 0.01
    assert np.abs(np.linalg.norm(first.embed(texts), axis=1) - 1).max() < 1e-5


def test_an_unknown_pooling_is_refused_by_name() -> None:
    with pytest.raises(ModelDamaged, match="'max'"):
        OnnxEmbedder(TINY, "tiny", dimensions=DIMENSIONS, max_tokens=MAX_TOKENS, pooling="max")


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "noise"])
def test_a_damaged_artifact_is_refused_with_the_next_step(file: str, damage: str, tmp_path: Path) -> None:
    folder = shutil.copytree(TINY, tmp_path / "copy")
    data = (folder / file).read_bytes()
    if damage == "missing":
        (folder / file).unlink()
    else:
        (folder / file).write_bytes({"empty": b"", "half": data[: len(data) // 2], "noise": data[::-1]}[damage])
    with pytest.raises(ModelDamaged, match=r"fieldmate models verify`\.$") as caught:
        OnnxEmbedder(folder, "tiny", dimensions=DIMENSIONS, max_tokens=MAX_TOKENS)
    assert "\n" not in str(caught.value)
    assert file in str(caught.value)


def test_a_wrong_number_of_dimensions_is_refused_before_anything_is_embedded() -> None:
    with pytest.raises(ModelDamaged, match="dimensions"):
        OnnxEmbedder(TINY, "tiny", dimensions=DIMENSIONS + 1, max_tokens=MAX_TOKENS)


# The bundled one: what it is for.


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("What does error E07 mean?", "E07: the pump is running dry.", "Clean the milk container every evening."),
        ("How often must the filter be replaced?", "Change the filter every 6 months.", "The device weighs 14 kg."),
        ("How do I switch the machine off?", "Press the power button to turn it off.", "The inlet pipe is of copper."),
        ("What is the tightening torque?", "Tighten the bolts to 25 Nm.", "The display shows the water temperature."),
        ("Why is there no hot water?", "If the water stays cold, check the heater.", "Warranty lasts two years."),
    ],
)
def test_a_question_is_nearer_to_its_answer_than_to_other_text(
    bundled_embedder: Embedder, question: str, answer: str, other: str
) -> None:
    asked, right, wrong = bundled_embedder.embed([question, answer, other])
    assert float(asked @ right) > float(asked @ wrong) + 0.1


def test_the_same_in_other_words_is_near_although_no_word_is_shared(bundled_embedder: Embedder) -> None:
    texts = ["The motor overheats.", "Engine gets too hot", "Invoices are due monthly"]
    one, same, other = bundled_embedder.embed(texts)
    assert float(one @ same) > 0.5 > float(one @ other)


def test_the_bundled_embedder_is_the_one_that_its_manifest_describes() -> None:
    from assistant.artifacts.manifest import read_manifest

    manifest = read_manifest(BUNDLED, "install again")
    embedder = OPENERS["bundled"]()
    assert (embedder.dimensions, embedder.max_tokens) == (manifest.dimensions, manifest.max_tokens)
    embedder.close()
