"""Keys and contents of states that tests can tell from their numbers."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path


def key(number: int) -> str:
    """The key of a passage."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def content(number: int, size: int = 1_000) -> bytes:
    """The state of that passage."""
    return random.Random(number).randbytes(size)


def files(folder: Path) -> list[Path]:
    """Every file of a state."""
    return sorted(folder.glob("*/*/*.state"))


def on_disk(folder: Path) -> int:
    """Bytes of all of them, and of what is half-written."""
    return sum(path.stat().st_size for pattern in ("*/*/*.state", "*/*.part") for path in folder.glob(pattern))
