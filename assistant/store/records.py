"""The store's own values, and how rows become values and back.

Pure: it knows the columns of the tables, but neither SQLite nor files.

SQLite notices a damaged page only where the damage breaks its structure. Each row therefore carries a
checksum of what it says, looked at whenever the row is read: a flipped bit in a manual's torque is an error,
never an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

from assistant.errors import InputError, UnreadableDocument
from assistant.types import Document, Passage

Outcome = Literal["added", "replaced", "renamed", "unchanged"]
"""What `Store.put` did."""


class NameTaken(InputError):
    """Another source's document has this name already."""


class RowDamaged(Exception):
    """A row does not say what was written into it. Internal to the store: its callers see KnowledgeBaseDamaged."""


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """What is known of a stored document, without its text."""

    name: str
    source: str
    title: str
    media_type: str
    content_hash: str
    revised: str | None
    passages: int
    """How many passages it has."""
    characters: int
    """Length of its text."""
    pages: int | None
    """The last page on which something begins; None where the format has no pages."""
    added_at: str
    """When it was stored, UTC, ISO 8601."""
    modified: str | None = None
    """Day on which its file was last changed; see `Document`, also for the next three."""
    language: str | None = None
    archive: str | None = None
    abbreviations: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """What its owner has sorted it under, in order."""

    @property
    def dated(self) -> str | None:
        """The date to show: the one it states, else its file's."""
        return self.revised or self.modified


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that `Store.check` found to be wrong."""

    part: Literal["file", "documents", "passages", "full text", "vectors", "index"]
    message: str
    """One sentence."""


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """An embedder whose vectors are stored."""

    fingerprint: str
    dimensions: int
    vectors: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the knowledge base holds."""

    documents: int
    passages: int
    characters: int
    file_bytes: int
    """On disk, with the write-ahead log."""
    embedders: tuple[EmbedderRecord, ...]
    generation: int
    schema_version: int
    journal_mode: str
    """"wal" except on file systems that cannot hold a write-ahead log."""


def checksum(*fields: str | int | bytes | None) -> int:
    """64 bits over the fields, each kept apart from its neighbours; None differs from the empty text."""
    digest = blake2b(digest_size=8)
    for field in fields:
        data = b"" if field is None else field if isinstance(field, bytes) else str(field).encode()
        digest.update(b"-" if field is None else b"%d:" % len(data))
        digest.update(data)
    return int.from_bytes(digest.digest(), "little", signed=True)


def require_storable(document: Document) -> None:
    """Check that every text can be written as UTF-8.

    Raises:
        UnreadableDocument: it cannot: a file name in another encoding is the usual cause.
    """
    texts = (document.source, document.name, document.title, document.text, document.revised, document.archive)
    for text in (*texts, *document.abbreviations):
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            shown = document.name.encode(errors="replace").decode()
            raise UnreadableDocument(
                f"The name or text of {shown} holds characters that are not Unicode; rename or convert the "
                "file and add it again."
            ) from None


def document_row(document: Document, added_at: str) -> dict[str, Any]:
    """The columns of `documents` for this document."""
    row: dict[str, Any] = {
        "source": document.source,
        "name": document.name,
        "title": document.title,
        "media_type": document.media_type,
        "content_hash": document.content_hash,
        "revised": document.revised,
        "pages": max((block.page for block in document.blocks if block.page is not None), default=None),
        "characters": len(document.text),
        "added_at": added_at,
        "modified": document.modified,
        "language": document.language,
        "archive": document.archive,
        "abbreviations": json.dumps(document.abbreviations, ensure_ascii=False),
    }
    row["checksum"] = checksum(*row.values())
    row["text_checksum"] = checksum(document.text)
    row["text"] = document.text
    return row


RECORD_COLUMNS = (
    "source, name, title, media_type, content_hash, revised, pages, characters, added_at, modified, language, archive, "
    "abbreviations, checksum"
)
"""In the order of the checksum."""


def document_record(row: Mapping[str, Any], passages: int, tags: Sequence[str] = ()) -> DocumentRecord:
    """The record in a row with `RECORD_COLUMNS`.

    Raises:
        RowDamaged: the row was changed behind our back.
    """
    fields = {column: row[column] for column in RECORD_COLUMNS.split(", ")}
    if not _matches(fields.pop("checksum"), *fields.values()):
        raise RowDamaged("the record of a document has changed by itself")
    fields["abbreviations"] = tuple(json.loads(fields["abbreviations"]))
    return DocumentRecord(passages=passages, tags=tuple(tags), **fields)


def document_text(row: Mapping[str, Any]) -> str:
    """The text in a row with `text` and `text_checksum`.

    Raises:
        RowDamaged: the row was changed behind our back.
    """
    text = row["text"]
    if not isinstance(text, str) or not _matches(row["text_checksum"], text):
        raise RowDamaged("the text of a document has changed by itself")
    return text


PASSAGE_COLUMNS = "ordinal, first, behind, page, heading_path, context, text, checksum"
"""In the order of the checksum, which begins with the document's content hash: a damaged link to another document must
not make one manual's words those of another."""


def passage_row(passage: Passage, content_hash: str) -> tuple[str | int | None, ...]:
    """The values of `PASSAGE_COLUMNS` for this passage of the document with this content hash."""
    fields = (
        passage.ordinal,
        passage.start,
        passage.end,
        passage.page,
        json.dumps(passage.heading_path, ensure_ascii=False),
        passage.context,
        passage.text,
    )
    return (*fields, checksum(content_hash, *fields))


def passage_value(row: Mapping[str, Any], document: DocumentRecord) -> Passage:
    """The passage in a row with `PASSAGE_COLUMNS`.

    Raises:
        RowDamaged: the row was changed behind our back.
    """
    fields = [row[column] for column in PASSAGE_COLUMNS.split(", ")]
    if not _matches(fields.pop(), document.content_hash, *fields):
        raise RowDamaged("a passage has changed by itself")
    ordinal, start, end, page, heading_path, context, text = fields
    return Passage(
        document=document.name,
        title=document.title,
        ordinal=ordinal,
        start=start,
        end=end,
        text=text,
        heading_path=tuple(json.loads(heading_path)),
        context=context,
        page=page,
        dated=document.dated,
        abbreviations=document.abbreviations,
    )


def require_consistent(document: Document, passages: Sequence[Passage]) -> None:
    """Check that the passages are this document's, in order, and spans of its text.

    Raises:
        ValueError: they are not, which is a mistake in the program.
    """
    for ordinal, passage in enumerate(passages):
        # Where little fits into a passage, the title in front of it is shortened.
        same = passage.document == document.name and document.title.startswith(passage.title)
        if not same or passage.ordinal != ordinal:
            raise ValueError(f"passage {passage.ordinal} of {passage.document!r} is not number {ordinal} here")
        if document.text[passage.start : passage.end] != passage.text:
            raise ValueError(f"passage {ordinal} of {document.name!r} is not a span of the document's text")


def _matches(expected: object, *fields: object) -> bool:
    if not all(field is None or isinstance(field, str | int | bytes) for field in fields):
        return False
    return expected == checksum(*fields)  # type: ignore[arg-type]  # Checked in the line above.
