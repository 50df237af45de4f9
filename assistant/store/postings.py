"""Posting lists: which passages hold a term, how often, and how long each passage is.

Pure: tokens in, arrays out. It knows neither SQLite nor files, nor how a passage is scored.

A term is known by 64 bits of its BLAKE2b hash: among two million terms two share one with a chance of one in ten
million, and lists can be joined without a single word of them in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]
Allocate = Callable[[str, int, "np.dtype[Any]"], Array]
"""Makes room for the field of this name: so many numbers of this type."""

_SHIFT = {1: 6, 2: 12, 4: 20, 8: 40}
# Bytes of a packed count -> bits for the count in the body; those above are for the heading. One byte holds most
# passages: up to 63 times in the body and 3 times in the heading.
_MOST_BYTES = 32768  # Of a token: FTS5 cuts longer ones (FTS5_MAX_TOKEN_SIZE).


@dataclass(frozen=True, slots=True)
class Postings:
    """The lists of some passages. The passage at place `p` has the id `ids[p]`."""

    ids: Ids
    """Of the passages, ascending."""
    checksums: Ids
    """Of each passage's vector: equal id and checksum, equal passage."""
    lengths: Array
    """Tokens of each passage, heading and body; int32."""
    terms: Array
    """Hashes, ascending; uint64."""
    starts: Ids
    """Where each term's list begins, and behind them where the last ends; int64."""
    places: Array
    """The lists: places of passages, ascending in each list; int32."""
    counts: Array
    """How often the term stands in heading and body, packed: see `unpacked`; uint8, or wider where it must be."""

    @property
    def tokens(self) -> int:
        """Of all passages together."""
        return int(self.lengths.sum(dtype=np.int64))

    def list_of(self, term: int) -> slice:
        """Where the list of the term with this hash is; empty when there is none."""
        place = int(np.searchsorted(self.terms, np.uint64(term)))
        if place == len(self.terms) or int(self.terms[place]) != term:
            return slice(0, 0)
        return slice(int(self.starts[place]), int(self.starts[place + 1]))


FIELDS = ("ids", "checksums", "lengths", "terms", "starts", "places", "counts")


def hashed(token: str) -> int:
    """The number by which a folded token is known."""
    return int.from_bytes(blake2b(token.encode()[:_MOST_BYTES], digest_size=8).digest(), "little")


def unpacked(counts: Array) -> tuple[Array, Array]:
    """How often in the heading, and how often in the body."""
    shift = _SHIFT[counts.itemsize]
    return counts >> shift, counts & counts.dtype.type((1 << shift) - 1)


def packed(heading: Array, body: Array) -> Array:
    """Counts as `unpacked` takes them apart, as narrow as they can be."""
    return _packed(heading, body, _packed_type(int(heading.max(initial=0)), int(body.max(initial=0))))


def _packed_type(heading: int, body: int) -> np.dtype[Any]:
    """The narrowest type for counts up to these."""
    for size, shift in _SHIFT.items():
        if body < 1 << shift and heading < 1 << (8 * size - shift):
            return np.dtype(f"u{size}")
    raise OverflowError("a term stands in a passage more often than can be counted")


def _packed(heading: Array, body: Array, kind: np.dtype[Any]) -> Array:
    return np.asarray((heading.astype(kind) << _SHIFT[kind.itemsize]) | body.astype(kind))


