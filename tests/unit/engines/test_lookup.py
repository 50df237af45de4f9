"""Guesses from what was written before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.lookup import LONGEST, SHORTEST, Lookup


def seen(*runs: list[int]) -> Lookup:
    """Has seen these tokens, the last run as written by the model."""
    *before, last = runs
    lookup = Lookup([token for run in before for token in run])
    for token in last:
        lookup.add(token)
    return lookup


def test_what_followed_the_same_tokens_is_guessed() -> None:
    lookup = seen([1, 2, 3, 4, 5, 6, 7, 8, 9], [2, 3, 4, 5])
    assert lookup.draft(3) == [6, 7, 8]
    assert lookup.draft(2) == [6, 7]
    assert lookup.draft(0) == []


def test_longer_runs_count_for_more() -> None:
    # Behind 1 2 3 4 5 stood 7; that 2 3 4 5 stood later in front of 8 counts for less.
    assert seen([1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 8, 9], [1, 2, 3, 4, 5]).draft(1) == [7]


def test_of_equal_runs_the_last_counts() -> None:
    assert seen([1, 2, 3, 4, 5, 1, 2, 3, 4, 6], [1, 2, 3, 4]).draft(1) == [6]


def test_a_short_run_is_none() -> None:
    assert seen([1, 2, 3, 4, 5, 9], [3, 4, 5][-SHORTEST + 1 :]).draft(3) == []


def test_nothing_is_guessed_from_nothing() -> None:
    assert Lookup([]).draft(3) == []
    assert Lookup([1]).draft(3) == []


@given(st.lists(st.integers(0, 1), max_size=60), st.integers(1, 9))
def test_a_guess_stood_behind_the_same_tokens(tokens: list[int], most: int) -> None:
    guess = Lookup(tokens).draft(most)
    assert len(guess) <= most
    tails = [tuple(tokens[-length:]) for length in range(SHORTEST, LONGEST + 1) if len(tokens) >= length]
    places = [i for tail in tails for i in range(len(tail), len(tokens)) if tuple(tokens[i - len(tail) : i]) == tail]
    assert bool(guess) == bool(places)
    if guess:
        assert any(tokens[i : i + len(guess)] == guess for i in places)
