"""Builds a `Document` block by block, so that its text and its offsets cannot disagree.

It knows no format and no file: readers say what they found, in reading order, and this module cleans it, lays it out as
plain text and records where it went.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from assistant.errors import UnreadableDocument
from assistant.ingest.cleaning import one_line, shorten, verbatim
from assistant.ingest.marks import revision_date
from assistant.types import Block, BlockKind, Document

LONGEST_TITLE = 120
"""Characters; a title stands in front of every passage that is embedded."""
LONGEST_HEADING = 250
"""Characters; a longer line is a paragraph, whatever its mark-up says."""

_TIGHT = frozenset({BlockKind.LIST_ITEM, BlockKind.STEP, BlockKind.TABLE_HEADER, BlockKind.TABLE_ROW})
_LISTS = frozenset({BlockKind.LIST_ITEM, BlockKind.STEP})
_WORD_GAPS = re.compile(r"[\s_]+|(?<=[a-z])-(?=[a-z])")


class DocumentBuilder:
    """Appends blocks to a text and remembers their offsets."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    def add(self, kind: BlockKind, text: str, *, level: int = 0, page: int | None = None) -> None:
        """Append a block; one without visible text is left out.

        White space is made even, but for CODE, whose lines are kept.
        """
        text = verbatim(text) if kind is BlockKind.CODE else one_line(text)
        if not text:
            return
        if kind is BlockKind.HEADING and len(text) > LONGEST_HEADING:
            kind, level = BlockKind.PARAGRAPH, 0
        self._separate(kind)
        start = self._length
        self._append(text)
        self._blocks.append(Block(kind, start, self._length, level=level, page=page))

    def add_row(self, cells: Sequence[str], *, header: bool = False, page: int | None = None) -> None:
        """Append a table row: its cells joined by " | ", without blank ones at its end."""
        texts = [one_line(cell) for cell in cells]
        if any(texts):
            kind = BlockKind.TABLE_HEADER if header else BlockKind.TABLE_ROW
            while not texts[-1]:
                texts.pop()
            self.add(kind, " | ".join(texts), page=page)

    def first_heading(self, level: int = 1) -> str | None:
        """Text of the first heading of `level`, if there is one."""
        for block in self._blocks:
            if block.kind is BlockKind.HEADING and block.level == level:
                return self.text[block.start : block.end]
        return None

    @property
    def text(self) -> str:
        """The text so far."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def build(
        self,
        path: Path,
        name: str,
        *,
        title: str | None,
        content_hash: str,
        media_type: str,
        revised: str | None = None,
    ) -> Document:
        """The finished document.

        Without a title it gets one from its file name, without a revision date the one that its first lines state.

        Raises:
            UnreadableDocument: no block was added.
        """
        if not self._blocks:
            raise UnreadableDocument(f"{name} holds no text; check the file and add it again.")
        text = self.text
        return Document(
            source=str(path.absolute()),
            name=name,
            title=shorten(one_line(title or ""), LONGEST_TITLE) or title_from_name(name),
            text=text,
            blocks=tuple(self._blocks),
            content_hash=content_hash,
            media_type=media_type,
            revised=revised or revision_date(text),
        )

    def _separate(self, kind: BlockKind) -> None:
        """A line break inside lists and tables, a blank line between everything else."""
        if not self._blocks:
            return
        before = self._blocks[-1].kind
        same_list = before in _LISTS and kind in _LISTS
        same_table = before in _TIGHT - _LISTS and kind in _TIGHT - _LISTS
        self._append("\n" if same_list or same_table else "\n\n")

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


def title_from_name(name: str) -> str:
    """A readable title from a file name: "heat-pump_manual.v2.pdf" becomes "Heat pump manual.v2"."""
    stem = one_line(Path(name).stem) or "Untitled"
    words = _WORD_GAPS.sub(" ", stem).strip() or stem
    return shorten(words[:1].upper() + words[1:], LONGEST_TITLE)
