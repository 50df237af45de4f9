"""Walks through the text of an OpenDocument file and hands its paragraphs and tables on.

It knows no file and no package, only the events of one XML part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from assistant.ingest.readers.numerals import whole
from assistant.ingest.readers.odt_styles import ListLevel, Styles, label
from assistant.ingest.readers.office_blocks import (
    WIDEST,
    Cell,
    OfficeBlocks,
    Piece,
    Row,
    nested,
    step_label,
    style_kind,
)
from assistant.ingest.readers.titles import meaningful
from assistant.ingest.readers.xml_events import Attributes, Event, Step, skip
from assistant.types import BlockKind

_SKIPPED_WORDS = """
    text:tracked-changes text:note text:note-citation office:annotation office:annotation-end office:forms
    text:table-of-content text:alphabetical-index text:illustration-index text:table-index text:user-index
    text:object-index text:bibliography text:ruby-text text:hidden-paragraph text:hidden-text text:sequence-decls
    text:variable-decls text:user-field-decls office:event-listeners draw:object draw:image draw:plugin math:math
    text:page-number text:page-count office:settings text:dde-connection-decls
"""
_SKIPPED = frozenset(_SKIPPED_WORDS.split())
_MOST_SPACES = 100
_MOST_REPEATED_ROWS = 20
"""Rows that say they stand there many times over; an empty sheet claims a million."""


@dataclass(slots=True)
class _Paragraph:
    style: str
    heading: int = 0
    numbered: bool = True
    """Whether a heading takes part in the numbering of headings."""
    parts: list[str] = field(default_factory=list)
    page: int | None = None
    bold: bool = True
    spans: list[str] = field(default_factory=list)
    """Styles of the spans that are open."""
    pictures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _List:
    style: str
    mark: str | None = None
    """What the next paragraph of the item in hand begins with: "-" or a number; None once it is used."""


class Body:
    """What is known in the middle of a document."""

    def __init__(self, blocks: OfficeBlocks, styles: Styles, *, paged: bool) -> None:
        """`paged` says whether the marks of the text tell its pages."""
        self._blocks, self._styles = blocks, styles
        self._page: int | None = 1 if paged else None
        self._paragraphs: list[_Paragraph] = []
        self._tables: list[list[Row]] = []
        self._heads = 0
        self._lists: list[_List] = []
        self._counts: dict[str, dict[int, int]] = {}
        self._outline: dict[int, int] = {}
        self._describing = False
        self._description: list[str] = []
        self.title: str | None = None
        """The paragraph that is set as the document's title, if there is one."""

    def take(self, step: Step, value: str, attributes: Attributes, stream: Iterator[Event]) -> None:
        """Take one event; `stream` is what follows."""
        if step is Step.TEXT:
            if self._describing:
                self._description.append(value)
            elif self._paragraphs:
                self._write(value)
        elif step is Step.LEAVE:
            self._leave(value)
        elif value in _SKIPPED or attributes.get("text:display") == "none":
            skip(stream)
        else:
            self._enter(value, attributes)

    def finish(self) -> None:
        """Hand on what is waiting at the end of the document."""
        self._blocks.flush()

    def _enter(self, tag: str, attributes: Attributes) -> None:
        if tag in ("text:p", "text:h"):
            self._begin_paragraph(tag, attributes)
        elif tag == "text:span" and self._paragraphs:
            self._paragraphs[-1].spans.append(attributes.get("text:style-name", ""))
        elif tag == "text:s":
            self._write(" " * max(1, min(whole(attributes.get("text:c", ""), 1), _MOST_SPACES)))
        elif tag in ("text:tab", "text:line-break"):
            self._write("\t" if tag == "text:tab" else "\n")
        elif tag == "text:soft-page-break":
            self._turn()
        elif tag == "text:list":
            self._begin_list(attributes)
        elif tag == "text:list-item":
            self._begin_item(attributes)
        elif tag in ("svg:desc", "svg:title"):
            self._describing, self._description = True, []
        else:
            self._table(tag, attributes)

    def _leave(self, tag: str) -> None:
        if tag in ("text:p", "text:h") and self._paragraphs:
            self._end_paragraph(self._paragraphs.pop())
        elif tag == "text:span" and self._paragraphs and self._paragraphs[-1].spans:
            self._paragraphs[-1].spans.pop()
        elif tag == "text:list" and self._lists:
            self._lists.pop()
        elif tag == "text:list-item" and self._lists:
            self._lists[-1].mark = None
        elif tag in ("svg:desc", "svg:title"):
            self._describing = False
            if tag == "svg:desc" and self._paragraphs and (text := meaningful("".join(self._description))):
                self._paragraphs[-1].pictures.append(text)
        elif tag == "table:table-header-rows":
            self._heads = max(0, self._heads - 1)
        elif tag == "table:table" and self._tables:
            self._end_table(self._tables.pop())

    def _begin_paragraph(self, tag: str, attributes: Attributes) -> None:
        style = attributes.get("text:style-name", "")
        heading = max(1, min(whole(attributes.get("text:outline-level", ""), 1), 9)) if tag == "text:h" else 0
        numbered = attributes.get("text:is-list-header") != "true"
        self._paragraphs.append(_Paragraph(style, heading, numbered))

    def _begin_list(self, attributes: Attributes) -> None:
        style = attributes.get("text:style-name") or (self._lists[-1].style if self._lists else "")
        continues = attributes.get("text:continue-numbering") == "true" or "text:continue-list" in attributes
        if not self._lists and not continues:
            self._counts.pop(style, None)
        self._lists.append(_List(style))

    def _begin_item(self, attributes: Attributes) -> None:
        if not self._lists:
            return
        here, level = self._lists[-1], len(self._lists)
        counts = self._counts.setdefault(here.style, {})
        levels = self._styles.lists.get(here.style, {})
        start = attributes.get("text:start-value")
        _count(counts, levels, level, whole(start, 1) if start is not None else None)
        shown = label(levels, level, counts)
        here.mark = "-" if shown is None else step_label(shown) if shown else ""

    def _table(self, tag: str, attributes: Attributes) -> None:
        if tag == "table:table":
            self._tables.append([])
        elif tag == "table:table-header-rows":
            self._heads += 1
        elif not self._tables:
            return
        elif tag == "table:table-row":
            self._tables[-1].append(Row(header=self._heads > 0))
        elif tag in ("table:table-cell", "table:covered-table-cell") and self._tables[-1]:
            self._cells(self._tables[-1][-1], tag, attributes)

    def _cells(self, row: Row, tag: str, attributes: Attributes) -> None:
        if tag == "table:covered-table-cell":
            return  # what covers it says how far it reaches
        repeated = whole(attributes.get("table:number-columns-repeated", ""), 1)
        for _ in range(max(0, min(repeated - 1, WIDEST - len(row.cells)))):
            row.cells.append(Cell())
        columns = max(1, min(whole(attributes.get("table:number-columns-spanned", ""), 1), WIDEST))
        rows = max(1, min(whole(attributes.get("table:number-rows-spanned", ""), 1), 1_000))
        row.cells.append(Cell(columns=columns, rows=rows))

    def _turn(self) -> None:
        if self._page is not None:
            self._page += 1

    def _write(self, text: str) -> None:
        if not self._paragraphs:
            return
        paragraph = self._paragraphs[-1]
        if any(self._styles.hidden(style) for style in paragraph.spans):
            return
        if text.strip():
            if paragraph.page is None:
                paragraph.page = self._page
            chosen = [self._styles.bold(style) for style in (paragraph.style, *paragraph.spans)]
            paragraph.bold = paragraph.bold and next((bold for bold in reversed(chosen) if bold is not None), False)
        paragraph.parts.append(text)

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        if self._styles.hidden(paragraph.style):
            return
        piece = self._piece(paragraph, "".join(paragraph.parts))
        piece.bold = paragraph.bold
        if self._tables and self._tables[-1] and self._styles.is_named(paragraph.style, "Table_20_Heading"):
            piece.bold = True
        self._emit(piece)
        for picture in paragraph.pictures:
            self._emit(Piece(BlockKind.PARAGRAPH, picture, page=paragraph.page))

    def _piece(self, paragraph: _Paragraph, text: str) -> Piece:
        page, style = paragraph.page, paragraph.style
        if self.title is None and text.strip() and not self._tables and self._styles.is_named(style, "Title"):
            self.title = text
            return Piece(BlockKind.HEADING, text, 1, page)
        if paragraph.heading and not self._tables:
            shown = self._heading_number(paragraph) if text.strip() else ""
            level = min(6, paragraph.heading + (self.title is not None))
            return Piece(BlockKind.HEADING, f"{shown} {text}", level, page)
        mark = self._lists[-1].mark if self._lists else None
        if mark is not None and text.strip():
            self._lists[-1].mark = None
            kind = BlockKind.LIST_ITEM if mark == "-" else BlockKind.STEP
            if mark:
                return Piece(kind, f"{mark} {text.strip()}", len(self._lists) - 1, page)
        return Piece(style_kind(self._styles.names(style), text), text, page=page)

    def _heading_number(self, paragraph: _Paragraph) -> str:
        if not paragraph.numbered:
            return ""
        if self._lists and self._lists[-1].mark is not None:  # a heading that is numbered as an item of a list
            mark, self._lists[-1].mark = self._lists[-1].mark, None
            return "" if mark == "-" else mark
        _count(self._outline, self._styles.outline, paragraph.heading, None)
        return label(self._styles.outline, paragraph.heading, self._outline) or ""

    def _emit(self, piece: Piece) -> None:
        if not self._tables:
            self._blocks.add(piece)
            return
        rows = self._tables[-1]
        if rows and rows[-1].cells:
            rows[-1].cells[-1].pieces.append(piece)
            if rows[-1].page is None:
                rows[-1].page = piece.page

    def _end_table(self, rows: list[Row]) -> None:
        if self._tables:
            self._emit(nested(rows))
        else:
            self._blocks.table(rows)


def _count(counts: dict[int, int], levels: dict[int, ListLevel], level: int, start: int | None) -> None:
    """Count one item of `level`; what is deeper begins anew."""
    here = levels.get(level)
    if start is not None:
        counts[level] = start
    elif level in counts:
        counts[level] += 1
    else:
        counts[level] = here.start if here is not None else 1
    for deeper in [number for number in counts if number > level]:
        del counts[deeper]
