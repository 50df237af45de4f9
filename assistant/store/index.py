"""Finds the passages whose vectors lie nearest to a question's.

It knows the store's vectors and hnswlib. It does not know how text becomes a vector or what a passage says.

Small knowledge bases are scanned exactly: perfect recall, nothing to build. From `exact_below` passages on,
an hnswlib graph answers. It is a cache: built by `build`, verified before it is opened, and never waited for.
What was added since it was built is scanned beside it, what was removed is masked, and when it cannot be used
the exact scan takes over.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from assistant.store.cache import Graph, IndexCache, new_index
from assistant.store.cachefile import UnusableCache
from assistant.store.inventory import Inventory
from assistant.store.nearest import among, best, merged, products, within
from assistant.store.vectors import Ids, Vectors

if TYPE_CHECKING:
    from assistant.store.database import Store

Progress = Callable[[int, int], object]
"""Called with how many vectors are done, and of how many."""

EXACT_BELOW = 20_000
EF = 128
"""How many candidates hnswlib keeps while it searches: enough for a recall@10 of 0.99 at 100,000 passages."""

_BUILD_BATCH = 1000
_STALE = 0.2  # Share of a graph's vectors that may be gone before it is built anew.
_COMPARED = 20_000  # Allowed vectors that are all compared at most: 30 MB at 384 dimensions.
_RATHER_COMPARED = 3
# Reading n vectors takes some 10 us each and is needed once a filter; of a graph of N, 2 k N / n neighbours must be
# found for k allowed ones, 3 us each for every question. Both are the same where n * n = 3 k N, at five questions.
_WORTH = 0.05  # Share of new vectors, scanned beside the graph, from which they are added to it.


class VectorIndex:
    """Nearest vectors of one embedder in one store. Used by one thread at a time."""

    def __init__(
        self,
        store: Store,
        fingerprint: str,
        dimensions: int,
        folder: Path,
        *,
        exact_below: int = EXACT_BELOW,
        ef: int = EF,
        threads: int = 1,
        memory_bytes: int = 512 * 2**20,
    ) -> None:
        """Nothing is read before the first `refresh` or `search`.

        `folder` holds the cache. `threads` build the graph: with more than one it is faster, and differs a
        little from build to build. An exact scan keeps its vectors in memory up to `memory_bytes` and reads
        them from the store for each search beyond that.
        """
        self._store = store
        self._fingerprint = fingerprint
        self._dimensions = dimensions
        self._cache = IndexCache(folder, fingerprint, dimensions)
        self._exact_below = exact_below
        self._ef = ef
        self._threads = threads
        self._memory_bytes = memory_bytes
        self.inventory = Inventory(store, fingerprint)
        """Which passages can be found."""
        self._keys: Ids | None = None
        self._graph: Graph | None = None
        self._refused: tuple[object, UnusableCache] | None = None
        self._scanned: Ids = np.empty((0, 2), dtype=np.int64)
        self._matrix: Vectors | None = np.empty((0, dimensions), dtype=np.float32)
        self._chosen: tuple[Ids, Vectors] = np.empty(0, dtype=np.int64), np.empty((0, dimensions), dtype=np.float32)
        self.note = ""
        """Why the exact scan serves although there are enough passages for a graph; empty when all is as it should."""

    @property
    def count(self) -> int:
        """How many vectors are searched."""
        return 0 if self._keys is None else len(self._keys)

    @property
    def kind(self) -> Literal["exact", "hnsw"]:
        """How they are searched."""
        return "exact" if self._graph is None else "hnsw"

    def search(self, vector: Vectors, k: int, allowed: Ids | None = None) -> tuple[Ids, Vectors]:
        """The `k` passages nearest to `vector`, float32 (d,) of length 1: ids and cosines, best first, ties
        by id.

        Sees what this and other processes have written before the call. With `allowed`, ascending ids, only
        these passages are found.

        Raises:
            ValueError: `vector` has another length than this index's.
        """
        if vector.shape != (self._dimensions,):
            raise ValueError(f"expected a vector of {self._dimensions} numbers, got shape {vector.shape}")
        self.refresh()
        k = min(k, self.count)
        if k < 1:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        query = np.ascontiguousarray(vector, dtype=np.float32)
        if self._matrix is None:
            return self._scan_store(query, k, allowed)
        scanned = self._scan_memory(self._matrix, query, k, allowed)
        if self._graph is None:
            return scanned
        if allowed is None:
            found = self._search_graph(self._graph, query, k)
        else:
            found = self._search_allowed(self._graph, query, k, allowed)
        return self._scan_store(query, k, allowed) if found is None else merged(found, scanned, k)

    def _scan_memory(self, matrix: Vectors, query: Vectors, k: int, allowed: Ids | None) -> tuple[Ids, Vectors]:
        ids = self._scanned[:, 0]
        if allowed is None:
            return best(ids, products(matrix, query), k)
        rows = np.flatnonzero(among(ids, allowed))
        # Copying a few rows out is cheaper than multiplying all of them.
        few = 4 * len(rows) < len(ids)
        scores = products(matrix[rows], query) if few else products(matrix, query)[rows]
        return best(ids[rows], scores, k)

    def _search_allowed(self, graph: Graph, query: Vectors, k: int, allowed: Ids) -> tuple[Ids, Vectors] | None:
        """None: nothing but a scan of the store finds them all."""
        wanted = graph.visible(allowed)
        if len(wanted) <= _COMPARED and len(wanted) ** 2 <= _RATHER_COMPARED * k * graph.alive:
            # A filter is used for many questions: its vectors are kept until the next filter or write.
            if not np.array_equal(wanted, self._chosen[0]):
                self._chosen = wanted, self._store.select_vectors(self._fingerprint, wanted)
            return best(wanted, products(self._chosen[1], query), k)
        # So many of the nearest that `k` allowed ones should be among them, and more when they are not.
        share = len(wanted) / graph.alive
        for more in (2, 8):
            found = self._search_graph(graph, query, min(graph.alive, int(more * k / share) + 1))
            if found is None:
                return None
            kept = among(found[0], wanted)
            if kept.sum() >= k:
                return found[0][kept][:k], found[1][kept][:k]
        return None

    def _search_graph(self, graph: Graph, query: Vectors, k: int) -> tuple[Ids, Vectors] | None:
        wanted = min(k, graph.alive)
        if wanted < 1:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        for effort in (max(self._ef, 2 * wanted), max(8 * self._ef, 16 * wanted)):
            graph.index.set_ef(effort)
            try:
                labels, distances = graph.index.knn_query(query, k=wanted, num_threads=1)
            except RuntimeError:  # Fewer were reached than asked for: many are masked. Look further.
                continue
            return best(labels[0].astype(np.int64), np.float32(1.0) - distances[0], wanted)
        return None

    def _scan_store(self, query: Vectors, k: int, allowed: Ids | None = None) -> tuple[Ids, Vectors]:
        found: tuple[Ids, Vectors] = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        for ids, batch in self._store.iterate_vectors(self._fingerprint):
            if allowed is not None:
                kept = among(ids, allowed)
                ids, batch = ids[kept], batch[kept]
            found = merged(found, best(ids, products(batch, query), k), k)
        return found

    def recall(self, searches: int, k: int) -> float:
        """Share of the `k` nearest passages that a search finds, 0 to 1: against comparing every vector.

        Looked for are points halfway between two stored vectors: a question lies beside its passages, and a stored
        vector itself would be found too easily.
        """
        ids = self._store.vector_keys(self._fingerprint)[:, 0]
        if len(ids) < 2 * searches:
            return 1.0  # So few are all compared anyway.
        random = np.random.default_rng(len(ids))
        ends = self._store.select_vectors(self._fingerprint, np.sort(random.choice(ids, 2 * searches, replace=False)))
        random.shuffle(ends)
        points = ends[:searches] + ends[searches:]
        queries = np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), dtype=np.float32)
        nearest = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)) for _ in queries]
        for batch_ids, batch in self._store.iterate_vectors(self._fingerprint):
            scores = queries @ batch.T
            nearest = [merged(one, best(batch_ids, row, k), k) for one, row in zip(nearest, scores, strict=True)]
        found = [self.search(query, k)[0] for query in queries]
        shared = sum(len(np.intersect1d(one[0], two)) for one, two in zip(nearest, found, strict=True))
        return float(shared / sum(len(one[0]) for one in nearest))

    def refresh(self) -> None:
        """Take in what has been written since the last time. Never builds a graph; `search` calls it."""
        if self.inventory.generation < 0 and self._cache.stamp() is not None:
            self.inventory.suggest(self._cache.keys())
        with self._store.snapshot():
            keys = self.inventory.refresh()
            if keys is not self._keys:
                self._take(keys)
                self._keys = keys

    def _take(self, keys: Ids) -> None:
        self.note, graph = "", None
        if len(keys) >= self._exact_below:
            try:
                graph = self._usable_graph(keys)
            except UnusableCache as reason:
                self.note = f"An exact scan serves, which is slower: {reason}."
        self._graph = graph
        self._chosen = self._chosen[0][:0], self._chosen[1][:0]
        self._scan(keys if graph is None else keys[~within(keys, graph.keys)])

    def _usable_graph(self, keys: Ids) -> Graph:
        if self._graph is not None:
            with suppress(UnusableCache):
                return _masked(self._graph, keys, self._exact_below)
        # None yet, or it has become out of date: another process may have stored a newer one.
        stamp = self._cache.stamp()
        if self._refused and self._refused[0] == stamp:
            raise self._refused[1]
        try:
            return _masked(self._cache.load(), keys, self._exact_below)
        except UnusableCache as reason:
            self._refused = (
                stamp,
                reason,
            )  # Reading it again after every write would take long and find the same.
            raise

    def _scan(self, keys: Ids) -> None:
        """Hold the vectors with these keys for an exact scan; those held already are not read again."""
        if 4 * self._dimensions * len(keys) > self._memory_bytes:
            self._scanned, self._matrix = keys, None
            return
        held = np.empty((0, 2), dtype=np.int64) if self._matrix is None else self._scanned
        matrix = np.empty((len(keys), self._dimensions), dtype=np.float32)
        missing = ~within(keys, held)
        if missing.any():
            matrix[missing] = self._store.select_vectors(self._fingerprint, keys[missing, 0])
        if self._matrix is not None and not missing.all():
            matrix[~missing] = self._matrix[within(held, keys)]
        self._scanned, self._matrix = keys, matrix

    def build(self, progress: Progress | None = None) -> None:
        """Bring the cached graph up to date, when there are enough passages for one; call it after adding.

        Adds to the graph what it lacks, once that is worth writing the files again, or builds it anew when
        there is none or much of it is gone. A cache that cannot be written is not an error: `note` says so.
        """
        self.refresh()
        graph = self._graph
        if self.count < self._exact_below or (graph and len(self._scanned) < _WORTH * len(graph.keys)):
            return
        # While it is changed the graph must not be searched, nor afterwards if that is interrupted.
        self._graph = self._keys = None
        note = ""
        try:
            graph = self._built(progress) if graph is None else self._extended(graph, progress)
            self._cache.save(graph, self._store.generation)
            self._graph = graph
        except UnusableCache as reason:
            note = f"An exact scan serves, which is slower: {reason}."
        except OSError as error:
            self._graph = graph
            note = f"The index cannot be stored in {self._cache.folder}: {error.strerror or error}."
        self.refresh()
        self.note = note or self.note

    def _extended(self, graph: Graph, progress: Progress | None) -> Graph:
        new = self._scanned
        if self._matrix is None or np.isin(new[:, 0], graph.keys[:, 0]).any():
            return self._built(progress)
        graph.mask(np.zeros(len(graph.keys), dtype=bool))  # What is gone is found out again by who loads it.
        done = len(graph.keys)
        total = done + len(new)
        graph.index.resize_index(total)
        for start in range(0, len(new), _BUILD_BATCH):
            part = slice(start, start + _BUILD_BATCH)
            graph.index.add_items(self._matrix[part], new[part, 0], num_threads=self._threads)
            if progress:
                progress(min(total, done + start + _BUILD_BATCH), total)
        keys = np.concatenate([graph.keys, new])
        return Graph(graph.index, keys[np.argsort(keys[:, 0], kind="stable")])

    def _built(self, progress: Progress | None) -> Graph:
        with self._store.snapshot():
            keys = self._store.vector_keys(self._fingerprint)
            index, done = new_index(self._dimensions, max(len(keys), 1)), 0
            for ids, batch in self._store.iterate_vectors(self._fingerprint):
                for start in range(0, len(ids), _BUILD_BATCH):
                    part = slice(start, start + _BUILD_BATCH)
                    index.add_items(batch[part], ids[part], num_threads=self._threads)
                    done += len(ids[part])
                    if progress:
                        progress(done, len(keys))
        return Graph(index, keys)


def _masked(graph: Graph, keys: Ids, limit: int) -> Graph:
    """The graph with what is no longer among `keys` hidden.

    Raises:
        UnusableCache: too much of it is gone, or `limit` or more keys have come beside it.
    """
    gone = ~within(graph.keys, keys)
    left = len(graph.keys) - int(gone.sum())
    if left < (1 - _STALE) * len(graph.keys) or len(keys) - left >= limit:
        raise UnusableCache("the index is out of date")
    graph.mask(gone)
    return graph
