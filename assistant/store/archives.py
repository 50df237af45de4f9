"""Rows about archives: files that hold many documents.

It knows the tables. It does not know what an archive looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.store import vectors

if TYPE_CHECKING:
    from sqlite_utils import Database


def known(db: Database, source: str, content_hash: str) -> bool:
    """Whether the archive with this content was read to its end."""
    row = db.execute("SELECT 1 FROM archives WHERE source = ? AND content_hash = ?", (source, content_hash)).fetchone()
    return row is not None


def finish(db: Database, source: str, content_hash: str) -> None:
    """Note that the archive was read to its end."""
    db.execute("INSERT OR REPLACE INTO archives VALUES (?, ?)", (source, content_hash))


def forget(db: Database, source: str) -> None:
    """Let the archive be read again; what came out of it stays."""
    db.execute("DELETE FROM archives WHERE source = ?", (source,))


def remove(db: Database, source: str, *, leave_out: bool) -> int:
    """Remove what came out of the archive, and that it was read; how many documents that were."""
    removed = db.execute("DELETE FROM documents WHERE archive = ?", (source,)).rowcount
    forget(db, source)
    if leave_out and removed:
        db.execute("INSERT OR IGNORE INTO left_out VALUES (?)", (source,))
    vectors.forget_unused_embedders(db)
    return int(removed)


def articles(db: Database, source: str) -> dict[str, str]:
    """What came out of the archive and is stored: content hash by source."""
    rows = db.execute("SELECT source, content_hash FROM documents WHERE archive = ?", (source,))
    return {str(article): str(content_hash) for article, content_hash in rows}
