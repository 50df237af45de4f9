from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.confidence import calibration, confidence, features, strength, threshold
from assistant.types import Hit
from tests.unit.answering.passages import TABLE, passage

NEAR = Hit(passage("The relief valve opens at 8 bar."), 1.0, dense_rank=1, dense_score=0.9, lexical_rank=1)
FAR = Hit(passage("Lorem ipsum dolor sit amet."), 0.1, dense_rank=2, dense_score=0.0)
QUESTION = "When does the relief valve open?"
WEIGHTS = {"relief": 3.0, "valv": 2.0, "open": 1.0}


def test_the_calibration_that_ships_knows_every_feature_and_no_other() -> None:
    assert set(calibration().features) == set(features(QUESTION, [NEAR], WEIGHTS))


def test_more_caution_asks_for_more() -> None:
    assert 0 < threshold("low") < threshold("normal") < threshold("high") < 1


def test_without_hits_there_is_no_evidence() -> None:
    assert strength(QUESTION, [], WEIGHTS) == 0.0


def test_what_fits_is_answered_and_what_does_not_is_not_at_every_caution() -> None:
    assert strength(QUESTION, [NEAR, FAR], WEIGHTS) > threshold("high")
    assert strength("Who reigned in Byzantium?", [FAR], {"reign": 5.0, "byzantium": 5.0}) < threshold("low")


def test_a_code_that_no_passage_holds_weakens_the_evidence() -> None:
    hit = Hit(TABLE, 1.0, dense_rank=1, dense_score=0.5)
    known, unknown = ({"code": 1.0, name: 5.0} for name in ("e07", "e99"))
    assert strength("code E99", [hit], unknown) < strength("code E07", [hit], known)


def test_only_the_passages_that_the_prompt_can_hold_are_looked_at() -> None:
    assert features(QUESTION, [FAR] * 3 + [NEAR], WEIGHTS) == features(QUESTION, [FAR] * 3, WEIGHTS)


@given(st.text(max_size=100), st.floats(-1, 1), st.dictionaries(st.text(max_size=5), st.floats(0.01, 20), max_size=5))
def test_evidence_is_a_probability(question: str, cosine: float, weights: dict[str, float]) -> None:
    hit = Hit(TABLE, 1.0, dense_rank=1, dense_score=cosine)
    assert 0 <= strength(question, [hit], weights) <= 1


def test_every_feature_lies_between_nought_and_one() -> None:
    for hits in ([NEAR], [FAR], [NEAR, FAR]):
        assert all(0 <= value <= 1 for value in features(QUESTION, hits, WEIGHTS).values())


@pytest.mark.parametrize(
    ("evidence", "support", "expected"), [(0.8, [1.0, 0.5], 0.6), (0.8, [], 0.0), (0.0, [1.0], 0.0)]
)
def test_an_answer_is_right_when_its_passages_are_and_say_so(
    evidence: float, support: list[float], expected: float
) -> None:
    assert confidence(evidence, support) == pytest.approx(expected)
