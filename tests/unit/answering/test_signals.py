from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.reading import read
from assistant.answering.signals import asked, signals
from assistant.retrieval.terms import terms
from assistant.types import Evidence, Hit
from tests.unit.answering.passages import TABLE, passage

NEAR = Hit(passage("The relief valve opens at 8 bar. It weighs 14 kg."), 1.0, 1, 0.9, 1, 4.0)
FAR = Hit(passage("Lorem ipsum dolor sit amet.", start=9000), 0.1, 2, 0.0)
PASSAGES = 50
NOWHERE = math.log(2 * PASSAGES + 2)


def seen(question: str, *hits: Hit, unknown: tuple[str, ...] = ()) -> dict[str, float]:
    weights = {term: NOWHERE if term in unknown else 2.0 for term in terms(question)}
    sentences = read(question, weights, [hit.passage for hit in hits[:3]], lambda _, texts: [0.5] * len(texts))
    return signals(question, hits, weights, sentences, PASSAGES)


def test_what_stands_in_no_document_is_counted_and_what_is_only_elsewhere_is_not() -> None:
    question = "Does the relief valve have an app?"
    assert seen(question, NEAR, unknown=("app",))["unknown"] > 0.4
    assert seen(question, NEAR)["unknown"] == 0
    assert seen(question, NEAR, unknown=("app",))["unknown_terms"] == 1 / 3


def test_a_code_that_no_passage_holds_is_missing() -> None:
    hit = Hit(TABLE, 1.0, dense_rank=1, dense_score=0.5)
    assert seen("code E99", hit)["missing_exact"] == 1
    assert seen("code E07", hit)["missing_exact"] == 0
    assert seen("code E99", hit)["sentence_lacks_number"] == 1


def test_a_name_in_the_question_is_looked_for_in_the_best_sentence() -> None:
    assert seen("Does the relief valve fit the Zephyr?", NEAR)["sentence_lacks_name"] == 1
    assert seen("Does the relief valve fit the Pump?", NEAR)["sentence_lacks_name"] == 0  # its title
    assert seen("Zephyr relief valve?", NEAR)["sentence_lacks_name"] == 0  # any word begins with a capital there


def test_words_far_apart_cover_the_passage_and_not_the_sentence() -> None:
    together = seen("When does the relief valve open?", NEAR)
    apart = seen("Which valve weighs 14 kg?", NEAR)
    assert together["sentence_coverage"] == together["coverage_best"] == 1
    assert apart["sentence_coverage"] < apart["coverage_best"] == 1


def test_only_the_passages_that_the_prompt_can_hold_are_looked_at_for_words() -> None:
    with_it, without = seen("relief valve", FAR, FAR, FAR, NEAR), seen("relief valve", FAR, FAR, FAR)
    for name in ("coverage_best", "coverage_all", "sentence_coverage", "missing_rarest"):
        assert with_it[name] == without[name]


def test_being_ahead_of_the_others_is_seen() -> None:
    same = [Hit(NEAR.passage, 1.0, rank, 0.9) for rank in range(1, 9)]
    ahead = [same[0], *(Hit(FAR.passage, 0.2, rank, 0.1) for rank in range(2, 9))]
    assert seen("relief valve", *same)["margin"] == 0
    assert seen("relief valve", *ahead)["margin"] > 0.7
    assert seen("relief valve", *ahead)["dense_margin"] > seen("relief valve", *same)["dense_margin"]


@given(
    st.text(max_size=80),
    st.floats(-1, 1),
    st.floats(0, 1),
    st.dictionaries(st.text(max_size=5), st.floats(0, 20), max_size=5),
    st.text("aB. |\n!水8E", max_size=60),
    st.integers(0, 10**6),
)
def test_every_signal_lies_between_nought_and_one(
    question: str, cosine: float, score: float, weights: dict[str, float], text: str, passages: int
) -> None:
    hit = Hit(passage(text), score, dense_rank=1, dense_score=cosine)
    sentences = read(question, weights, [hit.passage], lambda _, texts: [cosine] * len(texts))
    values = signals(question, [hit], weights, sentences, passages)
    assert all(0 <= value <= 1 for value in values.values())


def about(weights: dict[str, float], *rests_on: Evidence, passages: int = 100) -> tuple[float, float]:
    found = asked(weights, rests_on, passages)
    return found["asked"], found["lacks"]


def test_a_row_of_another_device_lacks_what_was_asked_about() -> None:
    row = Evidence(TABLE, TABLE.start, TABLE.start + 28, 1.0)
    assert about({"code": 2.0, "pump": 2.0}, row) == (1.0, 0.0)  # in the header and in the title
    assert about({"code": 1.0, "boiler": 3.0}, row) == (0.25, 1.0)
    assert about({"code": 3.0, "boiler": 1.0}, row) == (0.75, pytest.approx(1 / 3))


def test_what_stands_nowhere_is_not_held_against_what_is_cited() -> None:
    row = Evidence(TABLE, TABLE.start, TABLE.start + 28, 1.0)
    nowhere = math.log(2 * 100 + 2)
    assert about({"code": 2.0, "app": nowhere}, row) == (1.0, 0.0)
    assert about({"app": nowhere}, row) == (0.0, 0.0)
    assert about({}) == (0.0, 0.0)
