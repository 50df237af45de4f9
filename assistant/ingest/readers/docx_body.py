"""Walks through the body of a Word document and hands its paragraphs and tables on.

It knows no file and no package, only the events of one XML part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from assistant.ingest.readers.docx_numbering import Numbering
from assistant.ingest.readers.docx_styles import Style, Styles, is_on
from assistant.ingest.readers.numerals import whole
from assistant.ingest.readers.office_blocks import Cell, OfficeBlocks, Piece, Row, nested, step_label, style_kind
from assistant.ingest.readers.titles import meaningful
from assistant.ingest.readers.xml_events import Attributes, Event, Step, skip
from assistant.types import BlockKind

_SKIPPED_WORDS = """
    w:del w:moveFrom w:rt w:sdtPr w:sdtEndPr w:sectPr w:pPrChange w:rPrChange w:tblPrChange w:trPrChange w:tcPrChange
    w:tblPrExChange w:numberingChange w:sectPrChange mc:Fallback
"""
_SKIPPED = frozenset(_SKIPPED_WORDS.split())
_RENDERED = re.compile(rb"<\w+:lastRenderedPageBreak\b")
_EXPLICIT = re.compile(rb"<\w+:br\b[^<>]{0,80}:type=[\"']page|<\w+:pageBreakBefore\s?/>")
_OVERLAP = 160
# Characters of the fonts Symbol and Wingdings that carry meaning in manuals, by the code that Word stores.
_SYMBOLS = {
    "symbol": {0xA3: "≤", 0xB0: "°", 0xB1: "±", 0xB2: "″", 0xB3: "≥", 0xB4: "×", 0xB8: "÷", 0xB9: "≠", 0xBB: "≈",
               0x44: "Δ", 0x57: "Ω", 0x6D: "µ", 0x70: "π", 0xAE: "→", 0xAC: "←", 0xA5: "∞", 0xD6: "√", 0xB7: "·"},
    "wingdings": {0xFC: "✓", 0xFE: "☑", 0xA8: "☐", 0xE0: "→", 0xDF: "←", 0xF0: "→"},
}  # fmt: skip


class Pages(Enum):
    """Which of its marks tell a document's pages."""

    NONE = "none"
    RENDERED = "rendered"
    """Where pages began when Word last laid the document out."""
    EXPLICIT = "explicit"
    """Breaks that the author put there."""

    @classmethod
    def of(cls, pieces: Iterable[bytes], pages: int) -> Pages:
        """The marks that agree with the number of pages that the document's properties tell.

        A wrong page in a citation is worse than none, so marks that do not agree are not used.
        """
        if not pages:
            return cls.NONE
        rendered = explicit = 0
        tail = b""
        for piece in pieces:
            text = tail + piece
            end = len(text) - _OVERLAP  # what begins later is counted with the next piece
            rendered += sum(match.start() < end for match in _RENDERED.finditer(text))
            explicit += sum(match.start() < end for match in _EXPLICIT.finditer(text))
            tail = text[max(0, end) :]
        rendered += len(_RENDERED.findall(tail))
        explicit += len(_EXPLICIT.findall(tail))
        if rendered:
            return cls.RENDERED if rendered == pages - 1 else cls.NONE
        return cls.EXPLICIT if explicit == pages - 1 else cls.NONE


@dataclass(slots=True)
class _Paragraph:
    style: str
    outline: int | None = None
    number: str | None = None
    level: int | None = None
    parts: list[str] = field(default_factory=list)
    page: int | None = None
    bold: bool = True
    """Whether no run so far has words that are not bold."""
    joined: bool = False
    """Whether its end was deleted, so that it goes on with the next paragraph."""
    pictures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Table:
    rows: list[Row] = field(default_factory=list)
    deleted: bool = False
    """Whether the row in hand was deleted while changes were tracked."""

    @property
    def cell(self) -> Cell | None:
        """The cell in hand."""
        return self.rows[-1].cells[-1] if self.rows and self.rows[-1].cells else None