def counted(keys: Ids, rows: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Postings:
    """The lists of a few thousand passages.

    Args:
        keys: passage ids and checksums, int64 (n, 2) by id.
        rows: each passage's folded tokens of heading and body.

    Raises:
        ValueError: there are not as many rows as keys.
    """
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    found: list[int] = []
    sizes: list[tuple[int, int]] = []
    for above, below in rows:
        found.extend(map(numbers.__getitem__, above))
        found.extend(map(numbers.__getitem__, below))
        sizes.append((len(above), len(below)))
    if len(sizes) != len(keys):
        raise ValueError(f"expected tokens of {len(keys)} passages, got {len(sizes)}")
    each = np.array(sizes, dtype=np.int64).reshape(-1, 2)
    terms, ranks = np.unique(np.array([hashed(token) for token in numbers], dtype=np.uint64), return_inverse=True)
    places = np.repeat(np.arange(len(keys)), each.sum(axis=1))
    in_heading = np.repeat(np.tile(np.array([1, 0]), len(keys)), each.ravel())
    # One number for term, passage and column: sorting these is all the work there is.
    sortable = (ranks.reshape(-1)[np.array(found, dtype=np.int64)] * max(len(keys), 1) + places) * 2 + in_heading
    sortable.sort()
    first = np.flatnonzero(np.diff(sortable >> 1, prepend=-1))
    heading = np.add.reduceat(sortable & 1, first) if len(first) else first
    body = np.diff(first, append=len(sortable)) - heading
    term, place = np.divmod(sortable[first] >> 1, max(len(keys), 1))
    return Postings(
        ids=np.ascontiguousarray(keys[:, 0]),
        checksums=np.ascontiguousarray(keys[:, 1]),
        lengths=each.sum(axis=1).astype(np.int32),
        terms=terms,
        starts=np.searchsorted(term, np.arange(len(terms) + 1)).astype(np.int64),
        places=place.astype(np.int32),
        counts=packed(heading, body),
    )


def _in_memory(_: str, size: int, kind: np.dtype[Any]) -> Array:
    return np.empty(size, dtype=kind)


def joined(parts: Sequence[tuple[Postings, Mask | None]], allocate: Allocate = _in_memory) -> Postings:
    """One set of lists from several whose passages follow one another by id; only the passages of each mask, where
    there is one, are taken. Beside the result it needs memory for one part at a time.
    """
    taken = [_Taken(part, mask) for part, mask in parts]
    terms = _union([one.terms for one in taken])
    sizes = np.zeros(len(terms), dtype=np.int64)
    for one in taken:
        sizes[np.searchsorted(terms, one.terms)] += one.sizes
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    passages = sum(one.passages for one in taken)
    kind = _packed_type(max((one.most[0] for one in taken), default=0), max((one.most[1] for one in taken), default=0))
    result = Postings(
        ids=allocate("ids", passages, np.dtype(np.int64)),
        checksums=allocate("checksums", passages, np.dtype(np.int64)),
        lengths=allocate("lengths", passages, np.dtype(np.int32)),
        terms=allocate("terms", len(terms), np.dtype(np.uint64)),
        starts=allocate("starts", len(starts), np.dtype(np.int64)),
        places=allocate("places", int(starts[-1]), np.dtype(np.int32)),
        counts=allocate("counts", int(starts[-1]), kind),
    )
    result.terms[:], result.starts[:] = terms, starts
    ends, before = starts[:-1].copy(), 0
    for one in taken:
        behind = before + one.passages
        for field in ("ids", "checksums", "lengths"):
            whole = getattr(one.part, field)
            getattr(result, field)[before:behind] = whole if one.mask is None else whole[one.mask]
        here = np.searchsorted(terms, one.terms)
        chosen, places = one.lists()
        # Behind what the parts before it have put into each list.
        target = np.repeat(ends[here] - (np.cumsum(one.sizes) - one.sizes), one.sizes) + np.arange(len(places))
        result.places[target] = places + np.int32(before)
        result.counts[target] = _packed(*unpacked(one.part.counts[chosen]), kind)
        ends[here] += one.sizes
        before = behind
    return result


class _Taken:
    """What of a part goes into the joined lists."""

    def __init__(self, part: Postings, mask: Mask | None) -> None:
        self.part, self.mask = part, mask
        self.passages = len(part.ids) if mask is None else int(mask.sum())
        sizes = np.diff(part.starts)
        if mask is not None:
            kept = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(mask[part.places])])
            sizes = np.diff(kept[part.starts])
        self.terms, self.sizes = part.terms[sizes > 0], sizes[sizes > 0]
        heading, body = unpacked(part.counts)
        self.most = int(heading.max(initial=0)), int(body.max(initial=0))

    def lists(self) -> tuple[slice | Mask, Array]:
        """Which postings are taken, and their places among the passages that are."""
        if self.mask is None:
            return slice(None), self.part.places
        chosen = self.mask[self.part.places]
        moved = (np.cumsum(self.mask) - 1).astype(np.int32)
        return chosen, moved[self.part.places[chosen]]


def _union(terms: Sequence[Array]) -> Array:
    """All of them, ascending, each once; two at a time, so that memory stays near the result's."""
    lists = list(terms) or [np.empty(0, dtype=np.uint64)]
    while len(lists) > 1:
        pairs = zip(lists[::2], lists[1::2], strict=False)
        lists = [np.union1d(*pair) for pair in pairs] + lists[len(lists) - len(lists) % 2 :]
    return np.asarray(lists[0], dtype=np.uint64)
