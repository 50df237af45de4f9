"""Reads documents and passages.

It knows the tables. It does not know how passages are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from assistant.store.records import (
    PASSAGE_COLUMNS,
    RECORD_COLUMNS,
    DocumentRecord,
    RowDamaged,
    document_record,
    document_text,
    passage_value,
)
from assistant.types import Passage

if TYPE_CHECKING:
    from sqlite_utils import Database

_PARAMETERS = 500  # In one statement: SQLite's limit was 999 for long, and is a compile-time choice.


def documents(db: Database) -> list[DocumentRecord]:
    """Every document, by name."""
    rows = db.query(
        f"SELECT {RECORD_COLUMNS}, (SELECT count(*) FROM passages WHERE document_id = documents.id) AS "
        "passages FROM documents ORDER BY name"
    )
    return [document_record(row, row["passages"]) for row in rows]


def document(db: Database, name_or_source: str) -> tuple[DocumentRecord, str] | None:
    """The document of this name, else of this source, with its text."""
    rows = db.query(
        f"SELECT {RECORD_COLUMNS}, text, text_checksum, "
        "(SELECT count(*) FROM passages WHERE document_id = documents.id) AS passages "
        "FROM documents WHERE name = :key OR source = :key ORDER BY name <> :key LIMIT 1",
        {"key": storable_key(name_or_source)},
    )
    for row in rows:
        return document_record(row, row["passages"]), document_text(row)
    return None


def find(db: Database, pattern: str) -> list[DocumentRecord]:
    """The documents meant by `pattern`: of that name or source, else those whose path ends with it."""
    found = documents(db)
    exact = [record for record in found if pattern in (record.name, record.source)]
    ending = "/" + pattern.replace("\\", "/").lstrip("/")
    return exact or [
        record
        for record in found
        if any(path.replace("\\", "/").endswith(ending) for path in (record.name, record.source))
    ]


def storable_key(text: str) -> str:
    """The text as it can be compared: no stored name holds a stray surrogate, so none is found by one."""
    return text.encode(errors="replace").decode()


def passages(db: Database, ids: Iterable[int]) -> dict[int, Passage]:
    """The passages with these ids, in the order asked for; an id that is not stored is left out."""
    wanted = list(dict.fromkeys(int(id_) for id_ in ids))
    found: dict[int, Passage] = {}
    for batch in _batched(wanted):
        marks = ", ".join("?" * len(batch))
        found |= _passages(db, f"passages.id IN ({marks})", batch)
    return {id_: found[id_] for id_ in wanted if id_ in found}


def neighbours(db: Database, id_: int, before: int, after: int) -> dict[int, Passage]:
    """A passage with those around it in its document, in reading order."""
    row = db.execute("SELECT document_id, ordinal FROM passages WHERE id = ?", (id_,)).fetchone()
    if row is None:
        return {}
    document_id, ordinal = row
    return _passages(
        db,
        "document_id = ? AND ordinal BETWEEN ? AND ? ORDER BY ordinal",
        [document_id, ordinal - before, ordinal + after],
    )


def passage_ids(db: Database, name: str | None) -> list[int]:
    """The ids of one document's passages, or of all, documents by name and passages in reading order."""
    where, values = ("", []) if name is None else ("WHERE documents.name = ?", [storable_key(name)])
    rows = db.execute(
        f"SELECT passages.id FROM passages JOIN documents ON documents.id = document_id {where} "
        "ORDER BY documents.name, ordinal",
        values,
    )
    return [int(row[0]) for row in rows]


def _passages(db: Database, where: str, values: list[int]) -> dict[int, Passage]:
    columns = ", ".join(f"passages.{column}" for column in PASSAGE_COLUMNS.split(", "))
    rows: list[dict[str, Any]] = list(
        db.query(f"SELECT passages.id, document_id, {columns} FROM passages WHERE {where}", values)
    )
    records = _records(db, {row["document_id"] for row in rows})
    if any(row["document_id"] not in records for row in rows):
        raise RowDamaged("a passage has no document")
    return {
        row["id"]: passage_value(row, records[row["document_id"]].name, records[row["document_id"]].title)
        for row in rows
    }


def _records(db: Database, document_ids: set[int]) -> dict[int, DocumentRecord]:
    records: dict[int, DocumentRecord] = {}
    for batch in _batched(sorted(document_ids)):
        marks = ", ".join("?" * len(batch))
        rows = db.query(f"SELECT id, {RECORD_COLUMNS} FROM documents WHERE id IN ({marks})", batch)
        records |= {row["id"]: document_record(row, 0) for row in rows}
    return records


def _batched(values: list[int]) -> Iterator[list[int]]:
    iterator = iter(values)
    while batch := list(islice(iterator, _PARAMETERS)):
        yield batch
