"""Rows about tags: words that an owner sorts documents under.

It knows the tables. A tag belongs to a path: a document has it whose source is the path or lies below it, so that a
file which comes into a tagged folder later has it too, and an edited file keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database


def rows(db: Database) -> list[tuple[str, str]]:
    """Paths and their tags, in order."""
    return [(str(path), str(tag)) for path, tag in db.execute("SELECT path, tag FROM tags ORDER BY path, tag")]


def add(db: Database, path: str, tags: Iterable[str]) -> None:
    """Give a path these tags; those that it has stay."""
    db.conn.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", [(path, tag) for tag in tags])


def remove(db: Database, path: str, tags: Iterable[str]) -> int:
    """Take tags from a path; how many it had."""
    return sum(db.execute("DELETE FROM tags WHERE path = ? AND tag = ?", (path, tag)).rowcount for tag in tags)


def of(source: str, tagged: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The tags of the document with this source, in order."""
    return tuple(sorted({tag for path, tag in tagged if is_below(source, path)}))


def is_below(source: str, path: str) -> bool:
    """Whether `source` is the path itself or something in that folder or archive."""
    return source == path or source.startswith(path.rstrip("/") + "/")
