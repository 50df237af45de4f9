"""Carries documents, with passages, words and vectors, from one knowledge base into another as they are.

It knows the tables of both, of which the other is attached to the connection as `other` and only read. It does not know
why something is carried, nor when a transaction begins or ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assistant.store import vectors
from assistant.store.records import PASSAGE_COLUMNS, RECORD_COLUMNS, RowDamaged, checksum, document_record

if TYPE_CHECKING:
    from sqlite_utils import Database

Schema = Literal["main", "other"]

_RECORD = RECORD_COLUMNS.split(", ")[:-1]
_LOCAL = ("source", "name", "added_at", "archive")
"""Columns that say where a document is, not what it says."""


@dataclass(frozen=True, slots=True)
class Held:
    """A document that a knowledge base holds."""

    id: int
    source: str
    name: str
    digest: str
    """SHA-256 over what it says: record, text, passages and vectors, wherever it is stored."""
    passages: int


def live(db: Database, schema: Schema) -> tuple[int, str, int] | None:
    """Row, fingerprint and dimensions of the embedder whose vectors answers come from; None while there is none."""
    row = db.execute(
        f"SELECT id, fingerprint, dimensions FROM {schema}.embedders "
        f"WHERE id = (SELECT value FROM {schema}.meta WHERE key = 'embedder')"
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]), int(row[2]))


def held(db: Database, schema: Schema, below: str = "") -> dict[str, Held]:
    """The documents whose source begins with `below`, by source.

    Raises:
        RowDamaged: a record is damaged, or a passage has no vector.
    """
    embedder = live(db, schema)
    within = (len(below), below)
    sums: dict[int, list[int]] = {}
    for id_, passage, vector in db.execute(
        f"SELECT document_id, passages.checksum, vectors.checksum FROM {schema}.documents "
        f"JOIN {schema}.passages ON document_id = documents.id "
        f"LEFT JOIN {schema}.vectors ON passage_id = passages.id AND embedder_id = ? "
        "WHERE substr(source, 1, ?) = ? ORDER BY document_id, ordinal",
        (embedder[0] if embedder else None, *within),
    ):
        if vector is None:
            raise RowDamaged("a passage has no vector")
        sums.setdefault(id_, []).extend((passage, vector))
    found = {}
    for row in db.query(
        f"SELECT id, {RECORD_COLUMNS}, text_checksum FROM {schema}.documents WHERE substr(source, 1, ?) = ?", within
    ):
        own = sums.get(row["id"], [])
        record = document_record(row, len(own) // 2)
        found[record.source] = Held(row["id"], record.source, record.name, _digest(row, own), record.passages)
    return found


def _digest(row: Mapping[str, object], sums: list[int]) -> str:
    # What is empty is left out: a column that a later version adds changes no digest of what has nothing in it.
    said = {column: row[column] for column in _RECORD if column not in _LOCAL}
    said = {column: value for column, value in said.items() if value not in (None, "[]")}
    line = json.dumps([said, row["text_checksum"], sums], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(line.encode()).hexdigest()


def carry(db: Database, document: Held, source: str, name: str, added_at: str) -> None:
    """Insert a document of the other knowledge base under this source and name, its passages under new ids.

    Raises:
        RowDamaged: its passages do not hang together.
    """
    text = "text, text_checksum"
    row = next(iter(db.query(f"SELECT {RECORD_COLUMNS}, {text} FROM other.documents WHERE id = ?", (document.id,))))
    document_record(row, 0)
    row |= {"source": source, "name": name, "added_at": added_at, "archive": None}
    row["checksum"] = checksum(*(row[column] for column in _RECORD))
    id_ = db.execute(
        f"INSERT INTO main.documents ({', '.join(row)}) VALUES ({', '.join(f':{column}' for column in row)})", row
    ).lastrowid
    first, last, count = db.execute(
        "SELECT min(id), max(id), count(*) FROM other.passages WHERE document_id = ?", (document.id,)
    ).fetchone()
    if not count:
        return
    if last - first + 1 != count:
        raise RowDamaged("the passages of a document are not together")
    _carry_passages(db, (first, last), document.id, id_, _next_passage_id(db) - first)


def _carry_passages(db: Database, span: tuple[int, int], former: int, id_: int | None, shift: int) -> None:
    db.execute(
        f"INSERT INTO main.passages (id, document_id, {PASSAGE_COLUMNS}) "
        f"SELECT id + ?, ?, {PASSAGE_COLUMNS} FROM other.passages WHERE document_id = ? ORDER BY id",
        (shift, id_, former),
    )
    db.execute(
        "INSERT INTO main.passages_fts (rowid, heading, body) "
        "SELECT rowid + ?, heading, body FROM other.passages_fts WHERE rowid BETWEEN ? AND ?",
        (shift, *span),
    )
    db.execute(
        "INSERT INTO main.vectors (passage_id, embedder_id, checksum, vector) "
        "SELECT passage_id + ?, ?, checksum, vector FROM other.vectors "
        "WHERE embedder_id = ? AND passage_id BETWEEN ? AND ? ORDER BY passage_id",
        (shift, _same_embedder(db), _id_of(live(db, "other")), *span),
    )


def _same_embedder(db: Database) -> int:
    """The row of the other's live embedder in this knowledge base; it becomes live where none is."""
    theirs = live(db, "other")
    if theirs is None:
        raise RowDamaged("it has passages and no embedder")
    _, fingerprint, dimensions = theirs
    db.execute(
        "INSERT INTO main.embedders (fingerprint, dimensions) VALUES (?, ?) ON CONFLICT (fingerprint) DO NOTHING",
        (fingerprint, dimensions),
    )
    if vectors.dimensions_of(db, fingerprint) != dimensions:
        raise RowDamaged("its vectors have another length than those that are here")
    ours = _id_of((vectors.embedder_id(db, fingerprint),))
    db.execute("INSERT OR IGNORE INTO main.meta VALUES ('embedder', ?)", (ours,))
    return ours


def _id_of(row: tuple[object, ...] | None) -> int:
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def _next_passage_id(db: Database) -> int:
    """The id that AUTOINCREMENT would give: behind every id there ever was."""
    row = db.execute("SELECT seq FROM main.sqlite_sequence WHERE name = 'passages'").fetchone()
    return 1 if row is None else int(row[0]) + 1
