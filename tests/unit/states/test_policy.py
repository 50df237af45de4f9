"""What a state is worth, and who has to go."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.states import policy
from assistant.states.policy import HALF_LIFE, Candidate

SIZE = 1_000


def state(asks: float, tokens: int = 100, size: int = SIZE) -> Candidate:
    """One that was asked for so often just now."""
    return Candidate(math.log2(asks), tokens, size)


def test_an_ask_counts_half_after_a_half_life() -> None:
    then, now = policy.asked(policy.NEVER, 0), policy.asked(policy.NEVER, HALF_LIFE)
    assert 2.0 ** (then - now) == pytest.approx(0.5)


def test_two_old_asks_are_worth_one_new_one() -> None:
    twice = policy.asked(policy.asked(policy.NEVER, 0), 0)
    assert twice == pytest.approx(policy.asked(policy.NEVER, HALF_LIFE))


@given(st.lists(st.integers(0, 40 * HALF_LIFE), min_size=1, max_size=30))
def test_popularity_is_the_sum_of_its_asks_in_whatever_order(instants: list[int]) -> None:
    popularity = policy.NEVER
    for instant in instants:
        popularity = policy.asked(popularity, instant)
    assert popularity == pytest.approx(math.log2(sum(2.0 ** (instant / HALF_LIFE) for instant in instants)))


def test_a_billion_asks_do_not_overflow() -> None:
    popularity = policy.asked(policy.first_seen(0), 10**9)
    assert policy.asked(popularity, 10**9) == pytest.approx(popularity + 1)


def test_value_is_what_a_byte_saves() -> None:
    assert policy.value(state(4, tokens=100)) > policy.value(state(3, tokens=100))
    assert policy.value(state(3, tokens=200)) > policy.value(state(3, tokens=100))
    assert policy.value(state(3, size=500)) > policy.value(state(3, size=1_000))
    assert policy.value(state(4, tokens=100, size=1_000)) == policy.value(state(2, tokens=200, size=1_000))


def test_nothing_goes_where_there_is_room() -> None:
    assert policy.displaced(state(1), SIZE, [("other", state(0.5))]) == []


def test_the_least_valuable_goes() -> None:
    kept = [("cold", state(0.5)), ("warm", state(2))]
    assert policy.displaced(state(1), 0, kept) == ["cold"]
    assert policy.displaced(state(1), SIZE - 1, kept) == ["cold"]


def test_a_newcomer_that_is_worth_less_stays_out() -> None:
    assert policy.displaced(state(1), 0, [("warm", state(2))]) is None
    assert policy.displaced(state(2), 0, [("equal", state(2))]) is None  # else two would take turns for ever


def test_the_sum_of_what_goes_counts() -> None:
    small = [("one", state(1, size=500)), ("other", state(1, size=500))]
    assert policy.displaced(state(1.9), 0, small) is None
    assert policy.displaced(state(2.1), 0, small) == ["one", "other"]


def test_a_newcomer_that_never_fits_displaces_nothing() -> None:
    assert policy.displaced(state(9, size=5_000), 0, [("only", state(1))]) is None


def test_what_nobody_asks_for_goes_for_free() -> None:
    idle = [(str(number), Candidate(policy.NEVER, 100, SIZE)) for number in range(3)]
    assert policy.displaced(state(0.1, size=3 * SIZE), 0, idle) == ["0", "1", "2"]


def test_what_is_kept_beyond_the_budget_is_not_the_newcomers_price() -> None:
    kept = [("first", state(5)), ("second", state(6)), ("third", state(7))]
    assert policy.displaced(state(5.5), -SIZE, kept) is None
    assert policy.displaced(state(6.5), -SIZE, kept) == ["first", "second"]


def test_an_absurd_popularity_from_a_damaged_index_is_only_a_number() -> None:
    assert policy.displaced(state(1), 0, [("absurd", Candidate(1e300, 100, SIZE))]) is None
