"""Looks for damage: everything that the tables promise is derived again and compared.

It knows the tables. It mends nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from assistant.store import reading, vectors
from assistant.store.records import Problem, RowDamaged, document_text

if TYPE_CHECKING:
    from sqlite_utils import Database

_COUNTS: tuple[tuple[str, str], ...] = (
    (
        "SELECT count(*) FROM passages WHERE id NOT IN (SELECT id FROM passages_fts_docsize)",
        "{count} passages cannot be found by their words.",
    ),
    (
        "SELECT count(*) FROM passages_fts_docsize WHERE id NOT IN (SELECT id FROM passages)",
        "The full-text index lists {count} passages that do not exist.",
    ),
)


def problems(db: Database, *, quick: bool) -> Iterator[Problem]:
    """Everything found to be wrong by reading; `quick` leaves out what reads every byte.

    A check that itself stumbles over damage reports it and lets the next one run.
    """
    checks = [_structure(db, quick), _references(db), _full_text(db), _counts(db)]
    if not quick:
        checks += [_texts(db), _vectors(db)]
    for check in checks:
        try:
            yield from check
        except (RowDamaged, sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF == sqlite3.SQLITE_BUSY:
                raise
            yield Problem("file", f"Reading on was not possible: {error}.")


def _structure(db: Database, quick: bool) -> Iterator[Problem]:
    for (message,) in db.execute(f"PRAGMA {'quick' if quick else 'integrity'}_check").fetchall():
        if message != "ok":
            yield Problem("file", f"The database is damaged: {message}.")


def _references(db: Database) -> Iterator[Problem]:
    for table, count in db.execute(
        'SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY 1 ORDER BY 1'
    ).fetchall():
        yield Problem("file", f"{count} rows of the table {table} belong to nothing.")


def full_text_index(db: Database) -> Iterator[Problem]:
    """Whether the full-text index matches the words of the passages: changes nothing, but needs the write lock."""
    try:
        db.execute("INSERT INTO passages_fts (passages_fts) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
            raise
        yield Problem("full text", "The full-text index does not match the words of the passages.")


def _full_text(db: Database) -> Iterator[Problem]:
    for statement, message in _COUNTS:
        count = db.execute(statement).fetchone()[0]
        if count:
            yield Problem("full text", message.format(count=count))


def _counts(db: Database) -> Iterator[Problem]:
    passages = db.execute("SELECT count(*) FROM passages").fetchone()[0]
    live = vectors.live(db)
    if passages and live is None:
        yield Problem("vectors", f"None of {passages} passages has a vector.")
    for fingerprint, count in db.execute(
        "SELECT fingerprint, (SELECT count(*) FROM vectors WHERE embedder_id = embedders.id) FROM embedders"
    ).fetchall():
        # Another embedder's are being made beside the live ones, or are left from before a change.
        if count != passages and fingerprint == live:
            yield Problem("vectors", f"Of {passages} passages {count} have a vector of {fingerprint}.")


def _texts(db: Database) -> Iterator[Problem]:
    for record in reading.documents(db):
        row = next(iter(db.query("SELECT text, text_checksum FROM documents WHERE name = ?", [record.name])))
        text = document_text(row)
        if len(text) != record.characters:
            yield Problem("documents", f"The text of {record.name} does not have the length it should have.")
        ids = reading.passage_ids(db, record.name)
        for ordinal, passage in enumerate(reading.passages(db, ids).values()):
            if passage.ordinal != ordinal:
                yield Problem("passages", f"Passage {ordinal} of {record.name} is missing.")
                break
            if text[passage.start : passage.end] != passage.text:
                yield Problem("passages", f"Passage {ordinal} of {record.name} is not a part of its text.")


def _vectors(db: Database) -> Iterator[Problem]:
    for (fingerprint,) in db.execute("SELECT fingerprint FROM embedders").fetchall():
        keys = vectors.keys(db, fingerprint)
        checked = sum(len(ids) for ids, _ in vectors.batches(db, fingerprint))
        if checked != len(keys):
            yield Problem("vectors", f"Of {len(keys)} vectors of {fingerprint} only {checked} can be read.")
