"""The best passages by BM25 out of posting lists, without scoring every passage that holds a term.

Pure: lists in, places and scores out. The scores are those of FTS5's `bm25()`, to the last bit where the processor
rounds as FTS5's compiler did: same constants, same operations, terms added in the question's order.

Terms that can add most come first (MaxScore: Turtle and Flood, Query Evaluation: Strategies and Optimizations, 1995).
Once what is left of them cannot lift a passage to the k-th score any more, only those that have come close go on. That
part is arithmetic in single precision with a margin; what it leaves is scored again exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.store.postings import Array, unpacked

K1 = 1.2
B = 0.75
"""Of FTS5, which does not let them be changed (https://sqlite.org/fts5.html#the_bm25_function)."""
_LEAST_WEIGHT = 1e-6
"""FTS5's weight of a term in more than half of all rows, whose inverse document frequency is not above 0."""

Scores = npt.NDArray[np.float64]
_Sums = npt.NDArray[np.float32]

_MARGIN = np.float32(1e-4)  # Of a score. 256 terms in single precision are off by less than a fifth of it.
_LOOKED_UP = 40  # Looking one candidate up in a list costs as much as reading so many of its postings (measured).
_SAMPLE = 2048


@dataclass(frozen=True, slots=True)
class List:
    """A term of the question, in the question's order."""

    places: Array
    """Of the passages that hold it; int32, ascending."""
    counts: Array
    """As in `Postings`."""
    frequency: int
    """How many passages that still exist hold it."""
    most: tuple[int, int]
    """How often it stands in a heading and in a body at most."""

    @classmethod
    def of(cls, places: Array, counts: Array, frequency: int) -> List:
        """With what is the most looked up."""
        heading, body = unpacked(counts)
        return cls(places, counts, frequency, (int(heading.max(initial=0)), int(body.max(initial=0))))

    def occurrences(self, weights: tuple[float, float], chosen: Array | slice, kind: type[np.floating]) -> Array:
        """The weighted occurrences in the passages at these positions of the list."""
        heading, body = unpacked(self.counts[chosen])
        return np.asarray(heading * kind(weights[0]) + body * kind(weights[1]))


@dataclass(frozen=True, slots=True)
class Passages:
    """What BM25 wants to know of all passages at once."""

    norms: Scores
    """Of each place: k1 * (1 - b + b * length / average length)."""
    rough: _Sums
    """The same in single precision."""
    alive: int
    """How many passages exist."""

    @classmethod
    def of(cls, lengths: Array, tokens: int, alive: int) -> Passages:
        """With `tokens` in the `alive` passages; `lengths` also has those that are gone."""
        average = tokens / max(alive, 1) or 1.0
        norms = K1 * (1 - B + B * lengths / average)
        return cls(norms, norms.astype(np.float32), alive)

    def weight(self, frequency: int) -> float:
        """Inverse document frequency of a term in so many passages."""
        weight = math.log((self.alive - frequency + 0.5) / (frequency + 0.5))
        return weight if weight > 0 else _LEAST_WEIGHT


def exact(passages: Passages, lists: Sequence[List], weights: tuple[float, float], places: Array) -> Scores:
    """The scores of the passages at these places (int32)."""
    scores = np.zeros(len(places))
    norms = passages.norms[places]
    for one in lists:
        at, held = _found(one, places)
        occurrences = one.occurrences(weights, at[held], np.float64)
        part = (occurrences * (K1 + 1.0)) / (occurrences + norms[held])
        scores[held] += passages.weight(one.frequency) * part
    return scores


def _found(one: List, places: Array) -> tuple[Array, Array]:
    """Where in the list each place would be, and whether it is there."""
    if not len(one.places):
        return np.zeros(len(places), dtype=np.int64), np.zeros(len(places), dtype=bool)
    at = np.searchsorted(one.places, places)
    np.minimum(at, len(one.places) - 1, out=at)
    return at, one.places[at] == places


def candidates(
    passages: Passages, lists: Sequence[List], weights: tuple[float, float], k: int, hidden: _Sums | None = None
) -> Array:
    """Places (int32, ascending) among which the `k` best are, and all that tie with the last of them.

    Args:
        passages: all of them.
        lists: the terms of the question.
        weights: of heading and body.
        k: 1 or more.
        hidden: 0 for each place that may be found, minus infinity for the others.
    """
    best = _Best(passages, weights, k, hidden)
    order = sorted((one for one in lists if len(one.places)), key=best.bound, reverse=True)
    left = [float(sum(best.bound(one) for one in order[number:])) for number in range(len(order) + 1)]
    for one, most in zip(order, left, strict=False):
        if best.least <= most:
            best.take(one)
        else:
            best.add(one, most)
    return best.places()


class _Best:
    """Sums that grow term by term, and what the k-th of them is at least."""

    def __init__(self, passages: Passages, weights: tuple[float, float], k: int, hidden: _Sums | None) -> None:
        self._passages = passages
        self._weights = weights
        self._k = k
        self._sums = np.zeros(len(passages.norms), dtype=np.float32) if hidden is None else hidden.copy()
        self._lowest = float(passages.rough.min(initial=np.inf))
        self._top = np.empty(0, dtype=np.int32)
        self._near: Array | None = None
        self.least = 0.0
        """The k-th best score is not below this."""

    def bound(self, one: List) -> float:
        """What the term can add to a passage at most."""
        most = one.most[0] * self._weights[0] + one.most[1] * self._weights[1]
        return self._scale(one) * most / (most + self._lowest)

    def _scale(self, one: List) -> float:
        return self._passages.weight(one.frequency) * (K1 + 1.0)

    def _parts(self, one: List, chosen: Array | slice, places: Array) -> _Sums:
        occurrences = one.occurrences(self._weights, chosen, np.float32)
        parts = occurrences / (occurrences + self._passages.rough[places])
        return np.asarray(parts * np.float32(self._scale(one)))

    def take(self, one: List) -> None:
        """Add a term to every passage that holds it."""
        self._raise(one.places, self._parts(one, slice(None), one.places))

    def add(self, one: List, most: float) -> None:
        """Add a term to the passages that can still come to the k-th score, `most` being what is left to add."""
        needed = np.float32(self.least - most)
        if self._near is None and np.count_nonzero(self._sums >= needed) * _LOOKED_UP < len(one.places):
            self._near = np.flatnonzero(self._sums >= needed).astype(np.int32)
        if self._near is None:
            chosen = np.flatnonzero(self._sums[one.places] >= needed)
        else:
            self._near = self._near[self._sums[self._near] >= needed]
            at, held = _found(one, self._near)
            chosen = at[held]
        places = one.places[chosen]
        self._raise(places, self._parts(one, chosen, places))

    def _raise(self, places: Array, parts: _Sums) -> None:
        sums = self._sums[places] + parts
        self._sums[places] = sums
        top = places[_highest(sums, self._k)]
        self._top = np.union1d(self._top, top)
        if len(self._top) >= self._k:
            sums = self._sums[self._top]
            self._top = self._top[_highest(sums, self._k)]
            self.least = max(0.0, float(self._sums[self._top].min() * (1 - _MARGIN)))

    def places(self) -> Array:
        """What is left."""
        near = self._near if self._near is not None else np.flatnonzero(self._sums > 0).astype(np.int32)
        sums = self._sums[near]
        return near[(sums > 0) & (sums >= np.float32(self.least * (1 - float(_MARGIN))))]


def _highest(values: _Sums, k: int) -> Array:
    """Where the `k` highest values are, in no order."""
    places: Array | None = None
    if len(values) > 4 * _SAMPLE:
        # Most are far below: a sample tells where to cut, and counting, whether it has cut too much.
        sample = values[:: len(values) // _SAMPLE]
        wanted = min(len(sample), 8 + 2 * k * len(sample) // len(values))
        at_least = np.partition(sample, len(sample) - wanted)[len(sample) - wanted]
        places = np.flatnonzero(values >= at_least)
        if len(places) < k:
            places = None
        else:
            values = values[places]
    if len(values) <= k:
        return np.arange(len(values)) if places is None else places
    chosen = np.argpartition(values, len(values) - k)[len(values) - k :]
    return chosen if places is None else places[chosen]
