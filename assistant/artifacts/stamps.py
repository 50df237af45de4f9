"""Remembers which files were hashed, so that starting does not read half a gigabyte again.

A stamp holds the hash found and what the file looked like just before it was read. Any difference means: hash again.
Knows nothing of what a file should be.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
from msgspec import Struct

from assistant.artifacts.fields import Sha256
from assistant.artifacts.files import write_atomically


class Look(Struct, frozen=True):
    """What tells a changed file from an unchanged one without reading it."""

    size: int
    """Bytes."""
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, file: Path) -> Look:
        """How `file` looks now.

        Raises:
            FileNotFoundError: it is not there.
        """
        seen = file.stat()
        return cls(seen.st_size, seen.st_mtime_ns, seen.st_ino)


class Stamp(Struct, frozen=True):
    """A hash, and the file it was made from."""

    look: Look
    sha256: Sha256


class Stamps:
    """The stamps of one artifact, by file."""

    def __init__(self, path: Path) -> None:
        """Read the stamps kept at `path`; a missing or unreadable file holds none."""
        self._path = path
        self._stamps: dict[str, Stamp] = {}
        with contextlib.suppress(OSError, msgspec.DecodeError):
            self._stamps = msgspec.json.decode(path.read_bytes(), type=dict[str, Stamp])

    def hash_of(self, file: Path) -> str | None:
        """The hash found earlier, when the file has not changed since; else None."""
        stamp = self._stamps.get(str(file.absolute()))
        return stamp.sha256 if stamp is not None and stamp.look == Look.of(file) else None

    def record(self, found: dict[Path, Stamp]) -> None:
        """Keep what was just found. A folder that cannot be written only costs hashing again next time."""
        if not found:
            return
        self._stamps.update({str(file.absolute()): stamp for file, stamp in found.items()})
        with contextlib.suppress(OSError):
            write_atomically(self._path, msgspec.json.encode(self._stamps))
