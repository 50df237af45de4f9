"""Key/value states of runs of tokens: taken out of llama.cpp's bytes, joined, and moved to other positions. Pure.

The layout is that of `llama_state_seq_get_data` (read in src/llama-kv-cache.cpp of llama-cpp-python 0.3.36): a head,
one entry a cell, then all keys and all values, layer by layer, one row a cell. What looks otherwise is refused: models
with a window, several streams or transposed values keep no states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_HEAD = np.dtype([("magic", "<u4"), ("sequence", "<i4"), ("streams", "<u4"), ("cells", "<u4")])
_CELL = np.dtype([("position", "<i4"), ("sequences", "<u4"), ("sequence", "<i4")])
_LAYERS = np.dtype([("transposed", "<u4"), ("layers", "<u4")])
_ROWS = np.dtype([("type", "<i4"), ("row", "<u8")])
_F16 = 1
"""ggml's number for 16-bit floats."""


class UnknownLayout(ValueError):
    """Bytes that are no state of the one known form; the message is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What all states of one context have in common."""

    magic: int
    layers: int
    key_bytes: int
    """Of a row: one token's keys in one layer."""
    value_bytes: int

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's state."""
        return self.layers * (self.key_bytes + self.value_bytes)


@dataclass(frozen=True, slots=True)
class KvState:
    """The state of consecutive tokens in 16-bit floats."""

    first: int
    """Position of the first token."""
    keys: Bytes
    """Shape (layers, tokens, bytes of a key row)."""
    values: Bytes
    """Shape (layers, tokens, bytes of a value row)."""

    @property
    def tokens(self) -> int:
        """How many there are."""
        return int(self.keys.shape[1])

    def part(self, begin: int, end: int | None = None) -> KvState:
        """The state of its tokens from `begin` on, counted from its first, up to `end`."""
        return KvState(self.first + begin, self.keys[:, begin:end], self.values[:, begin:end])

    def to_bytes(self) -> bytes:
        """Keys, then values: what is kept; position and shape are not in it."""
        return self.keys.tobytes() + self.values.tobytes()


def from_bytes(data: bytes | memoryview, layout: Layout, first: int) -> KvState:
    """The state that `KvState.to_bytes` wrote, of tokens from the position `first` on; no copy is made.

    Raises:
        UnknownLayout: its length is not that of whole tokens of this layout.
    """
    tokens, rest = divmod(len(data), layout.token_bytes)
    if rest or not tokens:
        raise UnknownLayout("its length fits no number of tokens")
    flat = np.frombuffer(data, np.uint8)
    keys = layout.layers * tokens * layout.key_bytes
    return KvState(
        first,
        flat[:keys].reshape(layout.layers, tokens, layout.key_bytes),
        flat[keys:].reshape(layout.layers, tokens, layout.value_bytes),
    )


def take_apart(data: Bytes) -> tuple[Layout, KvState]:
    """The layout and the state of one sequence as llama.cpp writes it; the state is a view of `data`.

    Raises:
        UnknownLayout: it looks otherwise.
    """
    reading = _Reading(data)
    (head,) = reading.next(_HEAD, 1)
    if head["streams"] != 1 or not 0 < head["cells"] <= len(data):
        raise UnknownLayout("its cache has several streams or is empty")
    cells = int(head["cells"])
    meta = reading.next(_CELL, cells)
    first = int(meta["position"][0])
    if (meta["sequences"] != 1).any() or (meta["position"] != np.arange(first, first + cells)).any():
        raise UnknownLayout("its positions are not consecutive")
    (layers,) = reading.next(_LAYERS, 1)
    if layers["transposed"] or not 0 < layers["layers"] < len(data):
        raise UnknownLayout("its values are transposed")
    count = int(layers["layers"])
    keys = reading.rows(count, cells)
    values = reading.rows(count, cells)
    if reading.left:
        raise UnknownLayout("it has a second cache")
    layout = Layout(int(head["magic"]), count, keys.shape[2], values.shape[2])
    return layout, KvState(first, keys, values)


