"""Makes a sound knowledge base of a damaged one, from everything in it that still proves to be what was written.

It knows the tables and their checksums. It does not know how words become tokens, nor what a file or a vector is made
of: what cannot be copied is named, so that the caller can read the files and embed the passages again.

What is copied goes into a new file, which the caller completes, and which is then checked and takes the place of the
old one in one step. A cut at any instant leaves the knowledge base as it was.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from assistant.errors import KnowledgeBaseBusy, KnowledgeBaseDamaged, StorageError
from assistant.store import fulltext, schema, vectors, writing
from assistant.store.backup import put_in_place, require_sound
from assistant.store.database import Store
from assistant.store.files import BESIDE, aside_of, discard, force, tidy
from assistant.store.guard import translated
from assistant.store.records import (
    PASSAGE_COLUMNS,
    RECORD_COLUMNS,
    RowDamaged,
    checksum,
    document_record,
    document_text,
    passage_value,
)
from assistant.types import Passage

Tokens = Callable[[Passage], tuple[str, str]]
"""Heading and body tokens of a passage, separated by spaces."""
_Result = TypeVar("_Result")

_OWNERS = ("folders", "left_out", "tags", "archives", "bundles")
"""Tables that hold what the owner has said, and no text."""
_TOGETHER = 200
"""Documents copied in one transaction of the new file, which nobody else sees."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """What a repair could keep."""

    documents: int
    """Copied whole, but perhaps for some vectors."""
    lost: tuple[str, ...]
    """Sources of documents that could not be copied, as far as they can still be read."""
    unnamed: int
    """Documents of which not even that can be read."""


def repair(
    path: Path, tokens: Tokens, complete: Callable[[Store, Salvage], _Result], busy_timeout: float = 30.0
) -> tuple[_Result, Path | None]:
    """Replace the knowledge base at `path` by what is sound in it; the full-text index is made anew.

    `complete` gets the new knowledge base before anybody else sees it, to make good what could not be copied.

    Returns:
        What `complete` returned, and where a copy of the damaged file is if something in it could not be copied.

    Raises:
        KnowledgeBaseDamaged: nothing in the file can be read any more.
        KnowledgeBaseBusy: another process has written meanwhile, or does not stop writing.
        StorageError: the disk does not take it.
    """
    partial = path.with_name(f".{path.name}.repairing")
    try:
        discard(partial)
        _bring_up_to_date(path, busy_timeout)
        with translated(path), closing(_opened(path)) as damaged, Store.open(partial, create=True) as sound:
            generation = _generation(damaged)
            salvage = _copied(damaged, sound, tokens)
            result = complete(sound, salvage)
            sound.count_from(generation)
            moved = _generation(damaged) != generation
        if moved:
            raise KnowledgeBaseBusy(
                f"Another process has written into the knowledge base {path} meanwhile; stop it and run the same "
                "command again."
            )
        require_sound(partial, "The repaired knowledge base does not hold what it should")
        aside = _kept(path) if salvage.lost or salvage.unnamed else None
        put_in_place(partial, path, busy_timeout)
    except OSError as exc:
        raise StorageError(
            f"The knowledge base {path} cannot be repaired ({exc.strerror or exc}); free some space and run the same "
            "command again."
        ) from exc
    finally:
        tidy(partial)
    return result, aside


def _bring_up_to_date(path: Path, busy_timeout: float) -> None:
    """Let an older knowledge base have the tables of this version, as far as it can still take them."""
    with suppress(KnowledgeBaseDamaged), Store.open(path, create=False, busy_timeout=busy_timeout):
        pass


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.text_factory = _decoded
    try:
        if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
            raise KnowledgeBaseDamaged(
                f"The file {path} is not a knowledge base of Fieldmate, or its beginning is destroyed; restore a "
                "backup, or move the file away and add the documents again."
            )
        if connection.execute("PRAGMA user_version").fetchone()[0] != len(schema.MIGRATIONS):
            raise KnowledgeBaseDamaged(
                f"The knowledge base {path} is of another version and too damaged to be brought up to date; restore a "
                "backup, or move the file away and add the documents again."
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _decoded(data: bytes) -> str:
    """Text, also where a byte of it has changed: the checksum tells, not an exception in the middle of a cursor."""
    return data.decode("utf-8", "surrogateescape")


def _generation(damaged: sqlite3.Connection) -> int:
    with suppress(sqlite3.DatabaseError):
        row = damaged.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        if row is not None and isinstance(row[0], int):
            return row[0]
    return 0


def _copied(damaged: sqlite3.Connection, sound: Store, tokens: Tokens) -> Salvage:
    embedder = _embedder(damaged)
    documents = unnamed = 0
    lost: list[str] = []
    ids = list(_document_ids(damaged))
    for begin in range(0, len(ids), _TOGETHER):
        with sound.writing() as db:
            for id_ in ids[begin : begin + _TOGETHER]:
                try:
                    _copy_document(damaged, db, id_, embedder, tokens)
                    documents += 1
                except (sqlite3.DatabaseError, RowDamaged, ValueError, UnicodeError) as exc:
                    if _is_ours(exc):
                        raise
                    source = _source(damaged, id_)
                    lost += [source] if source else []
                    unnamed += not source
    with sound.writing() as db:
        for table in _OWNERS:
            _copy_table(damaged, db, table)
        archives = {row[0] for row in db.execute("SELECT source FROM archives")}
        for source in [one for one in archives if any(path.startswith(one + "/") for path in lost) or unnamed]:
            db.execute("DELETE FROM archives WHERE source = ?", (source,))  # so that it is read again
    return Salvage(documents, tuple(lost), unnamed)


def _is_ours(exc: Exception) -> bool:
    """Whether the new file is in trouble rather than the damaged one: a full disk is no damage."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _embedder(damaged: sqlite3.Connection) -> tuple[int, str, int] | None:
    """Id, fingerprint and dimensions of the live embedder, if all of that can be read and makes sense."""
    with suppress(sqlite3.DatabaseError):
        for row in damaged.execute(
            "SELECT id, fingerprint, dimensions FROM embedders "
            "ORDER BY id = (SELECT value FROM meta WHERE key = 'embedder') DESC, id DESC"
        ):
            if isinstance(row[0], int) and isinstance(row[1], str) and isinstance(row[2], int) and 0 < row[2] <= 2**16:
                return row[0], row[1], row[2]
    return None


