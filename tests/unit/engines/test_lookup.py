"""Guesses from what was written before."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.lookup import LONGEST, Lookup


def test_what_followed_the_same_tokens_is_guessed() -> None:
    seen = Lookup([1, 2, 3, 4, 5, 6, 9])
    for token in (2, 3):
        seen.add(token)
    assert seen.draft(3) == [4, 5, 6]
    assert seen.draft(2) == [4, 5]
    assert seen.draft(0) == []


def test_longer_runs_count_for_more() -> None:
    seen = Lookup([1, 2, 3, 7, 7, 2, 3, 8, 8, 1])
    seen.add(2)
    seen.add(3)
    assert seen.draft(1) == [7]  # behind 1 2 3, though 2 3 stood later in front of 8


def test_of_equal_runs_the_last_counts() -> None:
    seen = Lookup([1, 2, 5, 1, 2, 6])
    seen.add(1)
    seen.add(2)
    assert seen.draft(1) == [6]


def test_one_token_alone_is_no_run() -> None:
    seen = Lookup([1, 2, 3, 9])
    seen.add(2)
    assert seen.draft(3) == []


def test_nothing_is_guessed_from_nothing() -> None:
    assert Lookup([]).draft(3) == []
    assert Lookup([1]).draft(3) == []


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 9))
def test_a_guess_stood_behind_the_same_tokens(tokens: list[int], most: int) -> None:
    guess = Lookup(tokens).draft(most)
    assert len(guess) <= most
    if guess:
        tails = [tuple(tokens[-length:]) for length in range(2, LONGEST + 1)]
        places = [i for i in range(2, len(tokens)) for tail in tails if tuple(tokens[i - len(tail) : i]) == tail]
        assert any(tokens[i : i + len(guess)] == guess for i in places)
    pairs = list(pairwise(tokens))
    if len(tokens) > 2 and pairs[-1] in pairs[:-1]:
        assert guess
