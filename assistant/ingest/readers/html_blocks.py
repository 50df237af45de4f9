"""Turns a part of an HTML page into blocks.

It knows neither files nor encodings; Markdown's embedded HTML comes through here as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.cleaning import one_line
from assistant.ingest.marks import is_warning, prose_kind
from assistant.ingest.readers.html_tables import is_layout, read_table
from assistant.ingest.readers.html_tree import Event, Step, is_warning_box, main_content, parse, walk
from assistant.types import BlockKind

_INLINE_WORDS = """
    a abbr b bdi bdo big cite code data dfn em font i img kbd label mark nobr output q ruby samp small span
    strong sub sup time tt u var wbr ins acronym picture
"""
_INLINE = frozenset(_INLINE_WORDS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DEEPEST_LAYOUT = 6
"""Tables inside each other beyond which none is looked into before it is taken as layout."""


def add_html(builder: DocumentBuilder, html: str) -> None:
    """Append the blocks of an HTML fragment or page."""
    root = main_content(parse(html))
    if root is not None:
        HtmlBlocks(builder).add(root)


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int = 1
    letters: bool = False

    def mark(self) -> str:
        """What the next item's text begins with."""
        if not self.ordered:
            return "-"
        self.number += 1
        number = self.number - 1
        return f"{chr(96 + number)}." if self.letters and 1 <= number <= 26 else f"{number}."


class HtmlBlocks:
    """Appends what a walk through a page meets to a builder."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._words: list[str] = []
        self._lists: list[_List] = []
        self._mark = ""
        """Bullet or number of a list item whose text has not come yet."""
        self._terms: list[str] = []
        """Terms of a definition list whose definition has not come yet."""
        self._heading = 0
        self._pre = 0
        self._layouts = 0
        self._boxes: list[bool] = []
        """For each open block element: whether it is, or began as, a safety notice."""

    def add(self, root: LexborNode) -> None:
        """Append all blocks inside `root`."""
        events = walk(root)
        for step, node, value in events:
            if step is Step.TEXT:
                self._words.append(value)
            elif step is Step.ENTER and value == "table":
                self._table(node, events)
            elif value == "br":
                self._words.append("\n")
            elif value not in _INLINE:
                self._enter(node, value) if step is Step.ENTER else self._leave(value)
        self._flush()
        self._flush_terms()

    def _enter(self, node: LexborNode, tag: str) -> None:
        self._flush()
        self._boxes.append(is_warning_box(node, tag))
        if tag in _HEADINGS:
            self._heading = _HEADINGS[tag]
        elif tag == "pre":
            self._flush_terms()
            self._pre += 1
        elif tag in ("ul", "ol"):
            self._flush_terms()
            start = node.attributes.get("start") or ""
            number = int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1
            self._lists.append(_List(tag == "ol", number, (node.attributes.get("type") or "") in ("a", "A")))
        elif tag == "li" and self._lists:
            value = node.attributes.get("value") or ""
            if value.isascii() and value.isdigit() and len(value) < 6:
                self._lists[-1].number = int(value)
            self._mark = self._lists[-1].mark()

    def _leave(self, tag: str) -> None:
        if tag == "dt":
            if term := one_line("".join(self._words)).rstrip(":"):
                self._terms.append(term)
            self._words.clear()
        self._flush()
        if self._boxes:
            self._boxes.pop()
        if tag in _HEADINGS:
            self._heading = 0
        elif tag == "pre":
            self._pre = max(0, self._pre - 1)
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._mark = ""
        elif tag == "table":
            self._layouts = max(0, self._layouts - 1)
        elif tag in ("dd", "dl"):
            self._flush_terms()

    def _table(self, node: LexborNode, events: Iterator[Event]) -> None:
        if self._layouts >= _DEEPEST_LAYOUT or is_layout(node):
            self._layouts += 1
            self._enter(node, "table")
            return
        self._flush()
        self._flush_terms()
        table = read_table(events)
        if table.menu:
            return
        if table.caption:
            self._builder.add(BlockKind.PARAGRAPH, table.caption)
        single = all(len(row.cells) == 1 for row in table.rows)
        for row in table.rows:
            if single:  # a frame around text
                self._builder.add(prose_kind(row.cells[0]), row.cells[0])
            else:
                self._builder.add_row(row.cells, header=row.header)

    def _flush(self) -> None:
        """Append the words since the last block as a block of the kind that the open elements make it."""
        if not self._words:
            return
        raw, self._words = "".join(self._words), []
        if self._pre:
            self._builder.add(BlockKind.CODE, raw)
            return
        text = one_line(raw)
        if not text:
            return
        if self._heading:
            self._mark = ""
            self._builder.add(BlockKind.HEADING, text, level=self._heading)
        elif self._mark:
            kind = BlockKind.STEP if self._lists and self._lists[-1].ordered else BlockKind.LIST_ITEM
            self._builder.add(kind, f"{self._mark} {text}", level=max(0, len(self._lists) - 1))
            self._mark = ""
        elif self._terms:
            terms, self._terms = ", ".join(self._terms), []
            self._builder.add(BlockKind.LIST_ITEM, f"{terms}: {text}")
        else:
            self._prose(text)

    def _prose(self, text: str) -> None:
        if is_warning(text) and self._boxes:
            self._boxes[-1] = True
        warned = any(self._boxes)
        self._builder.add(BlockKind.WARNING if warned else prose_kind(text), text)

    def _flush_terms(self) -> None:
        """Append terms that no text of a definition took up."""
        if self._terms:
            terms, self._terms = ", ".join(self._terms), []
            self._builder.add(BlockKind.LIST_ITEM, f"{terms}:")
