"""Portions are a function of names and sizes alone: that is what a cluster's vectors being ours rests on."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from assistant.ingest.finding import Found
from assistant.ingest.portions import BYTES, FILES, portions


def files(sizes: list[int]) -> list[Found]:
    return [Found(Path(f"/files/{number}"), (str(number),), size) for number, size in enumerate(sizes)]


@given(st.lists(st.one_of(st.integers(0, 3000), st.integers(BYTES - 1, 3 * BYTES)), max_size=600))
def test_every_file_is_in_one_portion_in_order_and_none_is_larger_than_it_may_be(sizes: list[int]) -> None:
    found = files(sizes)
    cut = list(portions(found))
    assert [one for portion in cut for one in portion] == found
    for portion in cut:
        assert 1 <= len(portion) <= FILES
        assert len(portion) == 1 or sum(one.size for one in portion) <= BYTES


def test_what_comes_behind_does_not_move_an_earlier_end() -> None:
    sizes = [1000] * 300
    assert list(portions(files(sizes)))[:2] == list(portions(files([*sizes, BYTES, 5])))[:2]


def test_no_file_makes_no_portion() -> None:
    assert list(portions([])) == []
