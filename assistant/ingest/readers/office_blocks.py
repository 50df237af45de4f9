"""What a text document of an office program is made of, and how it becomes blocks.

It knows neither DOCX nor ODT: their readers say what stands where, and this module decides what a table's rows are, so
that the same table is read alike in both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import dedent

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.cleaning import one_line
from assistant.ingest.marks import is_warning, prose_kind
from assistant.ingest.readers.columns import looks_like_names
from assistant.types import BlockKind

WIDEST = 64
"""Columns of a table; what stands further right is joined to the last."""
LONGEST_REPEATED = 200
"""Characters of a cell that is repeated in the rows that it spans."""
_WARNING_STYLE = re.compile(r"\b(?:warning|caution|danger|warnung|vorsicht|gefahr|achtung)", re.IGNORECASE)
_CODE_STYLE = re.compile(r"\b(?:source code|code|listing|preformatted|quelltext|macro text)\b", re.IGNORECASE)
_LEADING_WORD = re.compile(r"(?:step|schritt)\s+(?=[\w(])", re.IGNORECASE)
_LABEL = re.compile(r"\W*(\w+(?:[.\-]\w+)*)\W*")


@dataclass(slots=True)
class Piece:
    """One paragraph."""

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None
    bold: bool = False
    """Whether all of its words are set in bold."""
    rows: Sequence[Row] = ()
    """Of a table that stands in a cell; `text` is then all of its cells."""


@dataclass(slots=True)
class Cell:
    """One cell of a table."""

    pieces: list[Piece] = field(default_factory=list)
    columns: int = 1
    """How many columns it takes."""
    above: bool = False
    """Whether it only continues the cell above."""
    rows: int = 1
    """How many rows it takes, where the format says so."""

    @property
    def text(self) -> str:
        """All of its paragraphs in one line."""
        return one_line(" ".join(piece.text for piece in self.pieces))


@dataclass(slots=True)
class Row:
    """One row of a table."""

    cells: list[Cell] = field(default_factory=list)
    header: bool = False
    """Whether the format says that it is a header."""
    page: int | None = None


def style_kind(name: str, text: str) -> BlockKind:
    """The kind of a plain paragraph, told from the name of its style and from its words."""
    if _WARNING_STYLE.search(name):
        return BlockKind.WARNING
    return BlockKind.CODE if _CODE_STYLE.search(name) else prose_kind(text)


def step_label(shown: str) -> str:
    """What a numbered step's text begins with: "3." for a list that shows "3)", "(3)" or "Step 3:"."""
    match = _LABEL.fullmatch(_LEADING_WORD.sub("", shown.strip(), count=1))
    return f"{match.group(1)}." if match else shown.strip()


def nested(rows: Sequence[Row]) -> Piece:
    """A table that stands in a cell of another one."""
    lines = ["; ".join(cell.text for cell in row.cells if cell.text) for row in rows]
    page = next((row.page for row in rows if row.page is not None), None)
    return Piece(BlockKind.PARAGRAPH, " ".join(lines), page=page, rows=rows)


class OfficeBlocks:
    """Appends paragraphs and tables to a builder; lines of code that follow each other are one block."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._code: list[Piece] = []

    def add(self, piece: Piece) -> None:
        """Append a paragraph, or a table that stood in a frame."""
        if piece.rows:
            self.table(piece.rows)
            return
        if piece.kind is BlockKind.CODE:
            self._code.append(piece)
            return
        if one_line(piece.text):
            self.flush()
            self._builder.add(piece.kind, piece.text, level=piece.level, page=piece.page)

    def flush(self) -> None:
        """Append the lines of code that are waiting."""
        if self._code:
            page = self._code[0].page
            text = dedent("\n".join(piece.text for piece in self._code)).strip()
            self._builder.add(BlockKind.CODE, text, page=page)
            self._code.clear()

    def table(self, rows: Sequence[Row]) -> None:
        """Append a table; a frame around text is read as that text."""
        self.flush()
        filled = [row for row in rows if any(cell.text for cell in row.cells)]
        if all(sum(bool(cell.text) for cell in row.cells) <= 1 for row in filled):
            for piece in (piece for row in filled for cell in row.cells for piece in cell.pieces):
                self.add(piece)
            self.flush()
        elif (notice := _notice(filled)) is not None:
            self._builder.add(BlockKind.WARNING, notice, page=filled[0].page)
        else:
            self._rows(rows)

    def _rows(self, rows: Sequence[Row]) -> None:
        texts = _grid(rows)
        used = max((index + 1 for line in texts for index, text in enumerate(line) if text), default=0)
        unused = {column for column in range(used) if not any(line[column] for line in texts if column < len(line))}
        header = _has_names(rows, texts)
        for number, (row, line) in enumerate(zip(rows, texts, strict=True)):
            cells = [text for column, text in enumerate(line[:used]) if column not in unused]
            self._builder.add_row(cells, header=row.header or (header and number == 0), page=row.page)


def _grid(rows: Sequence[Row]) -> list[list[str]]:
    """The texts of the cells by column: what spans rows stands in each of them, what spans columns in the first."""
    lines: list[list[str]] = []
    held: dict[int, tuple[int, str]] = {}
    above: list[str] = []
    for row in rows:
        line: list[str] = []
        for cell in row.cells:
            _fill(line, held)
            text = cell.text
            if cell.above and len(line) < len(above):
                text = above[len(line)]
            repeated = text if len(text) <= LONGEST_REPEATED else ""
            for number in range(min(cell.columns, WIDEST - len(line))):
                if cell.rows > 1:
                    held[len(line)] = (cell.rows - 1, repeated if number == 0 else "")
                line.append(text if number == 0 else "")
            if len(line) >= WIDEST and line[-1] != text:
                line[-1] = f"{line[-1]} {text}".strip()
        _fill(line, held)
        lines.append(line)
        above = [text if len(text) <= LONGEST_REPEATED else "" for text in line]
    return lines


def _fill(line: list[str], held: dict[int, tuple[int, str]]) -> None:
    """Repeat the cells from rows above that reach into this one, as far as the next free column."""
    while (one := held.pop(len(line), None)) is not None:
        if one[0] > 1:
            held[len(line)] = (one[0] - 1, one[1])
        line.append(one[1])


def _has_names(rows: Sequence[Row], texts: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns, although the format does not say so."""
    if len(rows) < 2 or any(row.header for row in rows) or not looks_like_names(texts[0]):
        return False
    bold = all(piece.bold for cell in rows[0].cells for piece in cell.pieces if piece.text.strip())
    bold_below = all(piece.bold for cell in rows[1].cells for piece in cell.pieces if piece.text.strip())
    return (bold and not bold_below) or len(texts[0]) > 2


def _notice(rows: Sequence[Row]) -> str | None:
    """The text of a table that frames a safety notice: a signal word in one cell, the words in the other."""
    if len(rows) != 1:
        return None
    texts = [cell.text for cell in rows[0].cells if cell.text]
    if len(texts) != 2 or len(texts[0]) > 30:
        return None
    word = texts[0].rstrip(":!")
    return f"{word}: {texts[1]}" if is_warning(f"{word}:") else None
