"""Pairs of neighbouring terms, and how near a passage keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval.closeness import closeness, pairs

TERM = st.sampled_from("abcde")
OTHERS = 1000
"""Candidates that hold nothing: beside so many, a pair of one candidate counts in full, all but a thousandth."""


def near(question: str, *parts: str, weights: dict[str, float] | None = None) -> float:
    wanted = question.split()
    given = dict.fromkeys(wanted, 1.0) if weights is None else weights
    others: dict[int, list[list[str]]] = {other: [] for other in range(1, OTHERS + 1)}
    found = closeness(pairs(wanted), given, {0: [part.split() for part in parts]} | others)
    assert all(found[other] == 0.0 for other in others)
    return found[0] * (OTHERS + 1) / OTHERS if parts else found[0]


def test_a_phrase_is_nearer_than_its_words_in_another_order_and_those_than_words_far_apart() -> None:
    phrase, turned = near("battery cover", "the battery cover"), near("battery cover", "cover battery")
    apart = near("battery cover", "battery x x cover")
    assert phrase == pytest.approx(1.0, abs=0.002)
    assert phrase > turned > apart > near("battery cover", "battery x x x x x x cover") == 0.0


@pytest.mark.parametrize("parts", [("",), ("battery",), ("cover cover",), ()])
def test_a_passage_without_a_whole_pair_has_nothing(parts: tuple[str, ...]) -> None:
    assert near("battery cover", *parts) == 0.0


def test_no_pair_stretches_from_a_heading_into_the_text() -> None:
    assert near("battery cover", "battery", "cover") == 0.0
    assert near("battery cover", "battery cover", "x") == pytest.approx(1.0, abs=0.002)


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


def test_what_all_candidates_hold_tells_none_of_them_apart() -> None:
    title = "coffee kiosk manual".split()
    candidates = {
        1: [title, "hot surfaces".split()],
        2: [title, "safety".split()],
        3: [["cleaning"], ["descale", "kiosk"]],
    }
    wanted = "descale coffee kiosk".split()
    found = closeness(pairs(wanted), dict.fromkeys(wanted, 1.0), candidates)
    assert found[1] == found[2]
    everywhere = closeness([("coffee", "kiosk")], {"coffee": 1.0}, {1: [title], 2: [title]})
    assert everywhere == {1: 0.0, 2: 0.0}


def test_without_candidates_there_is_nothing() -> None:
    assert closeness([("a", "b")], {"a": 1.0}, {}) == {}


@given(st.lists(TERM, max_size=8), st.lists(st.lists(st.lists(TERM, max_size=20), max_size=3), max_size=4))
def test_it_is_a_share(question: list[str], candidates: list[list[list[str]]]) -> None:
    found = closeness(pairs(question), dict.fromkeys(question, 2.0), dict(enumerate(candidates)))
    assert all(0.0 <= share <= 1.0 + 1e-9 for share in found.values())
    assert found.keys() == dict(enumerate(candidates)).keys()


@given(st.lists(TERM, min_size=2, max_size=8, unique=True), st.lists(TERM, max_size=8))
def test_no_passage_is_nearer_than_one_that_repeats_the_question(question: list[str], other: list[str]) -> None:
    found = closeness(pairs(question), dict.fromkeys(question, 1.0), {1: [question], 2: [other]})
    assert found[1] >= found[2]
