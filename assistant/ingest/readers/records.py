"""Reads JSON and JSON Lines: lists of records row by row, questions with their answers, settings by their names.

It knows neither passages nor storage. Numbers stay as they are written: 5.50 is not 5.5 here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assistant.errors import UnreadableDocument
from assistant.ingest.building import DocumentBuilder
from assistant.ingest.decoding import decode
from assistant.ingest.files import MEGABYTE, hash_bytes, read_bytes
from assistant.ingest.marks import iso_date
from assistant.ingest.readers.columns import question_and_answer
from assistant.ingest.readers.rows import MOST_ROWS, add_question, add_record, add_text
from assistant.types import BlockKind, Document

MAX_BYTES = 48 * MEGABYTE
"""A parsed file takes some ten times its size in memory."""
_LINES = frozenset({".jsonl", ".ndjson"})
_DEEPEST = 12
"""Records inside each other; what is deeper is shown as JSON."""
_LONGEST_LABEL = 250
_SENTENCE = 60
"""Characters from which on the values of a list are taken as sentences."""
_MOST_FLATTENED = 12
_LABELS = ("title", "name", "label", "heading", "subject", "topic", "term", "code", "id", "key", "titel")
_TEXTS = frozenset(
    {"text", "content", "body", "description", "value", "passage", "paragraph", "inhalt", "beschreibung"}
)
_TITLES = ("title", "name", "titel")
_DATES = ("revised", "updated", "modified", "date", "last_updated", "lastModified", "revision_date", "stand")

Record = Mapping[str, Any]


class RecordsReader:
    """JSON files, and files with one JSON value a line."""

    suffixes: frozenset[str] = frozenset({".json", *_LINES})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        data = read_bytes(path, name, self._max_bytes)
        text = decode(data, name)
        builder = DocumentBuilder()
        head: Record = {}
        records = _Records(builder, name)
        if path.suffix.lower() in _LINES:
            for value in _lines(text, name):
                records.add(value)
        else:
            value = _parsed(text, name, "")
            head = value if isinstance(value, Mapping) else {}
            records.add_document(value)
        return builder.build(
            path,
            name,
            title=_title(head),
            content_hash=hash_bytes(data),
            media_type="application/jsonl" if path.suffix.lower() in _LINES else "application/json",
            revised=next((date for key in _DATES if (date := iso_date(_shown(head.get(key))))), None),
        )


def _parsed(text: str, name: str, where: str) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except RecursionError as exc:
        raise UnreadableDocument(f"{name} nests too deep{where}; export it as a flat list and add that.") from exc
    except ValueError as exc:
        raise UnreadableDocument(f"{name} is not valid JSON{where}; export it anew and add that.") from exc


def _lines(text: str, name: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _parsed(line, name, f" in line {number:,}")


def _title(head: Record) -> str | None:
    """The title that an object gives itself, where it is more than a record among others."""
    nested = any(isinstance(value, (list, dict)) for value in head.values())
    values = (head.get(key) for key in _TITLES)
    return next((value for value in values if isinstance(value, str) and value.strip()), None) if nested else None


class _Records:
    """Appends JSON values to a builder."""

    def __init__(self, builder: DocumentBuilder, name: str) -> None:
        self._builder, self._name = builder, name
        self._count = 0

    def add_document(self, value: Any) -> None:
        """Append the value that is the whole file."""
        if isinstance(value, Mapping) and _pairs_of_questions(value):
            for question, answer in value.items():
                self._counted()
                add_question(self._builder, question, _shown(answer))
        elif isinstance(value, Mapping) and not any(isinstance(one, (list, Mapping)) for one in value.values()):
            self._settings(value)
        else:
            self.add(value)

    def add(self, value: Any, *, key: str = "", level: int = 1) -> None:
        """Append a value; `key` is the name that it has in the object around it."""
        if isinstance(value, list):
            self._list(value, key, level)
        elif isinstance(value, Mapping):
            self._record(value, key, level)
        elif text := _shown(value):
            self._counted()
            add_text(self._builder, f"{_spaced(key)}: {text}" if key else text)

    def _list(self, values: list[Any], key: str, level: int) -> None:
        if key and values:
            self._builder.add(BlockKind.HEADING, _spaced(key), level=min(level, 6))
        table = _table(values)
        for value in table if table is not None else values:
            self.add(value, level=level + bool(key))

    def _record(self, record: Record, key: str, level: int) -> None:
        self._counted()
        pair = question_and_answer(list(record))
        keys = list(record)
        if pair is not None and (answer := _shown(record[keys[pair[1]]])):
            self._question(record, keys[pair[0]], keys[pair[1]], answer, level)
            return
        deep = level >= _DEEPEST
        if level > 1:
            record = _flattened(record)
        inner = {name: value for name, value in record.items() if not deep and _is_structure(value)}
        plain = [
            ("" if name.casefold() in _TEXTS else _spaced(name), text)
            for name, value in record.items()
            if name not in inner and (text := _shown(value))
        ]
        label = _label(record, key)
        if plain and (label or level > 1 or not inner):
            add_record(self._builder, label or f"Record {self._count}", plain, level=min(level + 1, 6))
        elif plain:
            add_text(self._builder, "; ".join(f"{name}: {text}" if name else text for name, text in plain))
        elif label and inner:
            self._builder.add(BlockKind.HEADING, label, level=min(level, 6))
        for name, value in inner.items():
            self.add(value, key=name, level=level + 1)

    def _question(self, record: Record, question: str, answer_key: str, answer: str, level: int) -> None:
        add_question(self._builder, _shown(record[question]), answer, level=min(level + 1, 6))
        rest = [
            f"{_spaced(name)}: {text}"
            for name, value in record.items()
            if name not in (question, answer_key) and not _is_structure(value) and (text := _shown(value))
        ]
        self._builder.add(BlockKind.PARAGRAPH, "; ".join(rest))

    def _settings(self, record: Record) -> None:
        """Append an object of plain values: each is looked up by its name, so each is a paragraph."""
        for name, value in record.items():
            if text := _shown(value):
                self._counted()
                add_text(self._builder, f"{_spaced(name)}: {text}")

    def _counted(self) -> None:
        self._count += 1
        if self._count > MOST_ROWS:
            raise UnreadableDocument(
                f"{self._name} has more than {MOST_ROWS:,} records; split it into parts and add those."
            )


def _table(values: list[Any]) -> list[Any] | None:
    """A list of lists whose first names the columns, as records."""
    if len(values) < 2 or not all(isinstance(value, list) for value in values):
        return None
    names = values[0]
    if not all(isinstance(name, str) and name.strip() for name in names) or len(set(names)) != len(names) or not names:
        return None
    return [dict(zip(names, row, strict=False)) for row in values[1:]]


def _pairs_of_questions(record: Record) -> bool:
    """Whether the names of an object are questions and its values the answers."""
    questions = sum(name.strip().endswith(("?", "？")) for name in record)
    return questions >= max(1, 0.8 * len(record)) and all(isinstance(value, str) for value in record.values())


def _is_structure(value: Any) -> bool:
    """Whether a value is more than words: an object, or a list of anything but words."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and any(isinstance(one, (list, Mapping)) for one in value)


