"""Writes and removes documents, inside a transaction that the caller holds.

It knows the tables. It does not know when a transaction begins or ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assistant.store import fulltext, vectors
from assistant.store.records import (
    PASSAGE_COLUMNS,
    NameTaken,
    Outcome,
    document_row,
    passage_row,
    require_consistent,
    require_storable,
)
from assistant.store.vectors import Vectors
from assistant.types import Document, Passage

if TYPE_CHECKING:
    from sqlite_utils import Database


def require_valid(
    document: Document, passages: Sequence[Passage], tokens: Sequence[tuple[str, str]], matrix: Vectors
) -> Vectors:
    """The vectors as they are stored, once everything handed to `put` has been found to fit together.

    Raises:
        UnreadableDocument: a text cannot be stored as UTF-8.
        ValueError: the parts do not belong together.
    """
    require_storable(document)
    require_consistent(document, passages)
    if len(tokens) != len(passages):
        raise ValueError(f"expected tokens of {len(passages)} passages, got {len(tokens)}")
    return vectors.require_vectors(matrix, len(passages))


def is_current(db: Database, source: str, content_hash: str, fingerprint: str) -> bool:
    """Whether this content of this source is stored, and every passage of it has a vector of this embedder."""
    return (
        db.execute(
            "SELECT 1 FROM documents WHERE source = ? AND content_hash = ? AND NOT EXISTS ("
            "SELECT 1 FROM passages WHERE document_id = documents.id AND NOT EXISTS ("
            "SELECT 1 FROM vectors WHERE passage_id = passages.id AND embedder_id = ?))",
            (source, content_hash, vectors.embedder_id(db, fingerprint)),
        ).fetchone()
        is not None
    )


def put(
    db: Database,
    document: Document,
    passages: Sequence[Passage],
    tokens: Sequence[tuple[str, str]],
    matrix: Vectors,
    fingerprint: str,
    added_at: str,
    former: str | None = None,
) -> Outcome:
    """Store what `require_valid` has passed, in place of what the source, or its former one, had before."""
    if is_current(db, document.source, document.content_hash, fingerprint):
        return "unchanged"
    renamed = former is not None and db.execute("DELETE FROM documents WHERE source = ?", (former,)).rowcount
    taken = db.execute(
        "SELECT source FROM documents WHERE name = ? AND source <> ?", (document.name, document.source)
    ).fetchone()
    if taken:
        raise NameTaken(
            f"Another document ({taken[0]}) is called {document.name} already; rename one of the two files "
            "and add it again."
        )
    replaced = db.execute("DELETE FROM documents WHERE source = ?", (document.source,)).rowcount
    _insert(db, document, passages, tokens, matrix, fingerprint, added_at)
    if replaced or renamed:
        vectors.forget_unused_embedders(db)
    return "renamed" if renamed else "replaced" if replaced else "added"


def _insert(
    db: Database,
    document: Document,
    passages: Sequence[Passage],
    tokens: Sequence[tuple[str, str]],
    matrix: Vectors,
    fingerprint: str,
    added_at: str,
) -> None:
    ids = insert_rows(db, document_row(document, added_at), passages)
    fulltext.insert(db, ids, [(fulltext.storable(head), fulltext.storable(body)) for head, body in tokens])
    vectors.insert(db, ids, matrix, fingerprint)


def insert_rows(db: Database, row: dict[str, Any], passages: Sequence[Passage]) -> range:
    """Store the row of a document and its passages; returns their ids."""
    document_id = db.execute(
        f"INSERT INTO documents ({', '.join(row)}) VALUES ({', '.join(f':{column}' for column in row)})", row
    ).lastrowid
    ids = range((first := _next_passage_id(db)), first + len(passages))
    rows = (passage_row(passage, row["content_hash"]) for passage in passages)
    db.conn.executemany(
        f"INSERT INTO passages (id, document_id, {PASSAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((id_, document_id, *values) for id_, values in zip(ids, rows, strict=True)),
    )
    return ids


def _next_passage_id(db: Database) -> int:
    """The id that AUTOINCREMENT would give: behind every id there ever was."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
    return 1 if row is None else int(row[0]) + 1


def remove(db: Database, name: str, *, leave_out: bool) -> int | None:
    """Remove the document of this name; how many passages went with it, or None when there is no such document."""
    row = db.execute("SELECT id, source FROM documents WHERE name = ?", (name,)).fetchone()
    if row is None:
        return None
    id_, source = row
    passages = db.execute("SELECT count(*) FROM passages WHERE document_id = ?", (id_,)).fetchone()[0]
    db.execute("DELETE FROM documents WHERE id = ?", (id_,))
    if leave_out:
        db.execute("INSERT OR IGNORE INTO left_out VALUES (?)", (source,))
    vectors.forget_unused_embedders(db)
    return int(passages)
