"""Opens a file that is to become a document, with every way in which that can fail as a sentence.

It knows no format: it hands out bytes, decoded text or a checked path with the hash of its content.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from assistant.errors import UnreadableDocument

MEGABYTE = 1_000_000
MAX_BYTES = 200 * MEGABYTE
"""Largest file that is read, unless a reader is given another limit."""
_PIECE = 1 << 20


def read_bytes(path: Path, name: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The whole content of a regular file of 1 to `max_bytes` bytes.

    Raises:
        UnreadableDocument: it is missing, no file, not readable, empty or larger.
    """
    with opened(path, name, max_bytes) as file:
        # A file that grows while it is read is cut here instead of filling the memory.
        return file.read(max_bytes)


def hash_file(path: Path, name: str, max_bytes: int = MAX_BYTES) -> str:
    """The content hash of a regular file of 1 to `max_bytes` bytes, read piece by piece.

    Raises:
        UnreadableDocument: it is missing, no file, not readable, empty or larger.
    """
    digest = hashlib.sha256()
    with opened(path, name, max_bytes) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def hash_bytes(data: bytes) -> str:
    """The content hash of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextlib.contextmanager
def opened(path: Path, name: str, max_bytes: int | None) -> Iterator[BinaryIO]:
    """A regular file that is not empty, open for reading; of any size where `max_bytes` is None.

    Raises:
        UnreadableDocument: it is missing, no file, not readable, empty or larger.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe waits for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            _check(os.fstat(file.fileno()), name, max_bytes)
            yield file
    except FileNotFoundError as exc:
        raise UnreadableDocument(f"{name} is not there; check the path and add it again.") from exc
    except PermissionError as exc:
        raise UnreadableDocument(f"{name} may not be read; change its permissions and add it again.") from exc
    except IsADirectoryError as exc:
        raise UnreadableDocument(f"{name} is a folder; add the files in it.") from exc
    except (OSError, ValueError) as exc:  # ValueError: a NUL character in the path
        reason = getattr(exc, "strerror", None) or exc
        raise UnreadableDocument(f"{name} could not be read ({reason}); check the disk and add it again.") from exc


def _check(status: os.stat_result, name: str, max_bytes: int | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableDocument(f"{name} is a folder; add the files in it.")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableDocument(f"{name} is a device or a pipe; copy its content into a file and add that.")
    if status.st_size == 0:
        raise UnreadableDocument(f"{name} is empty; check the file and add it again.")
    if max_bytes is not None and status.st_size > max_bytes:
        raise UnreadableDocument(
            f"{name} has {_size(status.st_size)} and files of up to {_size(max_bytes)} are read; "
            "split it into parts and add those."
        )


def _size(count: int) -> str:
    if count < 10_000:
        return f"{count:,} bytes"
    return f"{count / MEGABYTE:,.2f} MB" if count < 10 * MEGABYTE else f"{count / MEGABYTE:,.0f} MB"
