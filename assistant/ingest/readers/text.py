"""Reads plain text, where only layout and habit tell headings, lists and tables from paragraphs.

It knows neither passages nor storage. A form feed begins a new page, as printers have always understood it.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.cleaning import clean
from assistant.ingest.decoding import decode
from assistant.ingest.files import MEGABYTE, hash_bytes, read_bytes
from assistant.ingest.marks import ListMark, is_warning, list_mark, prose_kind
from assistant.types import BlockKind, Document

MAX_BYTES = 32 * MEGABYTE
_LONGEST_HEADING = 80
_UNDERLINE = re.compile(r"\s*(=|-|~|\*|\^)\1{2,}\s*")
_UNDERLINE_LEVELS = {"=": 1, "*": 1, "-": 2, "~": 3, "^": 4}
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+(?=[A-ZÄÖÜ])")
_COLUMN_GAP = re.compile(r"\t+| {3,}")


class TextReader:
    """Plain text files in any common encoding."""

    suffixes: frozenset[str] = frozenset({".txt", ".text"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        data = read_bytes(path, name, self._max_bytes)
        pages = decode(data, name).split("\f")
        builder = DocumentBuilder()
        blocks = _Blocks(builder)
        for number, page in enumerate(pages, start=1):
            blocks.add_page(clean(page), number if len(pages) > 1 else None)
        return builder.build(path, name, title=blocks.title, content_hash=hash_bytes(data), media_type="text/plain")


class _Blocks:
    """Tells the paragraphs of a page apart and appends them."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._page: int | None = None
        self._any = False
        self.title: str | None = None
        """The heading that the document begins with, if it does."""

    def add_page(self, text: str, page: int | None) -> None:
        """Append the blocks of one page."""
        self._page = page
        lines = text.split("\n")
        for blank, paragraph in groupby(lines, key=lambda line: not line.strip()):
            if not blank:
                self._paragraph(list(paragraph))

    def _paragraph(self, lines: list[str]) -> None:
        while len(lines) > 1 and (match := _UNDERLINE.fullmatch(lines[1])) and self._fits_heading(lines[0]):
            self._heading(lines[0], _UNDERLINE_LEVELS[match.group(1)])
            lines = lines[2:]
        if len(lines) == 1 and (level := self._heading_level(lines[0])):
            self._heading(lines[0], level)
        elif lines and not self._table(lines):
            self._items(lines)

    def _heading_level(self, line: str) -> int:
        """Level of a line that stands alone and looks like a heading; 0 for any other."""
        line = line.strip()
        if not self._fits_heading(line) or is_warning(line):
            return 0
        if (match := _NUMBERED.match(line)) and line[-1] not in ".,;:!?":
            return 2 + match.group(1).count(".")
        letters = [character for character in line if character.isalpha()]
        if len(letters) >= 4 and line.isupper() and " | " not in line:
            return 2 if self._any else 1
        return 0

    def _fits_heading(self, line: str) -> bool:
        return (len(line.strip()) <= _LONGEST_HEADING and list_mark(line.strip()) is None) or bool(
            _NUMBERED.match(line)
        )

    def _heading(self, line: str, level: int) -> None:
        if not self._any:
            self.title = line.strip()
        self._add(BlockKind.HEADING, line, level)

    def _table(self, lines: list[str]) -> bool:
        """Append `lines` as table rows if they all have the same number of columns, two or more."""
        rows = [_COLUMN_GAP.split(line.strip()) for line in lines]
        if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
            return False
        for row in rows:
            self._builder.add_row(row, page=self._page)
        self._any = True
        return True

    def _items(self, lines: list[str]) -> None:
        """Append a paragraph; each line with a bullet or a number begins a block of its own."""
        held: list[str] = []
        mark: ListMark | None = None
        level = 0
        for line in lines:
            text = line.strip()
            found = list_mark(text)
            if found is not None:
                self._flush(held, mark, level)
                held, mark, level = [text[found.length :]], found, min((len(line) - len(line.lstrip())) // 4, 5)
            else:
                held.append(text)
        self._flush(held, mark, level)

    def _flush(self, lines: list[str], mark: ListMark | None, level: int) -> None:
        text = " ".join(lines)
        if mark is not None:
            self._add(mark.kind, f"{mark.label} {text}", level)
        elif lines:
            self._add(prose_kind(text), text)

    def _add(self, kind: BlockKind, text: str, level: int = 0) -> None:
        self._builder.add(kind, text, level=level, page=self._page)
        self._any = True