class _Reading:
    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._place

    def next(self, kind: np.dtype[Any], count: int) -> npt.NDArray[Any]:
        if self.left < kind.itemsize * count:
            raise UnknownLayout("it is cut off")
        found = np.frombuffer(self._data, kind, count, self._place)
        self._place += kind.itemsize * count
        return found

    def rows(self, layers: int, cells: int) -> Bytes:
        if self.left < _ROWS.itemsize:
            raise UnknownLayout("it is cut off")
        size = int(np.frombuffer(self._data, _ROWS, 1, self._place)["row"][0])
        if not 0 < size <= self.left:
            raise UnknownLayout("its rows are of an unlikely size")
        found = self.next(_with_rows(cells, size), layers)
        if (found["type"] != _F16).any() or (found["row"] != size).any():
            raise UnknownLayout("its layers differ, or hold no 16-bit floats")
        rows: Bytes = found["data"]
        return rows


def _with_rows(cells: int, size: int) -> np.dtype[Any]:
    return np.dtype([*((name, _ROWS[name]) for name in ("type", "row")), ("data", "u1", (cells, size))])


def put_together(layout: Layout, states: Sequence[KvState]) -> Bytes:
    """The bytes for `llama_state_seq_set_data` of states that follow one another from position 0 on.

    Raises:
        ValueError: there is a gap between two of them.
    """
    position = 0
    for state in states:
        if state.first != position:
            raise ValueError(f"a state begins at {state.first} instead of {position}")
        position += state.tokens
    kinds = (
        np.dtype([("head", _HEAD), ("cells", _CELL, position), ("layers", _LAYERS)]),
        _with_rows(position, layout.key_bytes),
        _with_rows(position, layout.value_bytes),
    )
    data = np.empty(kinds[0].itemsize + layout.layers * (kinds[1].itemsize + kinds[2].itemsize), np.uint8)
    begin = np.frombuffer(data, kinds[0], 1)[0]
    begin["head"] = (layout.magic, 0, 1, position)
    begin["cells"]["position"], begin["cells"]["sequences"], begin["cells"]["sequence"] = np.arange(position), 1, 0
    begin["layers"] = (0, layout.layers)
    place = kinds[0].itemsize
    for kind, name in ((kinds[1], "keys"), (kinds[2], "values")):
        rows = np.frombuffer(data, kind, layout.layers, place)
        rows["type"], rows["row"] = _F16, rows["data"].shape[2]
        for state in states:
            rows["data"][:, state.first : state.first + state.tokens] = getattr(state, name)
        place += kind.itemsize * layout.layers
    return data


@dataclass(frozen=True, slots=True)
class Rotation:
    """How a model encodes positions: RoPE (Su et al. 2021, arXiv:2104.09864) without scaling."""

    base: float
    dimensions: int
    """Of each head, from the first, that are rotated."""
    head: int
    """Dimensions of a head."""
    pairs: Literal["halves", "neighbours"]
    """Which two dimensions turn together: i and i + dimensions / 2, or 2 i and 2 i + 1."""

    def moved(self, state: KvState, first: int) -> KvState:
        """The same tokens from the position `first` on: keys turned by the difference, values as they are."""
        offset = first - state.first
        if offset == 0:
            return state
        angles = offset * self.base ** (-np.arange(0, self.dimensions, 2, dtype=np.float64) / self.dimensions)
        cosine, sine = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        layers, tokens, size = state.keys.shape
        heads = np.ascontiguousarray(state.keys).view(np.float16).reshape(layers, tokens, size // 2 // self.head, -1)
        half = self.dimensions // 2
        one, two = (slice(0, half), slice(half, self.dimensions))
        if self.pairs == "neighbours":
            one, two = slice(0, self.dimensions, 2), slice(1, self.dimensions, 2)
        left, right = heads[..., one].astype(np.float32), heads[..., two].astype(np.float32)
        turned = heads.copy()
        turned[..., one] = left * cosine - right * sine
        turned[..., two] = left * sine + right * cosine
        return KvState(first, turned.reshape(layers, tokens, size // 2).view(np.uint8), state.values)