def _flattened(record: Record) -> Record:
    """`record` with the plain values of small objects in it as its own: "limits min" for `min` in `limits`."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        small = isinstance(value, Mapping) and 0 < len(value) <= _MOST_FLATTENED
        if small and not any(_is_structure(inner) for inner in value.values()):
            found.update({f"{name} {inner}": one for inner, one in value.items()})
        else:
            found[name] = value
    return found


def _label(record: Record, key: str) -> str:
    """What tells a record from others: its own name, else that in the object around it, else its first words."""
    lower = {name.casefold(): value for name, value in record.items()}
    for name in _LABELS:
        value = lower.get(name)
        if isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_LABEL:
            return value
    if key:
        return _spaced(key)
    first = next((value for value in record.values() if isinstance(value, str) and value.strip()), "")
    return first if len(first) <= _SENTENCE else ""


def _shown(value: Any) -> str:
    """A value as words; empty for what is no value."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not _is_structure(value):
        texts = [_shown(one) for one in value]
        lines = any("\n" in text or len(text) > _SENTENCE for text in texts)
        return ("\n\n" if lines else ", ").join(text for text in texts if text)
    return json.dumps(value, ensure_ascii=False) if value else ""


def _spaced(name: str) -> str:
    """A field's name as words: "max_pressure" is "max pressure"."""
    return name.replace("_", " ").strip()
