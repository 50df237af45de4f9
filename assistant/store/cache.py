"""Keeps an hnswlib index in files, and never lets hnswlib see a file that is not exactly what was written.

It knows files, checksums and hnswlib. It does not know SQLite or how results are used.

hnswlib trusts what it reads: a truncated or altered file ends the process. So three files belong together:
the index, the keys of the vectors in it, and last a small JSON sidecar with sizes and SHA-256 of both. Each
is written under a temporary name, forced to disk and renamed; what does not agree is not opened.
"""

from __future__ import annotations

import hashlib
import importlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.store import cachefile
from assistant.store.cachefile import UnusableCache
from assistant.store.vectors import Ids

FORMAT = 1
SPACE = "ip"  # Inner product: the cosine of vectors with length 1.
LINKS = 16  # hnswlib's M.
EF_CONSTRUCTION = 200
SEED = 100


class Graph:
    """An hnswlib index with the keys of the vectors it was built from."""

    def __init__(self, index: Any, keys: Ids) -> None:
        self.index = index
        """An `hnswlib.Index`; labels are passage ids."""
        self.keys = keys
        """Passage ids and checksums, int64 (n, 2) by id."""
        self._masked = np.zeros(len(keys), dtype=bool)

    @property
    def alive(self) -> int:
        """How many vectors can be found."""
        return int(len(self.keys) - self._masked.sum())

    def visible(self, ids: Ids) -> Ids:
        """Those of `ids`, which ascend, that can be found."""
        places = np.minimum(np.searchsorted(self.keys[:, 0], ids), len(self.keys) - 1)
        there = (self.keys[places, 0] == ids) & ~self._masked[places]
        return np.asarray(ids[there])

    def mask(self, gone: npt.NDArray[np.bool_]) -> None:
        """Hide exactly these of `keys` from searches; bool (n,)."""
        for label in self.keys[gone & ~self._masked, 0]:
            self.index.mark_deleted(int(label))
        for label in self.keys[self._masked & ~gone, 0]:
            self.index.unmark_deleted(int(label))
        self._masked = gone.copy()


def new_index(dimensions: int, capacity: int) -> Any:
    """An empty hnswlib index. The same vectors added in the same order by one thread give the same graph.

    Raises:
        UnusableCache: hnswlib is not installed.
    """
    index = _hnswlib().Index(space=SPACE, dim=dimensions)
    index.init_index(max_elements=capacity, M=LINKS, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
    return index


def _hnswlib() -> Any:
    try:
        return importlib.import_module("hnswlib")
    except ImportError as error:
        raise UnusableCache("hnswlib is not installed") from error


class IndexCache:
    """The cache files of one embedder in one folder."""

    def __init__(self, folder: Path, fingerprint: str, dimensions: int) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self.dimensions = dimensions
        stem = cachefile.stem(fingerprint)
        self.index_path = folder / f"{stem}.hnsw"
        self.keys_path = folder / f"{stem}.keys"
        self.sidecar_path = folder / f"{stem}.json"

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a cache to mean the same thing here."""
        try:
            library = version("hnswlib")
        except PackageNotFoundError:
            library = "unknown"
        return {
            "format": FORMAT,
            "library": f"hnswlib {library}",
            "machine": cachefile.MACHINE,
            "fingerprint": self.fingerprint,
            "dimensions": self.dimensions,
            "parameters": [SPACE, LINKS, EF_CONSTRUCTION, SEED],
        }

    def load(self) -> Graph:
        """The cached graph.

        Raises:
            UnusableCache: there is none, or it is not exactly what was written for this embedder by this version.
        """
        try:
            sidecar = cachefile.read_sidecar(self.sidecar_path, self._identity())
            keys = self._keys(sidecar)
            cachefile.compare("index", sidecar, "index", *cachefile.measure(self.index_path))
        except OSError as error:
            raise UnusableCache(f"the index cannot be read: {error.strerror or error}") from error
        index = _hnswlib().Index(space=SPACE, dim=self.dimensions)
        index.load_index(str(self.index_path))
        if index.get_current_count() != len(keys):
            raise UnusableCache("the index does not hold as many vectors as it should")
        return Graph(index, keys)

    def keys(self) -> Ids:
        """Passage ids and checksums of the vectors in the cached graph, int64 (n, 2) by id; none without a cache."""
        try:
            return self._keys(cachefile.read_sidecar(self.sidecar_path, self._identity()))
        except (OSError, UnusableCache):
            return np.empty((0, 2), dtype=np.int64)

    def _keys(self, sidecar: dict[str, Any]) -> Ids:
        data = self.keys_path.read_bytes()
        cachefile.compare("list of keys", sidecar, "keys", len(data), hashlib.sha256(data).hexdigest())
        if len(data) % 16 or len(data) // 16 != sidecar.get("count"):
            raise UnusableCache("the index does not hold as many vectors as it should")
        return np.frombuffer(data, dtype="<i8").astype(np.int64).reshape(-1, 2)

    def stamp(self) -> tuple[int, int] | None:
        """Changes when another cache is written; None while there is none."""
        return cachefile.stamp(self.sidecar_path)

    def save(self, graph: Graph, generation: int) -> None:
        """Write the graph so that a cut at any instant leaves the old cache, this one, or one that is not
        opened.

        Raises:
            OSError: the folder does not take it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        sidecar = self._identity() | {"generation": generation, "count": len(graph.keys)}
        keys = graph.keys.astype("<i8").tobytes()
        sidecar["keys"] = cachefile.replace(self.keys_path, lambda path: path.write_bytes(keys))
        sidecar["index"] = cachefile.replace(self.index_path, lambda path: _save_index(graph.index, path))
        cachefile.write_sidecar(self.sidecar_path, sidecar)


def _save_index(index: Any, path: Path) -> None:
    index.save_index(str(path))
    # hnswlib does not notice when the disk is full.
    if path.stat().st_size != index.index_file_size():
        raise OSError("the disk is full")
