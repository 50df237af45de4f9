"""Reads documents and passages.

It knows the tables. It does not know how passages are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from assistant.errors import InputError
from assistant.store import tags
from assistant.store.records import (
    PASSAGE_COLUMNS,
    RECORD_COLUMNS,
    DocumentRecord,
    RowDamaged,
    document_record,
    document_text,
    passage_value,
)
from assistant.store.vectors import Ids
from assistant.types import Passage, Scope

if TYPE_CHECKING:
    from sqlite_utils import Database

_Named = TypeVar("_Named", DocumentRecord, "_Place")
_PARAMETERS = 500  # In one statement: SQLite's limit was 999 for long, and is a compile-time choice.


def documents(db: Database) -> list[DocumentRecord]:
    """Every document, by name."""
    rows = db.query(
        f"SELECT {RECORD_COLUMNS}, (SELECT count(*) FROM passages WHERE document_id = documents.id) AS "
        "passages FROM documents ORDER BY name"
    )
    tagged = tags.rows(db)
    return [document_record(row, row["passages"], tags.of(row["source"], tagged)) for row in rows]


def document(db: Database, name_or_source: str) -> tuple[DocumentRecord, str] | None:
    """The document of this name, else of this source, with its text."""
    rows = db.query(
        f"SELECT {RECORD_COLUMNS}, text, text_checksum, "
        "(SELECT count(*) FROM passages WHERE document_id = documents.id) AS passages "
        "FROM documents WHERE name = :key OR source = :key ORDER BY name <> :key LIMIT 1",
        {"key": storable_key(name_or_source)},
    )
    for row in rows:
        tagged = tags.of(row["source"], tags.rows(db))
        return document_record(row, row["passages"], tagged), document_text(row)
    return None


def find(db: Database, pattern: str) -> list[DocumentRecord]:
    """The documents meant by `pattern`: of that name or source, else those whose path ends with it."""
    return _matching(documents(db), pattern)


def _matching(records: list[_Named], pattern: str) -> list[_Named]:
    exact = [record for record in records if pattern in (record.name, record.source)]
    ending = "/" + pattern.replace("\\", "/").lstrip("/")
    return exact or [
        record
        for record in records
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


def ids_within(db: Database, scope: Scope) -> Ids:
    """The ids of the passages within a scope, ascending.

    A question waits for this: only what a scope speaks of is read of each document.

    Raises:
        InputError: it names a document, a language or a tag that there is none of.
    """
    places = [_Place(*row) for row in db.execute("SELECT id, name, source, language FROM documents ORDER BY name")]
    found: list[int] = []
    for batch in _batched(sorted(place.id for place in _within(db, places, scope))):
        marks = ", ".join("?" * len(batch))
        found += [row[0] for row in db.execute(f"SELECT id FROM passages WHERE document_id IN ({marks})", batch)]
    return np.array(sorted(found), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Place:
    """What a scope speaks of."""

    id: int
    name: str
    source: str
    language: str | None


def _within(db: Database, places: list[_Place], scope: Scope) -> list[_Place]:
    kept = places
    if scope.documents:
        named = {place.id for pattern in scope.documents for place in _meant(places, pattern)}
        kept = [place for place in kept if place.id in named]
    spoken = {place.language for place in places if place.language}
    for language in scope.languages:
        if language not in spoken:
            held = ", ".join(sorted(spoken)) or "none is known"
            raise InputError(f"No document is in the language {language}; there are: {held}.")
    if scope.languages:
        kept = [place for place in kept if place.language in scope.languages]
    if scope.tags:
        tagged = tags.rows(db)
        given = {place.id: tags.of(place.source, tagged) for place in places}
        _require_given(scope.tags, sorted({tag for each in given.values() for tag in each}))
        kept = [place for place in kept if set(scope.tags) & set(given[place.id])]
    return kept


def _meant(places: list[_Place], pattern: str) -> list[_Place]:
    found = _matching(places, pattern)
    if not found:
        raise InputError(f"There is no document called {pattern}; list the documents to see their names.")
    return found


def _require_given(wanted: Iterable[str], given: list[str]) -> None:
    for tag in wanted:
        if tag not in given:
            there = f"there are: {', '.join(given)}" if given else "give one with `fieldmate docs tag`"
            raise InputError(f"No document has the tag {tag}; {there}.")


def _passages(db: Database, where: str, values: list[int]) -> dict[int, Passage]:
    columns = ", ".join(f"passages.{column}" for column in PASSAGE_COLUMNS.split(", "))
    rows: list[dict[str, Any]] = list(
        db.query(f"SELECT passages.id, document_id, {columns} FROM passages WHERE {where}", values)
    )
    records = _records(db, {row["document_id"] for row in rows})
    if any(row["document_id"] not in records for row in rows):
        raise RowDamaged("a passage has no document")
    return {row["id"]: passage_value(row, records[row["document_id"]]) for row in rows}


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
