"""Handles database files as files: removes one with what SQLite keeps beside it, moves it aside, forces it to disk.

It knows SQLite's names for what lies beside a database. It does not know what is in one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

BESIDE = ("-journal", "-wal", "-shm")
"""Endings of what SQLite keeps beside a file."""


def discard(path: Path) -> None:
    """Remove a database and what is beside it, as far as it is there."""
    for ending in ("", *BESIDE):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).unlink()


def tidy(path: Path) -> None:
    """The same after work that may have failed: what cannot be removed now is removed the next time."""
    with suppress(OSError):
        discard(path)


def aside_of(path: Path) -> Path:
    """A free name beside a damaged database."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside


def move_aside(path: Path) -> Path:
    """Give a damaged database, with what is beside it, another name; returns that."""
    aside = aside_of(path)
    for ending in BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + ending))
    path.replace(aside)
    return aside


def force(path: Path) -> None:
    """Have a file or folder on disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
