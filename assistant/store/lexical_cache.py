"""Keeps posting lists in a file, and never hands out lists that are not exactly what was written.

It knows files and the layout of `Postings`. It does not know SQLite, words or scores.

The file is the arrays of `Postings`, one behind the other, each beginning at the next multiple of 64 bytes; the
sidecar says how long each is. A file is read into memory, or mapped when it is large: a mapped page that a failing disk
does not give back ends the process, so small devices do not depend on it.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from assistant.store import cachefile
from assistant.store.cachefile import UnusableCache
from assistant.store.postings import FIELDS, Array, Mask, Postings, joined

FORMAT = 1
_ALIGNMENT = 64
_READ_BYTES = 256 * 2**20  # Larger files are mapped; about 900,000 passages.
_TYPES = {"ids": "i8", "checksums": "i8", "lengths": "i4", "terms": "u8", "starts": "i8", "places": "i4"}
_COUNT_TYPES = ("u1", "u2", "u4", "u8")


class LexicalCache:
    """The cache file of one embedder's passages in one folder."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        stem = cachefile.stem(fingerprint)
        self.path = folder / f"{stem}.words"
        self.sidecar_path = folder / f"{stem}.words.json"
        self._identity = {"format": FORMAT, "machine": cachefile.MACHINE, "fingerprint": fingerprint}

    def stamp(self) -> tuple[int, int] | None:
        """Changes when another cache is written; None while there is none."""
        return cachefile.stamp(self.sidecar_path)

    def load(self) -> Postings:
        """The cached lists.

        Raises:
            UnusableCache: there are none, or they are not exactly what was written for this embedder by this version.
        """
        try:
            sidecar = cachefile.read_sidecar(self.sidecar_path, self._identity)
            data = _contents(self.path)
        except OSError as error:
            raise UnusableCache(f"the index of words cannot be read: {error.strerror or error}") from error
        cachefile.compare("index of words", sidecar, "file", len(data), hashlib.sha256(data).hexdigest())
        return _postings(data, sidecar.get("arrays"))

    def save(self, parts: Iterable[tuple[Postings, Mask | None]], generation: int) -> None:
        """Join `parts` and write them so that a cut at any instant leaves the old cache, this one, or one that is not
        used.

        Parts are put aside on disk as they come: memory holds one at a time.

        Raises:
            OSError: the folder does not take it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".words.") as aside:
            kept = [(_put_aside(part, Path(aside) / str(number)), mask) for number, (part, mask) in enumerate(parts)]
            arrays: list[list[Any]] = []
            described = cachefile.replace(self.path, lambda path: _write(path, kept, arrays))
        sidecar = self._identity | {"generation": generation, "arrays": arrays, "file": described}
        cachefile.write_sidecar(self.sidecar_path, sidecar)


def _contents(path: Path) -> bytes | mmap.mmap:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size <= _READ_BYTES:
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _postings(data: bytes | mmap.mmap, arrays: object) -> Postings:
    """The arrays in `data`, as the sidecar describes them.

    Raises:
        UnusableCache: the description does not fit.
    """
    found: dict[str, Array] = {}
    end = 0
    try:
        for name, (kind, size) in zip(FIELDS, arrays, strict=True):  # type: ignore[call-overload]
            if kind not in ((_TYPES[name],) if name in _TYPES else _COUNT_TYPES) or type(size) is not int or size < 0:
                raise ValueError(name)
            offset = _aligned(end)
            end = offset + size * np.dtype(kind).itemsize
            found[name] = np.frombuffer(data, dtype=kind, count=size, offset=offset) if size else np.empty(0, kind)
        if end != len(data):
            raise ValueError("size")
        _require_sound(postings := Postings(**found))
    except (TypeError, ValueError) as error:
        raise UnusableCache("the index of words does not hold what it should") from error
    return postings


def _require_sound(postings: Postings) -> None:
    passages, lists = len(postings.ids), postings.starts
    if len(postings.checksums) != passages or len(postings.lengths) != passages or not passages:
        raise ValueError("passages")
    if len(lists) != len(postings.terms) + 1 or lists[0] or lists[-1] != len(postings.places):
        raise ValueError("lists")
    if len(postings.counts) != len(postings.places) or (np.diff(lists) < 1).any():
        raise ValueError("lists")
    if (np.diff(postings.ids) < 1).any() or postings.places.min(initial=0) < 0:
        raise ValueError("places")
    if postings.places.max(initial=0) >= passages:
        raise ValueError("places")


def _aligned(end: int) -> int:
    return -(-end // _ALIGNMENT) * _ALIGNMENT


def _put_aside(part: Postings, folder: Path) -> Postings:
    """The same lists, mapped from files."""
    if any(isinstance(array.base, mmap.mmap) for array in (part.places, part.counts)):
        return part
    folder.mkdir()
    for name in FIELDS:
        np.save(folder / f"{name}.npy", getattr(part, name), allow_pickle=False)
    return Postings(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in FIELDS})


def _write(path: Path, parts: list[tuple[Postings, Mask | None]], arrays: list[list[Any]]) -> None:
    """Join `parts` in the file `path`, and describe its arrays."""
    end = 0

    def allocate(name: str, size: int, kind: np.dtype[Any]) -> Array:
        nonlocal end
        offset = _aligned(end)
        end = offset + size * kind.itemsize
        arrays.append([f"{kind.kind}{kind.itemsize}", size])
        if not size:
            return np.empty(0, dtype=kind)
        with path.open("r+b") as file:
            if hasattr(os, "posix_fallocate"):
                # Really taken, not only promised: writing into a mapped file on a full disk ends the process.
                os.posix_fallocate(file.fileno(), 0, end)
            else:
                file.truncate(end)
        return np.memmap(path, dtype=kind, mode="r+", offset=offset, shape=(size,))

    postings = joined(parts, allocate)
    for name in FIELDS:
        array = getattr(postings, name)
        if isinstance(array, np.memmap):
            array.flush()
