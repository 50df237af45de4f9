"""Files that can be made again: written so that a cut never leaves half of one, and checked before they are believed.

It knows files and checksums. It does not know what is in them.

A cache is one file or more and, written last, a small JSON sidecar with the size and SHA-256 of each. Every file is
written under a temporary name, forced to disk and renamed; what does not agree with the sidecar is not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assistant.store.files import force

MACHINE = f"{sys.byteorder}-endian, {8 * struct.calcsize('P')} bits"
"""What must be the same for numbers in a file to mean the same."""


class UnusableCache(Exception):
    """The cache cannot be used; the message says why. Internal to the store."""


def stem(fingerprint: str) -> str:
    """The beginning of the names of an embedder's files."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:16]


def replace(path: Path, write: Callable[[Path], object]) -> dict[str, Any]:
    """Write a file beside `path`, force it to disk and rename it; returns its size and SHA-256."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        size, digest = measure(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    force(path.parent)
    return {"size": size, "sha256": digest}


def measure(path: Path) -> tuple[int, str]:
    """A file's size and SHA-256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def compare(what: str, sidecar: dict[str, Any], key: str, size: int, digest: str) -> None:
    """Hold what was measured of a file against what the sidecar says of it under `key`.

    Raises:
        UnusableCache: they differ.
    """
    if sidecar.get(key) != {"size": size, "sha256": digest}:
        raise UnusableCache(f"the {what} is not what was written: it was cut short or has changed by itself")


def write_sidecar(path: Path, sidecar: dict[str, Any]) -> None:
    """Write the description that makes the files beside it valid."""
    text = json.dumps(sidecar, indent=1).encode()
    replace(path, lambda part: part.write_bytes(text))


def read_sidecar(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """The description, if it is of a cache with this identity.

    Raises:
        UnusableCache: there is none, it is no description, or it is of something else.
        OSError: it cannot be read.
    """
    if not path.exists():
        raise UnusableCache("there is no index yet")
    try:
        sidecar = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnusableCache("the index's description cannot be read") from error
    if not isinstance(sidecar, dict) or {key: sidecar.get(key) for key in identity} != identity:
        raise UnusableCache("the index was made by another version or for another embedder")
    return sidecar


def stamp(path: Path) -> tuple[int, int] | None:
    """Changes when another sidecar is written; None while there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
