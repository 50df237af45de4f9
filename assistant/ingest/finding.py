"""Which files are meant: those that are named, and below folders every file that some reader takes.

It knows names and sizes; it opens no file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.ingest.readers import supported_suffixes


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is to be added."""

    path: Path
    names: tuple[str, ...]
    """How it may be cited: the shortest first, longer ones for when that is another document's."""
    size: int


def find(paths: Iterable[Path]) -> Iterator[Found]:
    """Named files as they are, and below folders every file that some reader takes; each once."""
    seen: set[Path] = set()
    for root in paths:
        absolute = root.absolute()
        below = sorted(_walk(absolute)) if absolute.is_dir() else [absolute]
        for path in below:
            if path not in seen:
                seen.add(path)
                yield Found(path, _names(path, absolute), _size(path))


def readable_files(folder: Path) -> list[str]:
    """Absolute paths of the files below `folder` that some reader takes, in order.

    Raises:
        OSError: it, or a folder below it, cannot be looked at: what is in there is not known.
    """

    def fail(error: OSError) -> None:
        raise error

    return sorted(str(path) for path in _walk(folder, fail))


def _walk(folder: Path, failed: Callable[[OSError], None] = lambda _: None) -> Iterator[Path]:
    """Readable files below `folder`, hidden ones and links to folders left out; `failed` is told what is closed."""
    suffixes = supported_suffixes()
    for parent, folders, files in os.walk(folder, onerror=failed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(parent, name)


def _names(path: Path, root: Path) -> tuple[str, ...]:
    """The path below the folder that was added, then with one more parent each, to the absolute path."""
    short = len(path.parts) - (len(root.parts) if path != root else len(root.parts) - 1)
    return (*("/".join(path.parts[-count:]) for count in range(short, len(path.parts))), path.as_posix())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
