"""The hit rates of stored states: figures that can be worked out in the head, and bounds that must hold."""

from __future__ import annotations

import numpy as np

from benchmarks.scenarios import state_budget
from benchmarks.scenarios.state_budget import Stream


def ints(*values: int) -> state_budget.Ints:
    return np.array(values, dtype=np.int64)


def test_lru_hits_what_was_asked_for_among_the_last_that_fit() -> None:
    hits, written = state_budget.least_recent(ints(0, 1, 0, 2, 0, 1), ints(10, 10, 10), 20)
    assert hits.tolist() == [False, False, True, False, True, False]
    assert written == 4


def test_the_product_hits_whatever_was_asked_for_before_where_all_fits() -> None:
    hits, written = state_budget.valued(ints(0, 1, 0, 2, 1, 0), ints(5, 5, 5), ints(10, 10, 10), 30)
    assert hits.tolist() == [False, False, True, False, True, True]
    assert written == 3


def test_the_product_keeps_the_popular_one_where_one_fits() -> None:
    asked = ints(0, 0, 0, 0, 1, 0, 2, 0)
    hits, written = state_budget.valued(asked, ints(5, 5, 5), ints(10, 10, 10), 10)
    assert hits.tolist() == [False, True, True, True, False, True, False, True]
    assert written == 1
    assert state_budget.least_recent(asked, ints(10, 10, 10), 10)[0].sum() == 3


def test_the_static_choice_is_the_likeliest_of_each_half() -> None:
    likely = (np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.3, 0.6]))
    stream = Stream(ints(0, 1, 0, 2, 0, 2), likely)
    hits = state_budget.best_static(stream, ints(5, 5, 5), ints(10, 10, 10), 10)
    assert hits.tolist() == [True, False, True, True, False, True]


def test_questions_shift_half_way_and_are_the_same_for_the_same_seed() -> None:
    stream = state_budget.questions(50, 4_000, 1.2, 3)
    first, second = np.bincount(stream.asked[:2_000]).argmax(), np.bincount(stream.asked[2_000:]).argmax()
    assert (first, second) == (stream.likely[0].argmax(), stream.likely[1].argmax())
    assert first != second
    assert np.array_equal(stream.asked, state_budget.questions(50, 4_000, 1.2, 3).asked)


def test_lengths_are_as_they_were_measured() -> None:
    tokens = state_budget.lengths(20_000, 1)
    assert tokens.min() >= state_budget._TOKENS[0]
    assert tokens.max() <= state_budget._TOKENS[-1]
    assert np.abs(np.percentile(tokens, range(10, 100, 10)) - state_budget._TOKENS[1:-1]).max() <= 3


def test_the_product_is_better_than_lru_and_worse_than_who_knows_the_popularity() -> None:
    stream = state_budget.questions(500, 6_000, 1.0, 5)
    tokens = np.full(500, 100, dtype=np.int64)
    sizes, before = tokens * 100, slice(1_500, 3_000)
    hits, written = state_budget.valued(stream.asked, tokens, sizes, 50 * 10_000)
    lru, rewritten = state_budget.least_recent(stream.asked, sizes, 50 * 10_000)
    floor = state_budget.best_static(stream, tokens, sizes, 50 * 10_000)
    assert lru[before].mean() + 0.03 < hits[before].mean() < floor[before].mean() + 0.02
    assert written < rewritten / 2
