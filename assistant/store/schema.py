"""The tables, as numbered migrations, and the marks by which the file is recognised.

It knows SQL only: not what is written into the tables, nor when.

A migration is never edited once it has shipped: a change is a new one at the end of the list. Each runs in
one transaction together with the record that it ran and with the file's version number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.store.records import checksum

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x464D4B42
"""`PRAGMA application_id` of a knowledge base: "FMKB"."""

PAGE_SIZE = 8192
"""Bytes. Five vectors of 384 floats fit a page; at the usual 4096 only two do, and the file is a quarter larger."""

_PUNCTUATION = "".join(chr(code) for code in range(0x21, 0x7F) if not chr(code).isalnum())
_TOKENIZER = "ascii tokenchars '" + _PUNCTUATION.replace("'", "''") + "'"
# The caller has already cut the text into tokens, so every printable ASCII character belongs to one, and the
# `ascii` tokenizer keeps everything outside ASCII: only spaces and control characters separate.

_TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    revised TEXT,
    pages INTEGER,
    characters INTEGER NOT NULL,
    added_at TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    text_checksum INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    first INTEGER NOT NULL,
    behind INTEGER NOT NULL,
    page INTEGER,
    heading_path TEXT NOT NULL,
    context TEXT NOT NULL,
    text TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (document_id, ordinal)
);
CREATE TABLE embedders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL UNIQUE,
    dimensions INTEGER NOT NULL
);
CREATE TABLE vectors (
    id INTEGER PRIMARY KEY,
    passage_id INTEGER NOT NULL REFERENCES passages(id) ON DELETE CASCADE,
    embedder_id INTEGER NOT NULL REFERENCES embedders(id),
    checksum INTEGER NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (passage_id, embedder_id)
);
CREATE INDEX vectors_keys ON vectors (embedder_id, passage_id, checksum);
CREATE VIRTUAL TABLE passages_fts USING fts5 (heading, body, tokenize = "{_TOKENIZER.replace('"', '""')}");
CREATE VIRTUAL TABLE passages_terms USING fts5vocab (passages_fts, row);
CREATE TRIGGER passages_fts_remove AFTER DELETE ON passages BEGIN
    DELETE FROM passages_fts WHERE rowid = old.id;
END;
INSERT INTO meta VALUES ('generation', 0);
"""
# AUTOINCREMENT: the id of a removed passage is never given again, so an id held by an index or a cached state cannot
# come to mean another passage. The trigger also fires for passages that go because their document goes.


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema's history. Its number is its place in `MIGRATIONS`, from 1."""

    name: str
    apply: Callable[[Database], object]


_FOLDERS = """
CREATE TABLE folders (path TEXT PRIMARY KEY NOT NULL, added_at TEXT NOT NULL);
CREATE TABLE left_out (source TEXT PRIMARY KEY NOT NULL);
"""
# left_out: removed by the owner though its file is still in a folder; a sync must not bring it back.


_DESCRIPTIONS = """
ALTER TABLE documents ADD COLUMN modified TEXT;
ALTER TABLE documents ADD COLUMN language TEXT;
ALTER TABLE documents ADD COLUMN archive TEXT;
ALTER TABLE documents ADD COLUMN abbreviations TEXT NOT NULL DEFAULT '[]';
CREATE INDEX documents_archive ON documents (archive) WHERE archive IS NOT NULL;
CREATE TABLE tags (path TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (path, tag)) WITHOUT ROWID;
CREATE TABLE archives (source TEXT PRIMARY KEY NOT NULL, content_hash TEXT NOT NULL);
CREATE TABLE bundles (
    name TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    content TEXT NOT NULL,
    signer TEXT NOT NULL,
    made_at TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    undo TEXT
);
INSERT INTO meta SELECT 'embedder', id FROM embedders
    ORDER BY (SELECT count(*) FROM vectors WHERE embedder_id = embedders.id) DESC, id DESC LIMIT 1;
"""
# tags: every document whose source is the path, or below it, has the tag, also one that comes later.
# archives: what was read to its end; of one that was not, some articles may be there.
# bundles: content is the SHA-256 of the list of the bundle's documents, signer the public key of who published it, undo
# the SHA-256 of the file that leads back to the version before, NULL where there is none.
# The row 'embedder' of meta: whose vectors answers come from. There may be others, made beside them for a change.


def _describe(db: Database) -> None:
    """Add what is known of a document beyond its text, within the checksum of its record.

    The checksum of a passage now says of which document it is.
    """
    db.executescript(_DESCRIPTIONS)
    before = ("source", "name", "title", "media_type", "content_hash", "revised", "pages", "characters", "added_at")
    rows = db.execute(f"SELECT id, checksum, {', '.join(before)} FROM documents").fetchall()
    for id_, expected, *fields in rows:
        if checksum(*fields) == expected:  # One that is damaged must stay recognisable as that.
            new = checksum(*fields, None, None, None, "[]")
            db.execute("UPDATE documents SET checksum = ? WHERE id = ?", (new, id_))
    columns = "ordinal, first, behind, page, heading_path, context, text"
    for id_, content_hash in db.execute("SELECT id, content_hash FROM documents").fetchall():
        passages = db.execute(f"SELECT id, checksum, {columns} FROM passages WHERE document_id = ?", (id_,)).fetchall()
        for passage, expected, *fields in passages:
            if checksum(*fields) == expected:
                new = checksum(content_hash, *fields)
                db.execute("UPDATE passages SET checksum = ? WHERE id = ?", (new, passage))


MIGRATIONS: tuple[Migration, ...] = (
    Migration("first tables", lambda db: db.executescript(_TABLES)),
    Migration("folders that are followed", lambda db: db.executescript(_FOLDERS)),
    Migration("what is known of documents", _describe),
)


def version(db: Database) -> int:
    """How many migrations the file has had."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: Database, migrations: Sequence[Migration], applied_at: str) -> None:
    """Apply what is pending, each step in a transaction of its own.

    The version is read again inside each transaction: another process may have taken the step meanwhile.
    """
    for number, migration in enumerate(migrations, start=1):
        if version(db) >= number:
            continue
        db.execute("BEGIN IMMEDIATE")
        try:
            if version(db) < number:
                _step(db, number, migration, applied_at)
            db.execute("COMMIT")
        except BaseException:
            db.rollback()
            raise


def _step(db: Database, number: int, migration: Migration, applied_at: str) -> None:
    if number == 1:
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)")
    migration.apply(db)
    db.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, migration.name, applied_at))
    db.execute(f"PRAGMA user_version = {number}")
