"""Opens the index, or goes on without it: a damaged one is made again, memory stands in for one that cannot be used.

Knows SQLite's result codes and the locks that tell whether others are at work; not what is asked of the index.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from assistant.states.files import Files
from assistant.states.index import Index
from assistant.states.locks import Use, unused

_INDEX = "index.db"
_LOCK = "lock"
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_REFUSED = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM,
            sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH)  # fmt: skip
_Result = TypeVar("_Result")


class Access:
    """The index of one folder, for one process."""

    def __init__(self, files: Files, space: str, budget: int, *, read_only: bool) -> None:
        self._files = files
        self._space = space
        self._budget = budget
        self._read_only = read_only
        self._index: Index | None = None
        self._inode: int | None = None
        """Of the file that is open; None for an index in memory."""
        self._uses: list[Use] = []
        self._instead = ""
        self._refused = ""

    @property
    def _path(self) -> Path:
        return self._files.folder / _INDEX

    @property
    def note(self) -> str:
        """What is wrong with the index, a sentence with the next step; empty where nothing is."""
        return self._refused or self._instead

    def use(self, do: Callable[[Index], _Result], otherwise: _Result) -> _Result:
        """What `do` makes of the index; `otherwise` where it is busy, or refused, or damaged beyond being made again.

        Raises:
            OSError: from `do` itself.
        """
        for _ in range(2):
            try:
                result = do(self._opened())
            except sqlite3.Error as error:
                if _code(error) & 0xFF in _BUSY:
                    return otherwise
                if _refused(error):
                    self._refused = self._sentence("cannot be written", error, "free some space and make it writable")
                    return otherwise
                self._make_again(error)
            except (TypeError, ValueError, OverflowError) as error:  # Damage within what is still a database.
                self._make_again(error)
            else:
                self._refused = ""
                return result
        return otherwise

    def idle(self, index: Index) -> list[str]:
        """Spaces with states that no living process uses."""
        return [one for one in index.spaces() if one != self._space and unused(self._files.lock(one))]

    def _opened(self) -> Index:
        if self._index is None or self._moved():
            self.close()
            self._index = self._on_disk() or Index(None, self._files.found)
        return self._index

    def _moved(self) -> bool:
        """Whether the file that is open is no longer the one in the folder."""
        if self._inode is None:
            return False
        try:
            return self._path.stat().st_ino != self._inode
        except OSError:
            return True

    def _on_disk(self) -> Index | None:
        if self._read_only:
            return self._to_read()
        try:
            for path in (self._files.folder / _LOCK, self._files.lock(self._space)):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._uses.append(Use(path))
        except OSError as error:
            self._instead = self._sentence("cannot be used", error, "make it writable and start again")
            return None
        index = self._to_write()
        if index is not None:
            self._inode = self._path.stat().st_ino
            self._files.sweep()
            with suppress(OSError):
                index.trim(self._budget, lambda: self.idle(index), self._files.remove)
        return index

    def _to_read(self) -> Index | None:
        if not os.path.isfile(self._path):  # noqa: PTH113  # Path.is_file raises where it may not look
            return None
        try:
            return Index(self._path, self._files.found, read_only=True)
        except sqlite3.Error:
            return None

    def _to_write(self) -> Index | None:
        try:
            return Index(self._path, self._files.found)
        except sqlite3.Error as error:
            if not _refused(error):
                raise
            self._instead = self._sentence("cannot be written", error, "free some space and make it writable")
            return None

    def _make_again(self, error: Exception) -> None:
        """Put the damaged index away; the next use makes it from the files, or in memory where others have it open."""
        index, self._index, self._inode = self._index, None, None
        if index is not None:
            with suppress(sqlite3.Error):
                index.close()
        if self._uses and self._uses[0].alone():
            for name in (_INDEX, f"{_INDEX}-wal", f"{_INDEX}-shm"):
                with suppress(OSError):
                    (self._files.folder / name).unlink()
            self._uses[0].shared()
            self._instead = self._sentence("was damaged and made again", error, "check the disk if that comes back")
        else:
            self._instead = self._sentence("is damaged", error, "end the other processes of Fieldmate")
            self._index = Index(None, self._files.found)

    def _sentence(self, what: str, error: Exception, step: str) -> str:
        reason = getattr(error, "strerror", None) or str(error)
        return f"The index of passage states in {self._files.folder} {what} ({reason}); {step}."

    def close(self) -> None:
        """Let go of the index and of what is locked; it is opened again when it is used again."""
        index, self._index, self._inode = self._index, None, None
        if index is not None:
            with suppress(sqlite3.Error):
                index.close()
        for use in self._uses:
            use.close()
        self._uses.clear()


def _code(error: sqlite3.Error) -> int:
    """SQLite's result code; that of damage where the error is our own or Python's."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)


def _refused(error: sqlite3.Error) -> bool:
    """Whether the disk does not take or give it; a file that ends too early is damage, however."""
    return _code(error) & 0xFF in _REFUSED and _code(error) != sqlite3.SQLITE_IOERR_SHORT_READ
