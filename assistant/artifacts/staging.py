"""What every way of bringing a model shares: the job, the failure that lets the next source try, the verified copy.

Knows no network.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from assistant.artifacts.catalogue import Entry
from assistant.artifacts.fields import ExpectedFile
from assistant.artifacts.files import move, storage
from assistant.artifacts.progress import Report
from assistant.artifacts.verify import CHUNK, sha256_of


class SourceError(Exception):
    """A source did not give the right bytes; another one may."""

    def __init__(self, reason: str, *, by_pip: bool = False) -> None:
        """`by_pip` says that the index's own client may still get through, with the owner's credentials and proxies."""
        super().__init__(reason)
        self.by_pip = by_pip


@dataclass(frozen=True)
class Job:
    """What is to be brought, and where to."""

    entry: Entry
    files: tuple[ExpectedFile, ...]
    """The entry's files, with the pins of this machine."""
    folder: Path
    """Folder for everything unfinished; what an earlier run left there is used."""
    beside: Path
    """Relative folders are below this one."""
    report: Report
    find_links: Path | None = None
    """Take wheels from this folder instead of the index."""


def copy_verified(origin: Path, target: Path, expected: ExpectedFile, report: Report) -> str:
    """Copy a file whole or not at all, hashing what is written; returns its SHA-256.

    Raises:
        SourceError: the bytes are not those expected; the sentence holds both hashes.
        StorageError: the file cannot be read or the disk does not take it.
    """
    part = target.with_name(target.name + ".part")
    digest = hashlib.sha256()
    with storage(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with origin.open("rb") as reading, part.open("wb") as writing:
            size, done = os.fstat(reading.fileno()).st_size, 0
            while chunk := reading.read(CHUNK):
                writing.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                report.at(done, size)
        found = digest.hexdigest()
        if expected.sha256 is not None and found != expected.sha256:
            part.unlink()
            raise SourceError(f"{origin} has {done} bytes and SHA-256 {found}, not {expected.sha256}")
        move(part, target)
    return found


def is_here(path: Path, expected: ExpectedFile) -> bool:
    """Whether a verified file is left over from work that was cut later."""
    return expected.sha256 is not None and path.is_file() and sha256_of(path) == expected.sha256


def missing_bytes(path: Path, total: int | None) -> int:
    """Bytes of `path` that are still to come; 0 when its length is not known yet."""
    if total is None:
        return 0
    part = path.with_name(path.name + ".part")
    return max(0, total - (part.stat().st_size if part.is_file() else 0))
