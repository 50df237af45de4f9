"""Which pages of files the system keeps in memory, and asking it to let them go. Linux; needs no rights beyond reading.

The system may refuse: pages that another process has mapped stay, and some file systems keep theirs anyway. So what
stayed is looked up afterwards, and a caller must not take a wish for a fact. Knows no scenario.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

_FAILED = ctypes.c_void_p(-1).value


@dataclass(frozen=True, slots=True)
class Dropped:
    """What became of files that were to leave the cache."""

    bytes: int
    """Of all files."""
    stayed: int
    """Bytes whose pages are in memory still."""

    @property
    def share(self) -> float:
        """Share that stayed; 0 where there was nothing."""
        return self.stayed / self.bytes if self.bytes else 0.0


def drop(files: Sequence[Path]) -> Dropped:
    """Ask the system to forget these files' pages, and look.

    Raises:
        BenchmarkError: this system has no such request, or a file cannot be read.
    """
    if not hasattr(os, "posix_fadvise"):
        raise BenchmarkError(
            "This system cannot be asked to drop single files from its cache; measure warm starts only."
        )
    try:
        for path in files:
            with path.open("rb") as file:
                os.fsync(file.fileno())  # pages that are not on the disk yet would stay
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return Dropped(sum(path.stat().st_size for path in files), sum(resident(path) for path in files))
    except OSError as exc:
        raise BenchmarkError(
            f"A file cannot be dropped from the cache ({exc.strerror}); measure warm starts only."
        ) from exc


def resident(path: Path) -> int:
    """Bytes of a file that lie in the page cache, by whole pages; the system says "all" of files that are not the
    user's.

    Raises:
        OSError: the file cannot be read, or this system does not tell.
    """
    if not sys.platform.startswith("linux"):
        raise OSError(0, "this system does not tell")
    size = path.stat().st_size
    if not size:
        return 0
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_longlong
    )  # fmt: skip
    library.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    library.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
    with path.open("rb") as file:
        address = library.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
    if address == _FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        pages = -(-size // mmap.PAGESIZE)
        states = ctypes.create_string_buffer(pages)
        if library.mincore(address, size, states):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        held = sum(state & 1 for state in states.raw)
    finally:
        library.munmap(address, size)
    return min(size, held * mmap.PAGESIZE)


def files_below(folders: Iterable[Path]) -> list[Path]:
    """All files below these folders, the same one once."""
    found = {path.resolve() for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sorted(found)
