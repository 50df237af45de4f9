"""Keeps an hnswlib index in files, and never lets hnswlib see a file that is not exactly what was written.

It knows files, checksums and hnswlib. It does not know SQLite or how results are used.

hnswlib trusts what it reads: a truncated or altered file ends the process. So three files belong together:
the index, the keys of the vectors in it, and last a small JSON sidecar with sizes and SHA-256 of both. Each
is written under a temporary name, forced to disk and renamed; what does not agree is not opened.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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

    def mask(self, gone: npt.NDArray[np.bool_]) -> None:
        """Hide exactly these of `keys` from searches; bool (n,)."""
        for label in self.keys[gone & ~self._masked, 0]:
            self.index.mark_deleted(int(label))
        for label in self.keys[self._masked & ~gone, 0]:
            self.index.unmark_deleted(int(label))
        self._masked = gone.copy()


class UnusableCache(Exception):
    """The cache cannot be used; the message says why. Internal to the store."""


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
        stem = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
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
            "machine": f"{sys.byteorder}-endian, {8 * struct.calcsize('P')} bits",
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
            sidecar = self._sidecar()
            keys_data = self.keys_path.read_bytes()
            _compare("list of keys", sidecar, "keys", len(keys_data), hashlib.sha256(keys_data).hexdigest())
            size, digest = _measure(self.index_path)
            _compare("index", sidecar, "index", size, digest)
        except OSError as error:
            raise UnusableCache(f"the index cannot be read: {error.strerror or error}") from error
        keys = np.frombuffer(keys_data, dtype="<i8").astype(np.int64)
        if len(keys) % 2 or len(keys) // 2 != sidecar.get("count"):
            raise UnusableCache("the index does not hold as many vectors as it should")
        index = _hnswlib().Index(space=SPACE, dim=self.dimensions)
        index.load_index(str(self.index_path))
        if index.get_current_count() != len(keys) // 2:
            raise UnusableCache("the index does not hold as many vectors as it should")
        return Graph(index, keys.reshape(-1, 2))

    def stamp(self) -> tuple[int, int] | None:
        """Changes when another cache is written; None while there is none."""
        try:
            status = self.sidecar_path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _sidecar(self) -> dict[str, Any]:
        if not self.sidecar_path.exists():
            raise UnusableCache("there is no index yet")
        try:
            sidecar = json.loads(self.sidecar_path.read_bytes())
        except ValueError as error:
            raise UnusableCache("the index's description cannot be read") from error
        if not isinstance(sidecar, dict) or {key: sidecar.get(key) for key in self._identity()} != self._identity():
            raise UnusableCache("the index was made by another version or for another embedder")
        return sidecar

    def save(self, graph: Graph, generation: int) -> None:
        """Write the graph so that a cut at any instant leaves the old cache, this one, or one that is not
        opened.

        Raises:
            OSError: the folder does not take it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        sidecar = self._identity() | {"generation": generation, "count": len(graph.keys)}
        sidecar["keys"] = _replace(self.keys_path, lambda path: path.write_bytes(graph.keys.astype("<i8").tobytes()))
        sidecar["index"] = _replace(self.index_path, lambda path: _save_index(graph.index, path))
        text = json.dumps(sidecar, indent=1).encode()
        _replace(self.sidecar_path, lambda path: path.write_bytes(text))


def _save_index(index: Any, path: Path) -> None:
    index.save_index(str(path))
    # hnswlib does not notice when the disk is full.
    if path.stat().st_size != index.index_file_size():
        raise OSError("the disk is full")


def _replace(path: Path, write: Callable[[Path], object]) -> dict[str, Any]:
    """Write a file beside `path`, force it to disk and rename it; returns its size and SHA-256."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        size, digest = _measure(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return {"size": size, "sha256": digest}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _compare(what: str, sidecar: dict[str, Any], key: str, size: int, digest: str) -> None:
    expected = sidecar.get(key)
    if expected != {"size": size, "sha256": digest}:
        raise UnusableCache(f"the {what} is not what was written: it was cut short or has changed by itself")
