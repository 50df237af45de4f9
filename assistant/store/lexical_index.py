"""Finds the passages that hold a question's words: BM25 over posting lists, with the scores of FTS5.

It knows the store's full-text rows and the cache of their lists. It does not know how text becomes tokens.

FTS5 walks every row that holds any of the words, which takes too long from some thousand passages on. The lists are a
cache, like the graph of the vectors: built by `build`, verified before use, never waited for. What was added since is
counted in memory beside them, what was removed is masked, and when they cannot be used FTS5 answers: the same passages
with the same scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from assistant.store import fulltext
from assistant.store.cachefile import UnusableCache
from assistant.store.inventory import Inventory
from assistant.store.lexical_cache import LexicalCache
from assistant.store.maxscore import List, Passages, candidates, exact
from assistant.store.nearest import within
from assistant.store.postings import Array, Mask, Postings, counted, hashed, joined, packed, unpacked
from assistant.store.vectors import Ids

if TYPE_CHECKING:
    from assistant.store.database import Store

Progress = Callable[[int, int], object]
"""Called with how many passages are done, and of how many."""

BUILD_FROM = 1000
"""Passages from which lists are worth a file: FTS5 takes 4 ms there on two busy cores, lists 0.5 (measured)."""
_BATCH = 4096  # Passages counted at a time: some 30 MB while they are sorted.
_STALE = 0.2  # Share of the cached passages that may be gone before the file is written anew.
_WORTH = 0.05  # Share of new passages from which it is written anew.
_BESIDE = 20_000  # New passages that are counted in memory at most: half a second.
_FEW = 2000  # Allowed passages that are all scored, instead of looking for the best of them.
_REMEMBERED = 4096  # Words whose lists are kept at hand.


class LexicalIndex:
    """The words of the passages that have a vector of one embedder. Used by one thread at a time."""

    def __init__(
        self, store: Store, inventory: Inventory, folder: Path, fingerprint: str, *, build_from: int = BUILD_FROM
    ) -> None:
        """Nothing is read before the first `refresh` or `lexical`. `folder` holds the cache."""
        self._store = store
        self._inventory = inventory
        self._cache = LexicalCache(folder, fingerprint)
        self._build_from = build_from
        self._keys: Ids | None = None
        self._passages = 0
        self._base: Postings | None = None
        self._loaded: tuple[int, int] | None = None
        self._refused: tuple[object, UnusableCache] | None = None
        self._view: _View | None = None
        self.note = ""
        """Why FTS5 serves although there are enough passages for lists; empty when all is as it should be."""

    @property
    def kind(self) -> Literal["fts5", "lists"]:
        """What answers."""
        return "fts5" if self._view is None else "lists"

    def lexical(
        self, tokens: Iterable[str], limit: int, weights: tuple[float, float] = (1.0, 1.0), allowed: Ids | None = None
    ) -> list[tuple[int, float]]:
        """Passages that hold any of the tokens, best first: (id, BM25 score above 0), ties by id.

        Sees what this and other processes have written before the call. See `Store.lexical`; `allowed` are ascending.
        """
        wanted = fulltext.phrases(tokens)
        self.refresh()
        if self._view is None or any(" " in token for token in wanted):
            return self._store.lexical(wanted, limit, weights, allowed)
        return self._view.search(wanted, limit, weights, allowed) if limit > 0 else []

    def document_frequency(self, tokens: Iterable[str]) -> dict[str, int]:
        """In how many passages each token occurs."""
        wanted = list(tokens)
        self.refresh()
        if self._view is None:
            return self._store.document_frequency(wanted)
        return {token: self._view.list_of(fulltext.storable(token)).frequency for token in wanted}

    def refresh(self) -> None:
        """Take in what has been written since the last time. Never builds the lists; `lexical` calls it."""
        if self._inventory.generation < 0 and self._base is None and self._cache.stamp():
            self._reload()
        with self._store.snapshot():
            keys = self._inventory.refresh()
            if keys is not self._keys or self._inventory.passages != self._passages:
                self._take(keys)
                self._keys, self._passages = keys, self._inventory.passages

    def _reload(self) -> None:
        """Load the cached lists, if there are others than those in memory.

        Reading again after every write what was refused would take long and find the same.
        """
        stamp = self._cache.stamp()
        if stamp == self._loaded or (self._refused and self._refused[0] == stamp):
            return
        try:
            self._base, self._loaded, self._refused = self._cache.load(), stamp, None
            self._inventory.suggest(_keys(self._base))
        except UnusableCache as reason:
            self._refused = stamp, reason

    def _take(self, keys: Ids) -> None:
        self.note = ""
        try:
            self._view = self._made(keys)
        except UnusableCache as reason:
            self._view = None
            if len(keys) >= self._build_from:
                self.note = f"FTS5 serves, which is slower: {reason}."

    def _made(self, keys: Ids) -> _View:
        if len(keys) != self._inventory.passages:
            raise UnusableCache("not every passage has a vector")
        before = self._base
        for _ in range(2):
            if self._base is not None:
                alive = within(_keys(self._base), keys)
                new = keys[~within(keys, _keys(self._base))]
                if _usable(self._base, alive, new):
                    return _View(self._base, alive, self._beside(new))
            self._reload()  # another process may have stored newer lists
            if self._base is before:
                break
        raise (
            self._refused[1]
            if self._refused
            else UnusableCache(
                "there is no index of words yet" if self._base is None else "the index of words is out of date"
            )
        )

    def _beside(self, new: Ids) -> Postings:
        """The lists of passages that are not in the cache; those that were counted before are not read again."""
        held = self._view.beside if self._view is not None else counted(new[:0], [])
        kept = within(_keys(held), new)
        parts: list[tuple[Postings, Mask | None]] = [(held, kept)]
        parts += [(part, None) for part in self._counted(new[~within(new, _keys(held))])]
        joint = joined(parts)
        if not np.array_equal(_keys(joint), new):
            raise UnusableCache("the index of words is out of date")
        return joint

    def _counted(self, keys: Ids, progress: Progress | None = None) -> Iterator[Postings]:
        """The lists of these passages, some thousand at a time.

        Raises:
            UnusableCache: a passage has no words, not even none.
        """
        for start in range(0, len(keys), _BATCH):
            part = keys[start : start + _BATCH]
            found = self._store.passage_tokens(int(part[0, 0]), int(part[-1, 0]))
            asked = set(part[:, 0].tolist())
            rows = [row for row in found if row[0] in asked]
            if [row[0] for row in rows] != part[:, 0].tolist():
                raise UnusableCache("the full-text rows do not fit the passages")
            yield counted(part, ((heading, body) for _, heading, body in rows))
            if progress:
                progress(start + len(part), len(keys))

    def build(self, progress: Progress | None = None) -> None:
        """Bring the cached lists up to date, when there are enough passages for them; call it after adding.

        A cache that cannot be written is not an error: `note` says so.
        """
        self.refresh()
        keys, view = self._inventory.keys, self._view
        if len(keys) < self._build_from or len(keys) != self._inventory.passages:
            return
        if view is not None and not view.worth_writing:
            return
        note = ""
        try:
            with self._store.snapshot():
                if view is not None and self._inventory.refresh() is self._keys:
                    parts: Iterable[tuple[Postings, Mask | None]] = view.parts
                else:
                    parts = ((part, None) for part in self._counted(self._inventory.refresh(), progress))
                self._cache.save(parts, self._inventory.generation)
        except UnusableCache as reason:
            note = f"FTS5 serves, which is slower: {reason}."
        except OSError as error:
            note = f"The index of words cannot be stored in {self._cache.folder}: {error.strerror or error}."
        else:
            self._base = self._view = self._keys = None
            self._reload()
        self.refresh()
        self.note = note or self.note


def _keys(postings: Postings) -> Ids:
    return np.stack([postings.ids, postings.checksums], axis=1)


def _usable(base: Postings, alive: Mask, new: Ids) -> bool:
    """Whether little enough has changed, and new passages stand behind the old ones."""
    if len(new) > _BESIDE or alive.sum() < (1 - _STALE) * len(alive):
        return False
    return not len(new) or bool(new[0, 0] > base.ids[-1])


class _View:
    """Cached lists, those beside them, and what is gone, as one."""

    def __init__(self, base: Postings, alive: Mask, beside: Postings) -> None:
        self.beside = beside
        self.parts = [(base, None if alive.all() else alive), (beside, None)]
        self._base = base
        self._offset = np.int32(len(base.ids))
        self._gone = np.flatnonzero(~alive).astype(np.int32)
        self._ids = np.concatenate([base.ids, beside.ids])
        lengths = np.concatenate([base.lengths, beside.lengths])
        tokens = int(lengths.sum(dtype=np.int64)) - int(base.lengths[self._gone].sum(dtype=np.int64))
        self._passages = Passages.of(lengths, tokens, len(lengths) - len(self._gone))
        self._hidden: Array | None = None
        if len(self._gone):
            self._hidden = np.zeros(len(lengths), dtype=np.float32)
            self._hidden[self._gone] = -np.inf
        self._lists: dict[str, List] = {}

    @property
    def worth_writing(self) -> bool:
        """Whether enough has come or gone to write the cache anew."""
        return len(self.beside.ids) + len(self._gone) >= _WORTH * len(self._base.ids)

    def list_of(self, token: str) -> List:
        """The list of a storable token, whatever its case."""
        found = self._lists.get(token)
        if found is None:
            if len(self._lists) >= _REMEMBERED:
                self._lists.clear()
            found = self._lists[token] = self._list(hashed(fulltext.folded(token)))
        return found

    def _list(self, term: int) -> List:
        old, new = self._base.list_of(term), self.beside.list_of(term)
        places, counts = self._base.places[old], self._base.counts[old]
        frequency = len(places) - self._lost(places)
        if new.stop > new.start:
            heads, bodies = zip(unpacked(counts), unpacked(self.beside.counts[new]), strict=True)
            places = np.concatenate([places, self.beside.places[new] + self._offset])
            counts = packed(np.concatenate(heads), np.concatenate(bodies))
        return List.of(places, counts, frequency + new.stop - new.start)

    def _lost(self, places: Array) -> int:
        """How many of a list's passages are gone."""
        few, many = sorted((places, self._gone), key=len)
        if not len(few):
            return 0
        at = np.minimum(np.searchsorted(many, few), len(many) - 1)
        return int(np.count_nonzero(many[at] == few))

    def search(
        self, wanted: list[str], limit: int, weights: tuple[float, float], allowed: Ids | None
    ) -> list[tuple[int, float]]:
        """See `LexicalIndex.lexical`."""
        if len(wanted) > fulltext.MAX_TOKENS:
            counts = {token: self.list_of(token).frequency for token in wanted}
            wanted = fulltext.rarest({token: count for token, count in counts.items() if count})
        lists = [self.list_of(token) for token in wanted]
        places = self._chosen(lists, limit, weights, allowed)
        scores = exact(self._passages, lists, weights, places)
        order = np.lexsort((places, -scores))[:limit]
        order = order[scores[order] > 0]
        return list(zip(self._ids[places[order]].tolist(), scores[order].tolist(), strict=True))

    def _chosen(self, lists: list[List], limit: int, weights: tuple[float, float], allowed: Ids | None) -> Array:
        """Places among which the best are."""
        if allowed is None:
            return candidates(self._passages, lists, weights, limit, self._hidden)
        at: Array = np.minimum(np.searchsorted(self._ids, allowed), len(self._ids) - 1).astype(np.int32)
        at = at[self._ids[at] == allowed]
        if self._hidden is not None:
            at = at[self._hidden[at] == 0]
        if len(at) <= _FEW:
            return at
        hidden = np.full(len(self._ids), -np.inf, dtype=np.float32)
        hidden[at] = 0
        return candidates(self._passages, lists, weights, limit, hidden)
