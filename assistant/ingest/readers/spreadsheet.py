"""Reads spreadsheets (XLSX): each row with the names of its columns, questions with their answers.

It knows neither passages nor storage. Formulas and macros are never executed, links never followed; hidden sheets are
left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import UnreadableDocument
from assistant.ingest.building import DocumentBuilder
from assistant.ingest.files import MAX_BYTES, hash_file
from assistant.ingest.marks import revision_date
from assistant.ingest.readers.number_formats import built_in
from assistant.ingest.readers.numerals import whole
from assistant.ingest.readers.ooxml import part_events, properties, related, relations
from assistant.ingest.readers.packages import Package
from assistant.ingest.readers.rows import RowBlocks, TableTooLarge
from assistant.ingest.readers.spreadsheet_sheet import Look, merges, rows
from assistant.ingest.readers.titles import best_title
from assistant.ingest.readers.xml_events import Event, Step, skip
from assistant.types import BlockKind, Document

_KIND = "an Excel workbook (XLSX)"
_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    part: str


class SpreadsheetReader:
    """Excel workbooks, with or without macros, which are not looked at."""

    suffixes: frozenset[str] = frozenset({".xlsx", ".xlsm"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        content_hash = hash_file(path, name, self._max_bytes)
        builder = DocumentBuilder()
        with Package(path, name, _KIND) as package:
            said = properties(package)
            try:
                _add(builder, package)
            except TableTooLarge as exc:
                raise UnreadableDocument(
                    f"{name} has {exc}; save the part that matters as a workbook and add that."
                ) from exc
        return builder.build(
            path,
            name,
            title=best_title(None, said.title),
            content_hash=content_hash,
            media_type=_MEDIA_TYPE,
            revised=revision_date(builder.text) or said.modified,
        )


def _add(builder: DocumentBuilder, package: Package) -> None:
    main = related(relations(package, ""), "officeDocument") or "xl/workbook.xml"
    if main not in package:
        raise package.damaged()
    parts = relations(package, main)
    sheets, since_1904 = _sheets(part_events(package, main), parts)
    strings, styles = related(parts, "sharedStrings"), related(parts, "styles")
    look = Look(
        list(_strings(part_events(package, strings))) if strings else [],
        _formats(part_events(package, styles)) if styles else [],
        since_1904,
    )
    blocks = RowBlocks(builder)
    for sheet in sheets:
        found = rows(part_events(package, sheet.part), merges(package.pieces(sheet.part)), look)
        first = next(found, None)
        if first is not None:
            if len(sheets) > 1:
                builder.add(BlockKind.HEADING, sheet.name, level=2)
            blocks.add(_behind(first, found), level=2 + (len(sheets) > 1))


def _behind(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest


def _sheets(stream: Iterator[Event], parts: dict[str, tuple[str, str]]) -> tuple[list[_Sheet], bool]:
    """The sheets that are shown, in their order, and whether days are counted from 1904."""
    sheets: list[_Sheet] = []
    since_1904 = False
    for step, tag, attributes in stream:
        if step is not Step.ENTER:
            continue
        if tag == "s:workbookPr":
            since_1904 = attributes.get("date1904", "0") not in ("0", "false")
        elif tag == "s:sheet" and attributes.get("state", "visible") == "visible":
            kind, part = parts.get(attributes.get("r:id", ""), ("", ""))
            if kind == "worksheet":
                sheets.append(_Sheet(attributes.get("name", ""), part))
    return sheets, since_1904


def _strings(stream: Iterator[Event]) -> Iterator[str]:
    """The texts that cells refer to by their number, without the readings of Japanese words."""
    held: list[str] = []
    inside = False
    for step, value, _ in stream:
        if step is Step.TEXT:
            if inside:
                held.append(value)
        elif step is Step.ENTER and value == "s:rPh":
            skip(stream)
        elif value == "s:t":
            inside = step is Step.ENTER
        elif value == "s:si":
            if step is Step.LEAVE:
                yield "".join(held)
            held = []


def _formats(stream: Iterator[Event]) -> list[str]:
    """The number format of each cell style."""
    own: dict[int, str] = {}
    numbers: list[int] = []
    inside = False
    for step, tag, attributes in stream:
        if tag == "s:cellXfs":
            inside = step is Step.ENTER
        elif step is Step.ENTER and tag == "s:numFmt":
            own[whole(attributes.get("numFmtId", ""), 0)] = attributes.get("formatCode", "General")
        elif step is Step.ENTER and inside and tag == "s:xf":
            numbers.append(whole(attributes.get("numFmtId", ""), 0))
    return [own.get(number) or built_in(number) for number in numbers]
