"""The files of states: read and checked, written whole or not at all, listed, removed. Knows no index and no budget.

`FOLDER/SPACE/ab/KEY.state`: a space holds the states of one model and everything else that they depend on, and `ab` is
how the key begins. A file is written as `FOLDER/SPACE/*.part`, locked while its writer lives, and renamed. It is not
forced to disk: what a power cut makes of it is found when it is read, and computed again.

Files are read, not mapped. Measured on 2.46 MB: 0.45 ms with the check against 0.39 ms mapped where the page cache has
them, and 3 ms against 30 where it has not. What matters more: a mapped page that the disk cannot give, or that somebody
cut off, ends the process with SIGBUS, and one that is dropped and read again is no longer what was checked.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from assistant.states import form, locks
from assistant.states.counts import Found, Name
from assistant.states.form import DamagedState

_KEY = re.compile(rf"[0-9a-f]{{2,{form.LONGEST_KEY}}}")
_SPACE = re.compile(r"[0-9a-f]{16}")
_STATE = ".state"
_PART = ".part"
_LOCK = "lock"


def space_of(description: str) -> str:
    """The name of the space of all states that `description` says how to read."""
    return hashlib.sha256(description.encode()).hexdigest()[:16]


class Files:
    """The files below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: Name) -> Path:
        """Where a state is.

        Raises:
            ValueError: its key is no hexadecimal digest.
        """
        if not _KEY.fullmatch(name.key):
            raise ValueError(f"{name.key!r} is no hexadecimal digest of 2 to {form.LONGEST_KEY} digits")
        return self.folder / name.space / name.key[:2] / f"{name.key}{_STATE}"

    def lock(self, space: str) -> Path:
        """The file that is locked while somebody uses the space."""
        return self.folder / space / _LOCK

    def read(self, name: Name) -> tuple[Found, memoryview]:
        """A state, checked.

        Raises:
            FileNotFoundError: there is none.
            OSError: it cannot be read.
            DamagedState: it is not what was written.
        """
        with self.path(name).open("rb", buffering=0) as file:
            data = file.read()
        tokens, state = form.opened(data, name.key)
        return Found(name, tokens, len(data)), state

    def write(self, name: Name, tokens: int, state: memoryview) -> None:
        """Put a state in its place; nothing is left behind where that fails.

        Raises:
            OSError: the disk does not take it.
        """
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=self.folder / name.space, suffix=_PART)
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                locks.claimed(handle)
                for piece in (memoryview(form.header(name.key, tokens, state)), state):
                    _write_all(file.fileno(), piece)
                Path(part).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(part).unlink()
            raise

    def remove(self, name: Name) -> None:
        """Delete a state, if it is there.

        Raises:
            OSError: it cannot be deleted.
        """
        self.path(name).unlink(missing_ok=True)

    def found(self) -> Iterator[Found]:
        """Every state of every space by its header, the oldest file first. What is no state is deleted."""
        seen = []
        for path in self._paths(f"*/*{_STATE}"):
            try:
                with path.open("rb", buffering=0) as file:
                    status = os.fstat(file.fileno())
                    header = form.described(file.read(form.HEADER_BYTES), status.st_size)
            except OSError:
                continue
            except DamagedState:
                with suppress(OSError):
                    path.unlink()
                continue
            name = Name(path.parts[-3], path.name.removesuffix(_STATE))
            if header.key == name.key:
                seen.append((status.st_mtime_ns, Found(name, header.tokens, status.st_size)))
        yield from (found for _, found in sorted(seen))

    def _paths(self, pattern: str) -> Iterator[Path]:
        with suppress(OSError):
            for space in self.folder.iterdir():
                if _SPACE.fullmatch(space.name):
                    yield from space.glob(pattern)

    def sweep(self) -> None:
        """Remove what writers that are dead have left half-written."""
        for part in self._paths(f"*{_PART}"):
            if locks.unused(part):
                with suppress(OSError):
                    part.unlink()

    def clear(self) -> None:
        """Delete every state of every space.

        Raises:
            OSError: one cannot be deleted.
        """
        for path in self._paths(f"*/*{_STATE}"):
            path.unlink(missing_ok=True)

    def free(self) -> int:
        """Free bytes on the disk."""
        return free_bytes(self.folder)


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk where `folder` is or will be.

    Raises:
        OSError: that cannot be known.
    """
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return shutil.disk_usage(there).free


def _write_all(handle: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(handle, piece) :]