class Body:
    """What is known in the middle of a document."""

    def __init__(self, blocks: OfficeBlocks, styles: Styles, numbering: Numbering, pages: Pages) -> None:
        self._blocks, self._styles, self._numbering, self._pages = blocks, styles, numbering, pages
        self._page: int | None = None if pages is Pages.NONE else 1
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[_Table] = []
        self._carried: list[str] = []
        self._in_text = self._in_paragraph_properties = self._in_row_properties = False
        self._hidden = self._bold = False
        self.title: str | None = None
        """The paragraph that is set as the document's title, if there is one."""

    def take(self, step: Step, value: str, attributes: Attributes, stream: Iterator[Event]) -> None:
        """Take one event; `stream` is what follows."""
        if step is Step.TEXT:
            if self._in_text:
                self._write(value)
        elif step is Step.LEAVE:
            self._leave(value)
        elif value in _SKIPPED:
            self._skipped(value)
            skip(stream)
        else:
            self._enter(value, attributes)

    def finish(self) -> None:
        """Hand on what is waiting at the end of the document."""
        self._blocks.flush()

    def _skipped(self, tag: str) -> None:
        if tag == "w:del" and self._in_row_properties and self._tables:
            self._tables[-1].deleted = True
        elif tag == "w:del" and self._in_paragraph_properties and self._paragraphs:
            self._paragraphs[-1].joined = True

    def _enter(self, tag: str, attributes: Attributes) -> None:
        if tag == "w:p":
            self._paragraphs.append(_Paragraph(self._styles.default))
        elif tag == "w:r":
            style = self._style()
            self._hidden, self._bold = bool(style.hidden), bool(style.bold)
        elif tag in ("w:t", "m:t"):
            self._in_text = True
        elif tag == "w:pPr":
            self._in_paragraph_properties = True
        elif tag == "w:trPr":
            self._in_row_properties = True
        elif self._in_paragraph_properties:
            self._paragraph_property(tag, attributes)
        elif not self._table(tag, attributes):
            self._inline(tag, attributes)

    def _leave(self, tag: str) -> None:
        if tag in ("w:t", "m:t"):
            self._in_text = False
        elif tag == "w:pPr":
            self._in_paragraph_properties = False
        elif tag == "w:trPr":
            self._in_row_properties = False
        elif tag == "w:p" and self._paragraphs:
            self._end_paragraph(self._paragraphs.pop())
        elif tag == "w:tr" and self._tables:
            if self._tables[-1].deleted and self._tables[-1].rows:
                self._tables[-1].rows.pop()
            self._tables[-1].deleted = False
        elif tag == "w:tbl" and self._tables:
            self._end_table(self._tables.pop())

    def _paragraph_property(self, tag: str, attributes: Attributes) -> None:
        if not self._paragraphs:
            return
        paragraph, value = self._paragraphs[-1], attributes.get("w:val", "")
        if tag == "w:pStyle":
            paragraph.style = value
        elif tag == "w:outlineLvl":
            paragraph.outline = whole(value, 9)
        elif tag == "w:numId":
            paragraph.number = value
        elif tag == "w:ilvl":
            paragraph.level = whole(value, 0)
        elif tag == "w:pageBreakBefore" and self._pages is Pages.EXPLICIT and is_on(attributes):
            self._turn()

    def _table(self, tag: str, attributes: Attributes) -> bool:
        """Take an element that belongs to a table; False where it does not."""
        if tag == "w:tbl":
            self._tables.append(_Table())
            return True
        if not self._tables:
            return False
        table, value = self._tables[-1], attributes.get("w:val", "")
        if tag == "w:tr":
            table.rows.append(Row())
        elif not table.rows:
            return False
        elif tag == "w:tblHeader":
            table.rows[-1].header = is_on(attributes)
        elif tag == "w:gridBefore":
            table.rows[-1].cells.append(Cell(columns=max(1, whole(value, 1))))
        elif tag == "w:tc":
            table.rows[-1].cells.append(Cell())
        elif tag == "w:gridSpan" and table.cell is not None:
            table.cell.columns = max(1, whole(value, 1))
        elif tag == "w:vMerge" and table.cell is not None:
            table.cell.above = value != "restart"
        else:
            return False
        return True

    def _inline(self, tag: str, attributes: Attributes) -> None:
        if tag == "w:b":
            self._bold = is_on(attributes)
        elif tag == "w:vanish":
            self._hidden = is_on(attributes)
        elif tag == "w:br":
            if attributes.get("w:type") == "page" and self._pages is Pages.EXPLICIT:
                self._turn()
            self._write("\n")
        elif tag == "w:lastRenderedPageBreak":
            if self._pages is Pages.RENDERED:
                self._turn()
        elif tag in ("w:tab", "w:ptab", "w:cr"):
            self._write("\n" if tag == "w:cr" else "\t")
        elif tag == "w:noBreakHyphen":
            self._write("-")
        elif tag == "w:sym":
            self._write(_symbol(attributes))
        elif tag == "wp:docPr" and self._paragraphs and (text := meaningful(attributes.get("descr", ""))):
            self._paragraphs[-1].pictures.append(text)

    def _turn(self) -> None:
        if self._page is not None:
            self._page += 1

    def _style(self) -> Style:
        return self._styles.get(self._paragraphs[-1].style if self._paragraphs else "")

    def _write(self, text: str) -> None:
        if not self._paragraphs or self._hidden:
            return
        paragraph = self._paragraphs[-1]
        if text.strip():
            if paragraph.page is None:
                paragraph.page = self._page
            paragraph.bold = paragraph.bold and self._bold
        paragraph.parts.append(text)

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        if paragraph.joined:
            self._carried += paragraph.parts
            return
        text = "".join([*self._carried, *paragraph.parts])
        self._carried = []
        style = self._styles.get(paragraph.style)
        if style.is_contents:
            return
        piece = self._piece(paragraph, style, text)
        piece.bold = paragraph.bold
        self._emit(piece)
        for picture in paragraph.pictures:
            self._emit(Piece(BlockKind.PARAGRAPH, picture, page=paragraph.page))

    def _piece(self, paragraph: _Paragraph, style: Style, text: str) -> Piece:
        page = paragraph.page
        label = self._label(paragraph, style)
        bullet = label == "-"
        outline = style.heading if paragraph.outline is None else (paragraph.outline + 1) % 10
        if style.is_title and self.title is None and text.strip() and not self._tables:
            self.title = text
            return Piece(BlockKind.HEADING, text, 1, page)
        if outline and text.strip() and not self._tables:
            shown = text if bullet else f"{label} {text}"
            return Piece(BlockKind.HEADING, shown, min(6, outline + (self.title is not None)), page)
        if label and text.strip():
            level = min(paragraph.level if paragraph.level is not None else style.level or 0, 8)
            kind = BlockKind.LIST_ITEM if bullet else BlockKind.STEP
            return Piece(kind, f"{label if bullet else step_label(label)} {text.strip()}", level, page)
        return Piece(style_kind(style.name, text), text, page=page)

    def _label(self, paragraph: _Paragraph, style: Style) -> str:
        """The number or bullet in front of a paragraph: "-" for any bullet, "" for none."""
        number = style.number if paragraph.number is None else paragraph.number
        if not number or number == "0":
            return ""
        level = paragraph.level
        if level is None:
            level = self._numbering.level_of_style(number, paragraph.style)
        found = self._numbering.next(number, level if level is not None else style.level or 0)
        if found is None:
            return ""
        definition, label = found
        return "-" if definition.format == "bullet" else label.strip()

    def _emit(self, piece: Piece) -> None:
        if not self._tables:
            self._blocks.add(piece)
            return
        table = self._tables[-1]
        if table.cell is not None:
            table.cell.pieces.append(piece)
        if table.rows and table.rows[-1].page is None:
            table.rows[-1].page = piece.page

    def _end_table(self, table: _Table) -> None:
        if self._tables:
            self._emit(nested(table.rows))
        else:
            self._blocks.table(table.rows)


def _symbol(attributes: Attributes) -> str:
    """The character that stands for one of a symbol font."""
    try:
        code = int(attributes.get("w:char", ""), 16)
    except ValueError:
        return ""
    font = attributes.get("w:font", "").casefold()
    code = code - 0xF000 if 0xF000 <= code <= 0xF0FF else code
    known = next((table for prefix, table in _SYMBOLS.items() if font.startswith(prefix)), None)
    if known is not None:
        return known.get(code, "")
    return chr(code) if 0x20 <= code < 0x3000 else ""
