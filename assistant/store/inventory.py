"""Which passages have a vector of one embedder: ids and checksums of all of them, kept in step with the store.

It knows the store. It does not know vectors or words, nor the caches that are checked against it.

A passage is never changed in place, so an id with the checksum of its vector stands for everything that is known of
it. Handing a million such keys over takes SQLite and Python more than half a second, adding them up a tenth of that: so
sums over blocks of ids are compared, and only blocks that differ are read. A cache may suggest keys to begin with; what
does not agree with the store is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assistant.store.vectors import Ids, digest

if TYPE_CHECKING:
    from assistant.store.database import Store

_BLOCK = 4096
_Sums = tuple[int, int, int, int]


class Inventory:
    """The keys of one embedder's vectors in one store. Used by one thread at a time."""

    def __init__(self, store: Store, fingerprint: str) -> None:
        """Nothing is read before the first `refresh`."""
        self._store = store
        self._fingerprint = fingerprint
        self._sums: dict[int, _Sums] = {}
        self.keys: Ids = np.empty((0, 2), dtype=np.int64)
        """Passage ids and checksums, int64 (n, 2) by id; the array is replaced when they change, never altered."""
        self.generation = -1
        """The store's, of which they are the keys; -1 before the first `refresh`."""
        self.passages = 0
        """How many passages there are, with or without a vector."""

    def suggest(self, keys: Ids) -> None:
        """Begin with these keys, which a cache was made from; without effect once the store has been read."""
        if self.generation < 0 and not len(self.keys) and len(keys) and _ascending(keys):
            self.keys, self._sums = keys, _sums(keys)

    def refresh(self) -> Ids:
        """The keys as they are now."""
        if self.generation >= 0 and not self._store.changed_since(self.generation):
            return self.keys
        with self._store.snapshot():
            generation = self._store.generation
            passages = self._store.passage_count
            now = self._store.vector_digests(self._fingerprint, _BLOCK)
            keys = self.keys if now == self._sums else self._read(now)
        self.keys, self._sums, self.generation, self.passages = keys, now, generation, passages
        return keys

    def _read(self, now: dict[int, _Sums]) -> Ids:
        """The keys, those of blocks that have stayed the same taken from memory."""
        changed = {number for number, sums in now.items() if self._sums.get(number) != sums}
        if 2 * len(changed) > len(now):
            return self._store.vector_keys(self._fingerprint)
        blocks = self.keys[:, 0] // _BLOCK
        starts = dict(zip(*(found.tolist() for found in np.unique(blocks, return_index=True)), strict=True))
        parts = []
        for number, sums in now.items():
            if number in changed:
                first = number * _BLOCK
                parts.append(self._store.vector_keys(self._fingerprint, first, first + _BLOCK - 1))
            else:
                parts.append(self.keys[starts[number] : starts[number] + sums[0]])
        return np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.int64)


def _ascending(keys: Ids) -> bool:
    return bool((np.diff(keys[:, 0]) > 0).all())


def _sums(keys: Ids) -> dict[int, _Sums]:
    numbers, starts = np.unique(keys[:, 0] // _BLOCK, return_index=True)
    ends = [*starts[1:].tolist(), len(keys)]
    return {
        number: digest(keys[start:end], _BLOCK)
        for number, start, end in zip(numbers.tolist(), starts.tolist(), ends, strict=True)
    }
