from __future__ import annotations

import re
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.confidence import (
    CAUTIONS,
    VERSION,
    Regression,
    calibration,
    confidence,
    floor,
    outcome,
    parsed,
    strength,
    table,
    threshold,
)
from assistant.answering.reading import read
from assistant.answering.signals import signals
from assistant.answering.stretch import features
from assistant.retrieval.terms import terms
from assistant.types import Hit
from tests.unit.answering.passages import passage

HIT = Hit(passage("The relief valve opens at 8 bar."), 1.0, dense_rank=1, dense_score=0.8, lexical_rank=1)
WEIGHTS = {"relief": 3.0, "valv": 2.0, "open": 1.0}
QUESTION = "When does the relief valve open?"


def seen(question: str, hit: Hit, cosine: float, *, passages: int = 100) -> dict[str, float]:
    weights = WEIGHTS if question == QUESTION else dict.fromkeys(terms(question), 5.4)
    sentences = read(question, weights, [hit.passage], lambda _, texts: [cosine] * len(texts))
    return signals(question, [hit], weights, sentences, passages)


def test_the_calibration_that_ships_knows_every_signal_and_no_other() -> None:
    numbers = calibration()
    assert numbers.version == VERSION
    assert set(numbers.evidence.weights) == set(seen(QUESTION, HIT, 0.8))
    assert set(numbers.answer.weights) == set(outcome(0.5, [1.0], [], generated=True))
    sentences = read(QUESTION, WEIGHTS, [HIT.passage], lambda _, texts: [0.8] * len(texts))
    assert set(numbers.stretch.weights) == set(features(sentences)[0])


def test_it_says_what_it_was_fitted_on_and_what_it_costs() -> None:
    measured = calibration().measured
    assert measured.embedder
    assert measured.date
    assert measured.answers > 100
    assert 0 < measured.ece < 0.2
    assert {one.answerable for one in measured.refused} == {True, False}
    assert all(one.fitted and one.held_out and set(one.rates) == set(CAUTIONS) for one in measured.refused)
    assert all(0 < one.belonging < one.sentences for one in calibration().stretch.fitted)
    assert sum(one.questions for one in calibration().stretch.fitted) > 100


def test_more_caution_asks_for_more_and_refuses_more() -> None:
    assert 0 < threshold("low") < threshold("normal") < threshold("high") < 1
    assert 0 < floor("low") < floor("normal") < floor("high") < 1
    for one in calibration().measured.refused:
        assert one.rates["low"] <= one.rates["normal"] <= one.rates["high"]


def test_without_caution_nothing_is_refused() -> None:
    assert threshold(None) == floor(None) == 0.0


def test_an_answer_hardly_anything_speaks_for_is_below_every_floor() -> None:
    assert confidence(outcome(0.05, [0.16], [], generated=False)) < floor("low")
    assert confidence(outcome(0.99, [1.0], [], generated=False)) > floor("high")


def test_the_published_table_has_a_row_a_kind_of_question_and_the_files_rates() -> None:
    numbers = calibration()
    lines = table(numbers).splitlines()
    assert len(lines) == 2 + len(numbers.measured.refused)
    first = numbers.measured.refused[0]
    row = next(line for line in lines if f"| {first.documents} |" in line and first.questions in line)
    assert row.endswith(" | ".join(f"{first.rates[caution]:.0%}" for caution in CAUTIONS) + " |")


def test_without_hits_there_is_no_evidence() -> None:
    assert strength({}) == 0.0


def test_what_fits_is_answered_and_what_does_not_is_not_at_every_caution() -> None:
    assert strength(seen(QUESTION, HIT, 0.8)) > threshold("high")
    far = Hit(passage("Lorem ipsum dolor sit amet."), 0.1, dense_rank=2, dense_score=0.0)
    assert strength(seen("Who reigned in Byzantium?", far, 0.0)) < threshold("low")


def test_an_answer_that_is_better_supported_is_surer() -> None:
    for generated in (True, False):
        well, badly = (outcome(0.9, [support], [], generated=generated) for support in (1.0, 0.4))
        assert confidence(well) >= confidence(badly)
    assert confidence(outcome(0.95, [0.8], [], generated=False)) > confidence(outcome(0.3, [0.8], [], generated=False))


@given(
    st.floats(0, 1), st.lists(st.floats(0, 1), max_size=4), st.lists(st.floats(-50, 0), max_size=4), st.booleans()
)  # fmt: skip
def test_confidence_is_a_probability(
    evidence: float, support: list[float], logprobs: list[float], generated: bool
) -> None:
    values = outcome(evidence, support, logprobs, generated=generated)
    assert all(0 <= value <= 1 for value in values.values())
    assert 0 <= confidence(values) <= 1


def test_a_quotation_has_no_doubt_of_a_generator() -> None:
    assert outcome(0.5, [0.7], [-3.0], generated=False)["doubt"] == 0


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_no_value_is_too_large_for_a_regression(bias: float, weight: float) -> None:
    assert 0 <= Regression(bias, {"a": weight})({"a": 1.0}) <= 1


@pytest.mark.parametrize("text", ["", "version = 3", "version = 3\nmore = 1", "= broken"])
def test_a_file_that_is_no_calibration_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        parsed(text)


@pytest.mark.parametrize("section", ["floors", "thresholds", "stretch", "evidence", "answer", "measured"])
def test_a_file_that_lacks_a_section_is_an_error(section: str) -> None:
    text = resources.files("assistant.answering").joinpath("calibration.toml").read_text("utf-8")
    assert parsed(text) == calibration()
    parts = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    kept = [part for part in parts if not re.match(rf"\[+{section}\b", part)]
    assert len(kept) < len(parts)
    with pytest.raises(ValueError, match=section):
        parsed("".join(kept))
