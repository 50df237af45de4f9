"""Reads the cells of one sheet, row by row, as the spreadsheet shows them.

It knows neither workbook nor package, only the events of one XML part. Formulas are never computed: what stands beside
them as their last result is what is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from assistant.ingest.readers.number_formats import shown
from assistant.ingest.readers.rows import MOST_COLUMNS, TableTooLarge
from assistant.ingest.readers.xml_events import Attributes, Event, Step

MOST_CELLS = 5_000_000
_MOST_MERGES = 20_000
_MOST_OPEN = 64
"""Merged cells that reach into one row; more are not repeated in it."""
_WIDEST_MERGE = 32
"""Columns in which the text of a merged cell is repeated."""
_LONGEST_REPEATED = 200
"""Characters of a cell that is repeated in the rows and columns that it is merged over."""
_MERGE = re.compile(rb"mergeCell [^<>]{0,40}?ref=[\"']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})[\"']")
_OVERLAP = 80
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


@dataclass(frozen=True, slots=True)
class Merge:
    """Cells that are shown as one; all numbers are counted from 0 and inclusive."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a workbook says about the cells of all its sheets."""

    strings: Sequence[str] = ()
    formats: Sequence[str] = ()
    """The number format of each cell style."""
    since_1904: bool = False


def merges(pieces: Iterable[bytes]) -> list[Merge]:
    """The merged cells of a sheet, topmost first. They stand behind the cells, so the sheet is looked through twice."""
    found: dict[tuple[int, int, int, int], None] = {}
    tail = b""
    for piece in pieces:
        text = tail + piece
        for match in _MERGE.finditer(text):
            left, top, right, bottom = (part.decode("ascii") for part in match.groups())
            if len(found) < _MOST_MERGES:
                found[(int(top) - 1, column(left), int(bottom) - 1, column(right))] = None
        tail = text[-_OVERLAP:]
    return [Merge(*place) for place in sorted(found)]


def column(letters: str) -> int:
    """The number of a column, from 0: "A" is 0, "AA" is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def rows(stream: Iterator[Event], merged: Sequence[Merge], look: Look) -> Iterator[list[str]]:
    """Yield the rows that have cells; an empty one stands for one or more that have none.

    Raises:
        TableTooLarge: there are more cells or columns than are read.
    """
    reader = _SheetReader(look)
    spread = _Spread(merged)
    last = -1
    for step, value, attributes in stream:
        if step is Step.TEXT:
            reader.text(value)
        elif step is Step.ENTER:
            reader.enter(value, attributes)
        elif reader.leave(value):
            if reader.cells:
                if last >= 0 and reader.row > last + 1:
                    yield []
                last = reader.row
            if cells := spread.row(reader.row, reader.cells):
                yield cells


@dataclass(slots=True)
class _SheetReader:
    """What is known in the middle of a sheet."""

    look: Look
    row: int = -1
    cells: dict[int, str] = field(default_factory=dict)
    """Column -> text, of the row in hand."""
    _column: int = -1
    _kind: str = ""
    _style: int = -1
    _parts: list[str] = field(default_factory=list)
    _inside: bool = False
    _phonetic: bool = False
    _count: int = 0

    def enter(self, tag: str, attributes: Attributes) -> None:
        if tag == "s:c":
            self._begin_cell(attributes)
        elif tag in ("s:v", "s:t"):
            self._inside = not self._phonetic
        elif tag == "s:rPh":
            self._phonetic = True
        elif tag == "s:row":
            number = attributes.get("r", "")
            self.row = int(number) - 1 if number.isascii() and number.isdigit() and len(number) < 8 else self.row + 1
            self.cells, self._column = {}, -1

    def text(self, text: str) -> None:
        if self._inside:
            self._parts.append(text)

    def leave(self, tag: str) -> bool:
        """Take the end of an element; True where it ends a row."""
        if tag in ("s:v", "s:t"):
            self._inside = False
        elif tag == "s:rPh":
            self._phonetic = False
        elif tag == "s:c" and self._parts and (text := self._shown("".join(self._parts))):
            if self._column >= MOST_COLUMNS:
                raise TableTooLarge(f"more than {MOST_COLUMNS} columns")
            self.cells[self._column] = text
        return tag == "s:row"

    def _begin_cell(self, attributes: Attributes) -> None:
        self._count += 1
        if self._count > MOST_CELLS:
            raise TableTooLarge(f"more than {MOST_CELLS:,} cells")
        match = _REFERENCE.fullmatch(attributes.get("r", ""))
        self._column = column(match.group(1)) if match else self._column + 1
        self._kind = attributes.get("t", "n")
        style = attributes.get("s", "")
        self._style = int(style) if style.isascii() and style.isdigit() and len(style) < 7 else 0
        self._parts = []

    def _shown(self, value: str) -> str:
        if self._kind == "s":
            index = int(value) if value.isascii() and value.isdigit() and len(value) < 9 else -1
            return self.look.strings[index] if 0 <= index < len(self.look.strings) else ""
        if self._kind == "n":
            formats = self.look.formats
            pattern = formats[self._style] if self._style < len(formats) else "General"
            return shown(value.strip(), pattern, since_1904=self.look.since_1904)
        if self._kind == "b":
            return "TRUE" if value.strip() == "1" else "FALSE"
        return "" if self._kind == "e" else value


class _Spread:
    """Repeats the text of merged cells in all of the cells that they cover."""

    def __init__(self, merged: Sequence[Merge]) -> None:
        self._waiting = list(reversed(merged))
        self._open: list[tuple[Merge, str]] = []

    def row(self, number: int, cells: dict[int, str]) -> list[str]:
        """The texts of a row by column, of which `cells` are those that it has itself."""
        alone = len(cells) == 1
        while self._waiting and self._waiting[-1].top <= number:
            merge = self._waiting.pop()
            text = cells.get(merge.left, "") if merge.top == number else ""
            # A text over the whole table is its title, and one over most of the columns is no value of each of them.
            over_all = alone and merge.right > merge.left
            if text and len(text) <= _LONGEST_REPEATED and not over_all and len(self._open) < _MOST_OPEN:
                self._open.append((merge, text))
        self._open = [(merge, text) for merge, text in self._open if merge.bottom >= number]
        own = dict(cells)
        for merge, text in self._open:
            for place in range(merge.left, min(merge.right, merge.left + _WIDEST_MERGE - 1, MOST_COLUMNS - 1) + 1):
                own.setdefault(place, text)
        if not cells and not own:
            return []
        return [own.get(place, "") for place in range(max(own) + 1)]
