"""Rows about folders that are followed, and about files in them that were removed on purpose.

It knows the tables. It does not know the file system.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.errors import InputError

if TYPE_CHECKING:
    from sqlite_utils import Database


def paths(db: Database) -> list[str]:
    """The folders' paths, in order."""
    return [str(row[0]) for row in db.execute("SELECT path FROM folders ORDER BY path")]


def add(db: Database, path: str, added_at: str) -> bool:
    """Enter a folder; False when it is there already.

    Raises:
        InputError: its path is not Unicode, so it could not be found again.
    """
    path = unicode_path(path)
    return db.execute("INSERT OR IGNORE INTO folders VALUES (?, ?)", (path, added_at)).rowcount > 0


def unicode_path(path: str) -> str:
    """The path itself.

    Raises:
        InputError: it is not Unicode, so it could not be found again.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode(errors="replace").decode()
        raise InputError(f"The name {shown} is not Unicode; rename the file or folder and add it again.") from None
    return path


def remove(db: Database, path: str) -> bool:
    """Take a folder out; False when it is not there."""
    return db.execute("DELETE FROM folders WHERE path = ?", (path,)).rowcount > 0


def left_out(db: Database) -> frozenset[str]:
    """Sources that are not to be added by a sync."""
    return frozenset(str(row[0]) for row in db.execute("SELECT source FROM left_out"))


def take_back(db: Database, sources: Sequence[str]) -> None:
    """Forget that these sources were left out."""
    db.conn.executemany("DELETE FROM left_out WHERE source = ?", [(source,) for source in sources])
