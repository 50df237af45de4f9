"""Reads an HTML table as rows of cell texts.

It knows neither blocks nor documents. Cells that span rows are repeated in each, so that every row can be understood by
itself; cells that span columns leave blanks, so that the columns stay under their headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from assistant.ingest.cleaning import one_line
from assistant.ingest.readers.html_tree import Event, Step, walk

_WIDEST = 64
"""Columns; a span that claims more is cut."""
_LONGEST_REPEATED = 200
"""Characters of a cell that is repeated in the rows it spans."""
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BREAKS = frozenset({"br", "p", "div", "li", "dt", "dd", "tr", "pre", "ul", "ol"})


@dataclass(slots=True)
class Row:
    """One row of a table."""

    cells: list[str] = field(default_factory=list)
    header: bool = False


@dataclass(slots=True)
class Table:
    """A table's caption and rows."""

    caption: str = ""
    rows: list[Row] = field(default_factory=list)
    menu: bool = False
    """Whether it is a single row of links."""


def is_layout(table: LexborNode) -> bool:
    """Whether a table arranges a page instead of showing data.

    It holds headings or other tables, or is a single row around preformatted text.
    """
    rows, preformatted = 0, False
    for step, _, tag in walk(table):
        if step is Step.ENTER:
            if tag == "table" or tag in _HEADINGS:
                return True
            rows += tag == "tr"
            preformatted = preformatted or tag == "pre"
    return preformatted and rows <= 1


def read_table(events: Iterator[Event]) -> Table:
    """Read the table whose ENTER was the latest of `events`, up to and including its LEAVE."""
    reader = _TableReader()
    for step, node, value in events:
        if step is Step.TEXT:
            reader.text(value)
        elif step is Step.ENTER:
            reader.enter(node, value)
        elif value == "table":
            break
        else:
            reader.leave(value)
    return reader.finish()


class _TableReader:
    """What is known in the middle of a table."""

    def __init__(self) -> None:
        self.table = Table()
        self._into: list[str] | None = None
        self._row: Row | None = None
        self._heads = 0
        self._in_head = False
        self._span = (1, 1)
        self._links = 0
        self._unlinked = False
        self._held: dict[int, tuple[int, str]] = {}
        """Column -> rows for which a spanning cell still stands there, and its text."""

    def finish(self) -> Table:
        """The table, without the columns that are blank before its first text."""
        self.leave("tr")
        rows = self.table.rows
        while rows and not any(row.cells[0] for row in rows):
            for row in rows:
                del row.cells[0]
        self.table.menu = len(rows) == 1 and not self._unlinked
        return self.table

    def text(self, text: str) -> None:
        if self._into is not None:
            self._into.append(text)
            self._unlinked = self._unlinked or (not self._links and any(map(str.isalnum, text)))

    def enter(self, node: LexborNode, tag: str) -> None:
        if tag == "tr":
            self.leave("tr")
            self._row, self._heads = Row(), 0
        elif tag in ("td", "th"):
            self._row = self._row or Row()
            self._into = []
            self._heads += tag == "th"
            self._span = (_span(node, "rowspan", 1_000), _span(node, "colspan", _WIDEST))
        elif tag == "caption":
            self._into = []
        elif tag == "thead":
            self._in_head = True
        elif tag in _BREAKS:
            self.text(" ")
        self._links += tag == "a"

    def leave(self, tag: str) -> None:
        self._links -= tag == "a"
        if tag in ("td", "th"):
            self._end_cell()
        elif tag == "caption":
            self.table.caption = one_line("".join(self._into or []))
            self._into = None
        elif tag == "thead":
            self._in_head = False
        elif tag == "tr" and self._row is not None:
            self._fill()
            if any(self._row.cells):
                filled = sum(1 for cell in self._row.cells if cell)
                self._row.header = self._in_head or (self._heads >= filled and self._heads > 0)
                self.table.rows.append(self._row)
            self._row = None

    def _end_cell(self) -> None:
        text = one_line("".join(self._into or []))
        self._into = None
        if self._row is None:
            return
        self._fill()
        rows, columns = self._span
        for column in range(columns):
            if len(self._row.cells) >= _WIDEST:
                return
            if rows > 1:
                repeated = text if column == 0 and len(text) <= _LONGEST_REPEATED else ""
                self._held[len(self._row.cells)] = (rows - 1, repeated)
            self._row.cells.append(text if column == 0 else "")

    def _fill(self) -> None:
        """Repeat the cells from rows above that reach into this one, as far as the next free column."""
        assert self._row is not None
        while (held := self._held.pop(len(self._row.cells), None)) is not None:
            rows, text = held
            if rows > 1:
                self._held[len(self._row.cells)] = (rows - 1, text)
            self._row.cells.append(text)


def _span(node: LexborNode, name: str, most: int) -> int:
    value = node.attributes.get(name) or ""
    return max(1, min(int(value), most)) if value.isascii() and value.isdigit() and len(value) < 9 else 1
