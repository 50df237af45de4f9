"""The figures themselves: windows and sums by hand, and llama.cpp against what transformers says in float32."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import ConversionError, SourceError
from export.measure import children, generator, generator_answers, generator_logits, generator_speed, generator_windows
from export.measure.generator_logits import Scorer

TINY = Path(__file__).parents[1] / "artifacts" / "tiny-generator"
GOLDEN: dict[str, Any] = json.loads((TINY / "golden.json").read_text("utf-8"))
NLL_TOLERANCE = 0.002
"""Share. Float16 activations in llama.cpp against float32 in transformers, on a model of two random layers."""


def test_windows_are_spread_over_the_whole_text_and_overlap_never_more_than_half() -> None:
    chosen = generator_windows.choose(range(100), count=3, length=20, compared=2, bos=None)
    assert [window[0] for window in chosen.windows] == [0, 40, 80]
    assert (chosen.scored, chosen.tokens, chosen.compared) == (10, 30, (0, 2))
    many = generator_windows.choose(range(100), count=1000, length=20, compared=1, bos=None)
    assert len(many.windows) == 9
    assert [window[-10:][0] for window in many.windows] == list(range(10, 91, 10))


def test_a_model_that_wants_a_beginning_gets_it_in_every_window() -> None:
    chosen = generator_windows.choose(range(10, 50), count=2, length=20, compared=1, bos=1)
    assert [window[:2] for window in chosen.windows] == [(1, 11), (1, 31)]


def test_a_text_shorter_than_a_window_is_a_sentence() -> None:
    with pytest.raises(SourceError, match="longer one with --text"):
        generator_windows.choose(range(19), count=1, length=20, compared=1, bos=None)


def test_perplexity_and_its_rise_by_hand() -> None:
    even = [4 * math.log(2), 4 * math.log(2)]
    assert generator_windows.perplexity(even, 4) == pytest.approx(2)
    rise, margin = generator_windows.increase([each + 4 * math.log(1.1) for each in even], even, 4)
    assert (rise, margin) == (pytest.approx(10), None)
    steady = generator_windows.increase([3.0, 4.0, 5.0], [2.0, 3.0, 4.0], 1)
    assert steady == (pytest.approx(100 * (math.e - 1)), 0.0)


def test_divergence_and_agreement_by_hand() -> None:
    reference = np.log(np.array([[0.5, 0.25, 0.25], [0.2, 0.3, 0.5]], dtype=np.float32))
    other = np.log(np.array([[0.5, 0.25, 0.25], [0.5, 0.3, 0.2]], dtype=np.float32))
    expected = [0.0, 0.2 * math.log(0.2 / 0.5) + 0.5 * math.log(0.5 / 0.2)]
    assert generator_logits.divergence(reference, other) == pytest.approx(expected, abs=1e-6)
    assert generator_logits.agreement(reference, other).tolist() == [True, False]
    assert np.exp(generator_logits.log_softmax(np.array([[1000.0, 1000.0]], dtype=np.float32))).tolist() == [[0.5, 0.5]]


@pytest.fixture(scope="module")
def scorer() -> Any:
    opened = Scorer(TINY / "tiny-f16.gguf", len(GOLDEN["windows"][0]), 1)
    yield opened
    opened.close()


def test_llama_cpp_says_of_each_window_what_transformers_says(scorer: Scorer) -> None:
    for window, expected in zip(GOLDEN["windows"], GOLDEN["nll"], strict=True):
        logs = scorer.logs(window, GOLDEN["scored"])
        assert generator_logits.surprise(logs, window) == pytest.approx(expected, rel=NLL_TOLERANCE)


def test_llama_cpp_gives_the_distribution_that_transformers_gives(scorer: Scorer) -> None:
    first = scorer.logs(GOLDEN["windows"][0], GOLDEN["scored"])[0]
    expected = np.array(GOLDEN["first_logs"])
    assert np.exp(first).sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(first - expected).max() < 0.1
    assert (np.exp(expected) * (expected - first)).sum() < 1e-4


def test_llama_cpp_splits_text_as_the_tokenizer_of_the_source_does(scorer: Scorer) -> None:
    text = "".join(
        " " if token == "▁" else token for token in _tokens_of(GOLDEN["text_ids"])
    ).removeprefix(" ")  # fmt: skip
    assert scorer.tokenize(text) == GOLDEN["text_ids"]
    assert scorer.bos == 1


def _tokens_of(ids: list[int]) -> list[str]:
    vocabulary = json.loads((TINY / "source" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    names = {number: token for token, number in vocabulary.items()}
    return [names[number] for number in ids]


def test_a_file_that_llama_cpp_cannot_load_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(ConversionError, match=r"cannot load x\.gguf"):
        Scorer(tmp_path / "x.gguf", 32, 1)


def test_medians_leave_out_what_was_not_measured_and_keep_every_sample() -> None:
    one = {"prompt_tokens": 100, "new_tokens": 8, "load": 3.0, "prefill_rate": 10.0, "peak_memory": 5.0}
    found = generator.summary(
        [{**one, "decode_rate": None}, {**one, "decode_rate": 4.0, "load": 1.0}, {**one, "decode_rate": 2.0}]
    )
    assert (found["load"], found["decode_rate"], found["samples"]["decode_rate"]) == (3.0, 3.0, [None, 4.0, 2.0])


def test_the_prompt_is_as_long_as_it_may_be_and_no_longer() -> None:
    text = "word " * 1000

    def count(prompt: Any) -> int:
        return 10 + len(prompt.passages[0].split())

    assert count(generator_speed.fitting(count, text, 60)) == 60
    assert count(generator_speed.fitting(count, "three short words", 60)) == 13


def test_word_f1_is_squads() -> None:
    assert generator_answers.word_f1("The valve, open!", ["open valve"]) == 1
    assert generator_answers.word_f1("open it", ["open valve", "shut"]) == 0.5
    assert generator_answers.word_f1("", ["x"]) == 0


def test_questions_may_have_one_answer_several_or_none(tmp_path: Path) -> None:
    lines = [
        {"question": "a", "answer": "x", "quote": "x y"},
        {"question": "b", "answers": ["x", "y"]},
        {"question": "c", "answer": "It does not say.", "kind": "unanswerable"},
    ]
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    assert [entry["answers"] for entry in generator_answers.read_questions(path)] == [["x"], ["x", "y"], []]


@pytest.mark.parametrize("text", ["", "not json", '{"answer": "x"}', "[1]"])
def test_a_file_that_holds_no_questions_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "q.jsonl").write_text(text)
    with pytest.raises(SourceError, match="JSON object a line"):
        generator_answers.read_questions(tmp_path / "q.jsonl")


def test_a_measurement_that_dies_is_a_sentence_and_not_a_report(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="A measurement failed"):
        children.run({"action": "speed"}, tmp_path, debug=False)
