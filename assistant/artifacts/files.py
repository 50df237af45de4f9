"""Writing files so that a cut at any instant leaves the old one or the new one, and saying what a disk refuses.

Knows nothing of models.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from assistant.errors import StorageError

RESERVE_BYTES = 32_000_000
"""Left free on a disk: a full one stops the database too."""


def human(count: int) -> str:
    """A number of bytes for people: 491.4 MB (10^6 bytes)."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


@contextlib.contextmanager
def storage(folder: Path) -> Iterator[None]:
    """Translate what the disk of `folder` refuses into one sentence.

    Raises:
        StorageError: the disk is full, read-only or may not be written.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            said = f"The disk of {folder} is full; free some space and run the same command again"
        elif exc.errno == errno.EROFS:
            said = f"The disk of {folder} is read-only; choose another folder with --data-dir"
        elif exc.errno in (errno.EACCES, errno.EPERM):
            said = f"{exc.filename or folder} may not be used; change its rights or choose another --data-dir"
        else:
            said = f"{exc.filename or folder} could not be used ({exc.strerror or exc}); check that folder"
        raise StorageError(f"{said}.") from exc


def require_space(folder: Path, needed: int, what: str) -> None:
    """Check that `needed` bytes fit beside a reserve on the disk of `folder`.

    Raises:
        StorageError: they do not; the sentence holds both numbers.
    """
    there = folder
    while not there.exists():
        there = there.parent
    with storage(folder):
        free = shutil.disk_usage(there).free
    if needed + RESERVE_BYTES > free:
        raise StorageError(
            f"{what} needs {human(needed + RESERVE_BYTES)} of free disk and {there} has {human(free)}; "
            f"free {human(needed + RESERVE_BYTES - free)} or choose another disk with --data-dir."
        )


def sync_folder(folder: Path) -> None:
    """Make renames within `folder` last through a power cut, where the platform can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP):  # network file systems know no such thing
            raise
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the bytes of `path` last through a power cut."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Replace the content of `path` whole. Its rights are `mode`, less the umask, from its first instant on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process id keeps two writers of the same small file from sharing a draft.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def move(draft: Path, target: Path) -> None:
    """Put a finished draft in place of `target`, on the same disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sync_file(draft)
    draft.replace(target)
    sync_folder(target.parent)
