"""States as bytes: read, joined, moved; what looks otherwise is refused."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.kv_state import KvState, Layout, Rotation, UnknownLayout, from_bytes, put_together, take_apart

LAYOUT = Layout(magic=0x12345678, layers=3, key_bytes=16, value_bytes=32)
HEAD = 16
"""Bytes in front of the cells' entries."""


def state(first: int, tokens: int, seed: int = 0) -> KvState:
    random = np.random.default_rng(seed)
    keys = random.normal(size=(LAYOUT.layers, tokens, LAYOUT.key_bytes // 2)).astype(np.float16).view(np.uint8)
    values = random.normal(size=(LAYOUT.layers, tokens, LAYOUT.value_bytes // 2)).astype(np.float16).view(np.uint8)
    return KvState(first, keys, values)


def same(one: KvState, other: KvState) -> bool:
    return one.first == other.first and bool((one.keys == other.keys).all() and (one.values == other.values).all())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_what_is_put_together_comes_apart_again(lengths: list[int]) -> None:
    states, position = [], 0
    for seed, length in enumerate(lengths):
        states.append(state(position, length, seed))
        position += length
    layout, whole = take_apart(put_together(LAYOUT, states))
    assert layout == LAYOUT
    assert whole.tokens == position
    for one in states:
        assert same(whole.part(one.first, one.first + one.tokens), one)


def test_a_gap_between_states_is_refused() -> None:
    with pytest.raises(ValueError, match="begins at 5 instead of 4"):
        put_together(LAYOUT, [state(0, 4), state(5, 2)])


@given(st.integers(1, 40), st.integers(0, 500))
def test_kept_bytes_become_the_same_state(tokens: int, first: int) -> None:
    kept = state(first, tokens)
    data = kept.to_bytes()
    assert len(data) == tokens * LAYOUT.token_bytes
    assert same(from_bytes(data, LAYOUT, first), kept)


@pytest.mark.parametrize("change", [-1, 1, -LAYOUT.token_bytes * 4])
def test_kept_bytes_of_another_length_are_refused(change: int) -> None:
    data = state(0, 4).to_bytes()
    data = data[:change] if change < 0 else data + b"x" * change
    with pytest.raises(UnknownLayout):
        from_bytes(data, LAYOUT, 0)


def changed(offset: int, kind: str, value: Any) -> np.ndarray[Any, Any]:
    data = put_together(LAYOUT, [state(0, 4)])
    data[offset : offset + np.dtype(kind).itemsize] = np.array([value], kind).view(np.uint8)
    return data


CELLS = HEAD + 4 * 12
"""Offset behind the entries of four cells."""


@pytest.mark.parametrize(
    ("offset", "value", "why"),
    [
        (8, 2, "several streams"),
        (12, 0, "empty"),
        (HEAD, 7, "not consecutive"),
        (HEAD + 4, 2, "not consecutive"),
        (CELLS, 1, "transposed"),
        (CELLS + 4, 0, "transposed"),
        (CELLS + 8, 8, "layers differ"),
        (CELLS + 12, 0, "rows"),
        (CELLS + 12, 2**31, "rows"),
    ],
)
def test_bytes_of_another_form_are_refused(offset: int, value: int, why: str) -> None:
    with pytest.raises(UnknownLayout, match=why):
        take_apart(changed(offset, "<u4", value))


def test_every_truncation_is_refused() -> None:
    data = put_together(LAYOUT, [state(0, 4)])
    for length in range(len(data)):
        with pytest.raises(UnknownLayout):
            take_apart(data[:length])


def test_what_follows_is_a_second_cache() -> None:
    data = put_together(LAYOUT, [state(0, 4)])
    with pytest.raises(UnknownLayout, match="second cache"):
        take_apart(np.concatenate([data, data]))


@pytest.mark.parametrize("pairs", ["halves", "neighbours"])
def test_moving_there_and_back_returns_to_the_start(pairs: Literal["halves", "neighbours"]) -> None:
    rotation = Rotation(10_000.0, 8, 8, pairs)
    begin = state(3, 6)
    moved = rotation.moved(begin, 250)
    assert moved.first == 250
    assert (moved.values == begin.values).all()
    assert (moved.keys != begin.keys).any()
    back = rotation.moved(moved, 3).keys.view(np.float16)
    np.testing.assert_allclose(back.astype(np.float32), begin.keys.view(np.float16).astype(np.float32), atol=4e-3)


def test_moving_by_nothing_changes_no_bit() -> None:
    begin = state(3, 6)
    assert Rotation(10_000.0, 8, 8, "halves").moved(begin, 3) is begin


def test_dimensions_beyond_the_rotated_ones_stay() -> None:
    begin = state(0, 6)
    moved = Rotation(10_000.0, 4, 8, "halves").moved(begin, 9)
    assert (moved.keys[..., 8:] == begin.keys[..., 8:]).all()
    assert (moved.keys[..., :8] != begin.keys[..., :8]).any()


def test_the_distance_of_two_moved_keys_is_what_a_question_sees() -> None:
    # RoPE promises that a product of two vectors depends on the distance of their positions alone.
    rotation = Rotation(10_000.0, 8, 8, "halves")
    one, other = state(10, 1, 1), state(14, 1, 2)

    def product(first: KvState, second: KvState) -> float:
        left, right = (item.keys.view(np.float16).astype(np.float64) for item in (first, second))
        return float((left * right).sum())

    moved = product(rotation.moved(one, 110), rotation.moved(other, 114))
    assert moved == pytest.approx(product(one, other), abs=0.02)
