"""Makes paragraphs, list items, headings and tables of the lines of a PDF, page after page.

Pure but for the builder it fills: it knows nothing of PDFium. A block that goes on behind a page break keeps the page
on which it began.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.marks import ListMark, is_warning, list_mark, prose_kind
from assistant.ingest.readers.pdf_grids import join_lines
from assistant.ingest.readers.pdf_styles import Styles
from assistant.ingest.readers.pdf_words import Line, Table
from assistant.types import BlockKind

_LEADERS = re.compile(r"(?:\s\.){2,}\s*\S{0,6}$|\.{4,}\s*\S{0,6}$|(?:…\s?){2,}\S{0,6}$")
_CONTENTS = re.compile(r"(?:table of )?contents|inhalt(?:sverzeichnis)?|sommaire", re.IGNORECASE)
_ENDS = re.compile(r"[.!?:;…。][\"'”’»)\]]*$")
_ALONE = re.compile(r"[\W_]*\w+[\W_]*")
_NEAR = 4.0
_MOST_HEADING_LINES = 3
_MOST_LINES = 400
"""Lines of one block; a page without a gap between its lines is cut here rather than held for ever."""


@dataclass(slots=True)
class _Open:
    """A block whose end has not been seen."""

    kind: BlockKind
    page: int
    last: Line
    mark: ListMark | None = None
    mark_x: float = 0.0
    text_x: float = 0.0
    level: int = 0
    texts: list[str] = field(default_factory=list)
    indents: list[float] = field(default_factory=list)
    crossed: bool = False
    """Whether a page or column has ended since its last line."""


class Flow:
    """Turns lines into blocks of a builder."""

    def __init__(self, builder: DocumentBuilder, styles: Styles) -> None:
        self._builder = builder
        self._styles = styles
        self._open: _Open | None = None
        self._page = 1
        self._right: dict[int, float] = {}
        self._left: dict[int, float] = {}
        self._item_x: list[float] = []
        """Where the marks of the lists that are open stand, outermost first."""
        self._signal = ""
        """A warning word on a line of its own, whose text is still to come."""
        self._table: Table | None = None
        """The table that the latest block belongs to."""

    def add_page(self, number: int, lines: Sequence[Line]) -> None:
        """Append the lines of one page, in reading order."""
        self._page = number
        columns = {line.column for line in lines}
        self._right = {column: max(line.x1 for line in lines if line.column == column) for column in columns}
        self._left = {column: min(line.x0 for line in lines if line.column == column) for column in columns}
        if self._open is not None:
            self._open.crossed = True
        before: Line | None = None
        for line in lines:
            self._line(line, before)
            before = line

    def finish(self) -> None:
        """Append what is still open."""
        self._flush()
        self._flush_signal()

    def _line(self, line: Line, before: Line | None) -> None:
        if line.table is not None:
            self._flush()
            self._add_table(line.table)
            return
        text = line.text
        if not any(map(str.isalnum, text)):  # ornaments
            return
        if _LEADERS.search(text):  # an entry of a table of contents
            self._flush()
            return
        same_column = before is not None and before.column == line.column and before.y > line.y
        bottom = (before.bottom if before.table else before.y) if before is not None else 0.0
        gap = bottom - line.y if same_column else None
        if not same_column and self._open is not None:
            self._open.crossed = True
        if level := self._styles.heading_level(line, self._page, self._room_above(line, gap)):
            self._heading(line, text, level, gap)
        elif line.mono and not self._runs_on(line, text, gap):
            self._code(line, gap)
        else:
            self._body(line, text, gap)

    def _room_above(self, line: Line, gap: float | None) -> float | None:
        """The gap above a line; None, as for the first line of a page, where it may begin something new anyway."""
        held = self._open
        ended = held is not None and held.mark is None and self._ended(held) and not held.last.bold
        return None if ended and self._short(line) else gap

    def _runs_on(self, line: Line, text: str, gap: float | None) -> bool:
        """Whether a line in the font of code only ends a sentence of the paragraph in hand."""
        held = self._open
        prose = held is not None and held.kind is not BlockKind.CODE and not self._ended(held)
        return prose and gap is not None and self._continues(line, text, gap)

    def _heading(self, line: Line, text: str, level: int, gap: float | None) -> None:
        held = self._open
        goes_on = (
            held is not None
            and held.kind is BlockKind.HEADING
            and gap is not None
            and gap <= 1.7 * line.size
            and held.last.size == line.size
            and held.last.bold == line.bold
            and list_mark(text) is None
            and not re.match(r"\d+(?:\.\d+)*\s", text)
        )
        if goes_on and held is not None:
            held.texts.append(text)
            held.last = line
        else:
            self._begin(BlockKind.HEADING, line, text)
            assert self._open is not None
            self._open.level = level

    def _code(self, line: Line, gap: float | None) -> None:
        held = self._open
        if held is None or held.kind is not BlockKind.CODE or gap is None or gap > 2.5 * line.size:
            self._begin(BlockKind.CODE, line, "")
            held = self._open
            assert held is not None
            held.texts.clear()
        spaced = ""
        end = line.x0
        for word in line.words:
            spaced += " " * max(bool(spaced), round((word.x0 - end) / (0.6 * line.size))) + word.text
            end = word.x1
        held.texts.append(spaced)
        held.indents.append(line.x0 / (0.6 * line.size))
        held.last, held.crossed = line, False

    def _body(self, line: Line, text: str, gap: float | None) -> None:
        mark = list_mark(text)
        if mark is not None and self._begins_item(line, gap):
            self._begin(mark.kind, line, text[mark.length :])
            assert self._open is not None
            self._open.mark, self._open.mark_x = mark, line.x0
            self._open.text_x = next((word.x0 for word in line.words[1:]), line.x0)
            self._open.level = self._item_level(line.x0)
        elif self._continues(line, text, gap):
            assert self._open is not None
            self._open.texts.append(text)
            self._open.last, self._open.crossed = line, False
        else:
            self._begin(BlockKind.PARAGRAPH, line, text)

    def _begins_item(self, line: Line, gap: float | None) -> bool:
        """Whether a mark at the beginning of a line is one, and not a number or dash that a line break put there."""
        held = self._open
        if held is None or held.kind in (BlockKind.HEADING, BlockKind.CODE):
            return True
        if held.mark is not None:
            return abs(line.x0 - held.mark_x) <= _NEAR or abs(line.x0 - held.text_x) > 1 or self._ended(held)
        return gap is None or self._is_gap(line, gap) or self._ended(held) or abs(line.x0 - held.text_x) > _NEAR

    def _continues(self, line: Line, text: str, gap: float | None) -> bool:
        """Whether a line goes on with the block in hand."""
        held = self._open
        if held is None or held.kind in (BlockKind.HEADING, BlockKind.CODE) or len(held.texts) >= _MOST_LINES:
            return False
        if abs(held.last.size - line.size) > 1.1 or (is_warning(text) and line.words[0].bold):
            return False
        if held.crossed or gap is None:
            return not _ENDS.search(held.texts[-1]) and not (text[:1].isupper() and self._short(held.last))
        if self._is_gap(line, gap):
            return False
        if held.mark is not None:
            hangs = line.x0 > held.mark_x + 2
            return hangs or not self._short(held.last)
        if self._short(held.last) and _ENDS.search(held.texts[-1]) and not text[:1].islower():
            return False
        indented = line.x0 > held.text_x + _NEAR and abs(line.x0 - held.last.x0) > _NEAR
        hanging = len(held.texts) == 1 and not self._ended(held) and not self._short(held.last)
        return not indented or hanging or text[:1].islower()

    def _is_gap(self, line: Line, gap: float) -> bool:
        return gap > 1.28 * self._styles.leading * max(line.size, 0.8 * self._styles.body)

    def _short(self, line: Line) -> bool:
        """Whether a line ends well before the edge of its column."""
        left, right = self._left.get(line.column, line.x0), self._right.get(line.column, line.x1)
        return line.x1 < right - 0.2 * (right - left)

    @staticmethod
    def _ended(held: _Open) -> bool:
        return bool(held.texts) and _ENDS.search(held.texts[-1]) is not None

    def _item_level(self, x: float) -> int:
        while self._item_x and self._item_x[-1] > x + _NEAR:
            self._item_x.pop()
        if not self._item_x or self._item_x[-1] < x - _NEAR:
            self._item_x.append(x)
        return min(len(self._item_x) - 1, 5)

    def _begin(self, kind: BlockKind, line: Line, text: str) -> None:
        self._flush()
        if kind not in (BlockKind.STEP, BlockKind.LIST_ITEM):
            self._item_x.clear()
        self._open = _Open(kind, self._page, line, text_x=line.x0, texts=[text])

    def _flush(self) -> None:
        """Append the block in hand."""
        held, self._open = self._open, None
        if held is None:
            return
        kind, text = held.kind, join_lines(held.texts)
        if kind is BlockKind.CODE:
            left = min(held.indents)
            pairs = zip(held.indents, held.texts, strict=True)
            text = "\n".join(" " * round(indent - left) + line for indent, line in pairs)
        elif kind is BlockKind.HEADING and len(held.texts) > _MOST_HEADING_LINES:
            kind, held.level = prose_kind(text), 0
        elif kind is BlockKind.HEADING and _CONTENTS.fullmatch(text):
            return
        elif held.mark is not None:
            text = f"{held.mark.label} {text}"
        elif kind is BlockKind.PARAGRAPH:
            if is_warning(text) and _ALONE.fullmatch(text):
                self._flush_signal()
                self._signal = text
                return
            text, self._signal = f"{self._signal} {text}".lstrip(), ""
            kind = prose_kind(text)
        self._flush_signal()
        self._table = None
        self._builder.add(kind, text, level=held.level, page=held.page)

    def _flush_signal(self) -> None:
        if self._signal:
            self._builder.add(BlockKind.WARNING, self._signal, page=self._page)
            self._signal = ""

    def _add_table(self, table: Table) -> None:
        """Append a table, or what a page adds to the one in hand: a header that comes again is left out."""
        self._flush_signal()
        rows, heads = table.rows, table.header_rows
        first = self._table
        if first is not None and rows[0] == first.rows[0]:
            rows = rows[max(heads, 1) :]
            heads = 0
        else:
            self._table = table
        for index, row in enumerate(rows):
            self._builder.add_row(row, header=index < heads, page=self._page)
