"""Pairs of neighbouring terms, and how near a passage keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval.closeness import closeness, pairs

TERM = st.sampled_from("abcde")


def near(question: str, *parts: str, weights: dict[str, float] | None = None) -> float:
    wanted = question.split()
    given = dict.fromkeys(wanted, 1.0) if weights is None else weights
    return closeness(pairs(wanted), given, [part.split() for part in parts])


def test_a_phrase_is_nearer_than_its_words_in_another_order_and_those_than_words_far_apart() -> None:
    phrase, turned = near("battery cover", "the battery cover"), near("battery cover", "cover battery")
    apart = near("battery cover", "battery x x cover")
    assert phrase == 1.0
    assert phrase > turned > apart > near("battery cover", "battery x x x x x x cover") == 0.0


@pytest.mark.parametrize("parts", [("",), ("battery",), ("cover cover",), ()])
def test_a_passage_without_a_whole_pair_has_nothing(parts: tuple[str, ...]) -> None:
    assert near("battery cover", *parts) == 0.0


def test_no_pair_stretches_from_a_heading_into_the_text() -> None:
    assert near("battery cover", "battery", "cover") == 0.0
    assert near("battery cover", "battery cover", "x") == 1.0


def test_a_pair_of_rare_terms_counts_for_more() -> None:
    weights = {"a": 0.1, "b": 0.1, "c": 5.0, "d": 5.0}
    assert near("a b c d", "c d", weights=weights) > 0.5 > near("a b c d", "a b", weights=weights)


@pytest.mark.parametrize("question", ["", "pump", "pump pump"])
def test_a_question_without_pairs_tells_nothing_apart(question: str) -> None:
    assert pairs(question.split()) == []
    assert near(question, "pump") == 0.0


def test_terms_without_weight_are_no_error() -> None:
    assert near("a b", "a b", weights={}) == 0.0
    assert near("a b", "a b", weights={"a": 0.0, "b": 0.0}) == 0.0


@given(st.lists(TERM, max_size=8), st.lists(st.lists(TERM, max_size=20), max_size=3))
def test_it_is_a_share(question: list[str], parts: list[list[str]]) -> None:
    assert 0.0 <= closeness(pairs(question), dict.fromkeys(question, 2.0), parts) <= 1.0 + 1e-9


@given(st.lists(TERM, min_size=2, max_size=8, unique=True), st.lists(TERM, max_size=8))
def test_a_passage_that_repeats_the_question_has_all_of_it(question: list[str], around: list[str]) -> None:
    assert closeness(pairs(question), dict.fromkeys(question, 1.0), [[*around, *question]]) == pytest.approx(1.0)