def _document_ids(damaged: sqlite3.Connection) -> Iterator[int]:
    """Every id that a document may have, ascending."""
    seen: set[int] = set()
    for statement in ("SELECT id FROM documents", "SELECT id FROM documents ORDER BY id DESC",
                      "SELECT DISTINCT document_id FROM passages"):  # fmt: skip
        try:
            for row in damaged.execute(statement):
                if isinstance(row[0], int):
                    seen.add(row[0])
            if statement.endswith("documents"):
                break
        except sqlite3.DatabaseError:
            continue  # What was read until then counts; another way may reach what lies behind the damage.
    yield from sorted(seen)


def _copy_document(
    damaged: sqlite3.Connection, db: Any, id_: int, embedder: tuple[int, str, int] | None, tokens: Tokens
) -> None:
    """Copy one document with its passages and those of its vectors that are sound.

    Raises:
        RowDamaged, ValueError, sqlite3.DatabaseError: something in it is not what was written.
    """
    row = damaged.execute(
        f"SELECT {RECORD_COLUMNS}, text, text_checksum FROM documents WHERE id = ?", (id_,)
    ).fetchone()
    if row is None:
        raise RowDamaged("a document is gone")
    record, text = document_record(dict(row), 0), document_text(dict(row))
    if len(text) != record.characters:
        raise RowDamaged("a text has another length than it should have")
    rows = damaged.execute(
        f"SELECT id, {PASSAGE_COLUMNS} FROM passages WHERE document_id = ? ORDER BY ordinal", (id_,)
    ).fetchall()
    passages = [passage_value(dict(one), record) for one in rows]
    for ordinal, passage in enumerate(passages):
        if passage.ordinal != ordinal or text[passage.start : passage.end] != passage.text:
            raise RowDamaged("a passage is missing or not a part of its text")
    if not _holds_all(text, passages):
        raise RowDamaged("the last passages are missing")
    columns = [*RECORD_COLUMNS.split(", "), "text", "text_checksum"]
    taken = db.execute("SELECT 1 FROM documents WHERE source = ? OR name = ?", (record.source, record.name)).fetchone()
    if taken:
        raise RowDamaged("a document is there twice")
    ids = writing.insert_rows(db, {column: row[column] for column in columns}, passages)
    words = [tokens(passage) for passage in passages]
    fulltext.insert(db, ids, [(fulltext.storable(head), fulltext.storable(body)) for head, body in words])
    found = [(new, blob) for new, one in zip(ids, rows, strict=True) if (blob := _vector(damaged, one["id"], embedder))]
    if found and embedder:
        matrix = np.frombuffer(b"".join(blob for _, blob in found), dtype="<f4").reshape(len(found), embedder[2])
        vectors.insert(db, [new for new, _ in found], matrix.astype(np.float32), embedder[1])


def _holds_all(text: str, passages: list[Passage]) -> bool:
    """Whether nothing but white space and headings can stand behind the last passage."""
    end = passages[-1].end if passages else 0
    return not text[end:].strip()


def _vector(damaged: sqlite3.Connection, passage_id: int, embedder: tuple[int, str, int] | None) -> bytes | None:
    if embedder is None:
        return None
    try:
        row = damaged.execute(
            "SELECT checksum, vector FROM vectors WHERE passage_id = ? AND embedder_id = ?", (passage_id, embedder[0])
        ).fetchone()
    except sqlite3.DatabaseError:
        return None
    if row is None or not isinstance(row[1], bytes) or len(row[1]) != 4 * embedder[2] or checksum(row[1]) != row[0]:
        return None
    return row[1]


def _source(damaged: sqlite3.Connection, id_: int) -> str:
    """The source of a document that is lost, if it reads like one."""
    try:
        row = damaged.execute("SELECT source FROM documents WHERE id = ?", (id_,)).fetchone()
        source = "" if row is None else str(row[0])
        source.encode()
    except (sqlite3.DatabaseError, UnicodeError):
        return ""
    return source


def _copy_table(damaged: sqlite3.Connection, db: Any, table: str) -> None:
    try:
        rows = [tuple(row) for row in damaged.execute(f"SELECT * FROM {table}")]
    except sqlite3.DatabaseError:
        return
    for row in rows:
        with suppress(sqlite3.DatabaseError, UnicodeError):
            db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def _kept(path: Path) -> Path:
    """A copy of the damaged file and its log beside it."""
    aside = aside_of(path)
    for ending in (*BESIDE, ""):
        source = path.with_name(path.name + ending)
        if source.exists():
            shutil.copyfile(source, aside.with_name(aside.name + ending))
    force(aside)
    return aside
