"""Splits a document into passages along its structure.

Pure: it knows no embedder, only a function that counts tokens, and no storage. A passage never crosses a heading; a
procedure, a table or a list stays whole where it fits, and what follows of a table that does not fit carries the
table's header as context.

Headings and title stand in front of every passage that is embedded. They get at most half of the limit: where they need
more, the outermost headings are left out of `heading_path` first, and a title longer than that is shortened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.ingest.cutting import Span, cut, halves
from assistant.ingest.grouping import Bond, bonds
from assistant.ingest.sections import Section, sections
from assistant.types import Block, BlockKind, Document, Passage

CountTokens = Callable[[str], int]
_ROWS = (BlockKind.TABLE_ROW,)


@dataclass(frozen=True, slots=True)
class PassageLimits:
    """How long passages may be and should be."""

    max_tokens: int = 200
    """Of `Passage.searchable()`: text with headings and context, as it is embedded. At least 8."""
    target_tokens: int = 140
    """Of the same: a passage is closed rather than made longer than this, unless what must stay whole needs it."""
    max_characters: int = 2_000
    """Of the text alone. Some tokenizers count a word of any length as one token."""

    def __post_init__(self) -> None:
        if not (self.max_tokens >= 8 and 1 <= self.target_tokens <= self.max_tokens and self.max_characters >= 1):
            raise ValueError(f"these limits contradict each other: {self}")


def split(document: Document, count_tokens: CountTokens, limits: PassageLimits | None = None) -> list[Passage]:
    """The passages of `document`, in order.

    `count_tokens` counts like `Embedder.count_tokens`, special tokens included. It is called about once for each block,
    section and passage. The spans do not overlap and hold every character that is neither white space nor part of a
    heading with text below it.
    """
    splitter = _Splitter(document, count_tokens, limits or PassageLimits())
    found = [passage for section in sections(document) for passage in splitter.split(section)]
    return [replace(passage, ordinal=ordinal) for ordinal, passage in enumerate(found)]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A block, or a piece of one that is too long."""

    start: int
    end: int
    tokens: int
    block: Block
    bond: Bond
    header: Span | None = None
    """The header rows of the table that it is a row of."""


class _Splitter:
    """Splits the sections of one document."""

    def __init__(self, document: Document, count_tokens: CountTokens, limits: PassageLimits) -> None:
        self._document = document
        self._text = document.text
        self._count = count_tokens
        self._limits = limits
        self._special = count_tokens("")
        # What a line break between two blocks costs; nothing with most tokenizers.
        self._joint = max(0, count_tokens("a\n\na") - 2 * count_tokens("a") + self._special)
        self._frame = Passage(
            document.name, document.title, 0, 0, 0, "", dated=document.dated, abbreviations=document.abbreviations
        )
        self._budget = self._target = 0
        self._contexts: dict[Span, tuple[str, int]] = {}

    def split(self, section: Section) -> Iterator[Passage]:
        """Yield the passages of one section."""
        self._begin(section)
        packed: list[list[_Unit]] = []
        for group in self._groups(self._units(section.blocks)):
            self._place(packed, group)
        self._merge_small(packed)
        for units in packed:
            yield from self._verified(units)

    def _begin(self, section: Section) -> None:
        """Settle the headings of the section's passages, and what they leave for text."""
        path, title = section.path, self._document.title
        frame = replace(self._frame, title=title, heading_path=path)
        most = self._limits.max_tokens // 2
        while (tokens := self._count(frame.searchable())) > most and (path or len(title) > 1):
            if path:
                path = path[1:]
            else:
                title = title[: len(title) // 2].rstrip() or title[:1]
            frame = replace(frame, title=title, heading_path=path)
        self._frame = frame
        self._budget = max(1, self._limits.max_tokens - tokens - self._joint)
        self._target = max(1, min(self._budget, self._limits.target_tokens - tokens - self._joint))
        self._contexts.clear()

    def _measure(self, start: int, end: int) -> int:
        return self._count(self._text[start:end]) - self._special + self._joint

    def _units(self, blocks: Sequence[Block]) -> Iterator[_Unit]:
        """Each block as one unit, or as several where it is longer than a passage may be."""
        header: Span | None = None
        for block, bond in zip(blocks, bonds(self._text, blocks), strict=True):
            row = block.kind in _ROWS
            if block.kind is BlockKind.TABLE_HEADER:
                header = (header[0] if header else block.start, block.end)
            elif not row:
                header = None
            most = self._budget - (self._context(header)[1] if row and header else 0)
            if block.end - block.start <= self._limits.max_characters:
                tokens = self._measure(block.start, block.end)
                if tokens <= most:
                    yield _Unit(block.start, block.end, tokens, block, bond, header if row else None)
                    continue
            # A piece of a block is cut to what fits, so nothing is gained by holding pieces together.
            pieces = cut(
                self._text,
                (block.start, block.end),
                block.kind,
                self._measure,
                most_tokens=max(1, min(most, self._target)),
                abbreviations=self._document.abbreviations,
                most_characters=self._limits.max_characters,
            )
            for start, end in pieces:
                yield _Unit(start, end, self._measure(start, end), block, Bond.NONE, header if row else None)

    def _groups(self, units: Iterator[_Unit]) -> Iterator[list[_Unit]]:
        """Units that stay together: as bonded as they are where that fits, else only as firmly as they must."""
        for whole in _runs(units, Bond.WHOLE):
            if self._fits(whole):
                yield whole
                continue
            if whole[0].block.kind is BlockKind.PARAGRAPH and len(whole) > 1 and self._fits(whole[1:]):
                yield whole[:1]  # better a procedure without its introduction than one that is torn
                yield whole[1:]
                continue
            for firm in _runs(iter(whole), Bond.FIRM):
                if self._fits(firm):
                    yield firm
                else:
                    yield from ([unit] for unit in firm)

    def _place(self, packed: list[list[_Unit]], group: list[_Unit]) -> None:
        """Append `group` to the passage in hand if that stays within the target, else begin another with it."""
        if packed:
            together = [*packed[-1], *group]
            small = self._tokens(packed[-1]) < self._small
            if self._fits(together, self._budget if small else self._target):
                packed[-1] = together
                return
        packed.append(group)

    def _merge_small(self, packed: list[list[_Unit]]) -> None:
        """Join each small passage with its neighbour where both together fit."""
        index = len(packed) - 1
        while index > 0:
            one, other = packed[index - 1], packed[index]
            if min(self._tokens(one), self._tokens(other)) < self._small and self._fits([*one, *other]):
                packed[index - 1 : index + 1] = [[*one, *other]]
            index -= 1

    @property
    def _small(self) -> int:
        return max(1, self._target // 4)

    def _fits(self, units: Sequence[_Unit], most_tokens: int | None = None) -> bool:
        most = self._budget if most_tokens is None else most_tokens
        if units[-1].end - units[0].start > self._limits.max_characters:
            return False
        return self._tokens(units) <= most

    def _tokens(self, units: Sequence[_Unit]) -> int:
        header = _outer_header(units)
        context = self._context(header)[1] if header else 0
        return context + sum(unit.tokens for unit in units)

    def _context(self, header: Span) -> tuple[str, int]:
        """The header rows as context, cut to a third of the room, and their tokens."""
        if header not in self._contexts:
            pieces = cut(
                self._text,
                header,
                BlockKind.TABLE_HEADER,
                self._measure,
                most_tokens=max(1, self._budget // 3),
                most_characters=self._limits.max_characters,
            )
            start, end = next(pieces)
            self._contexts[header] = (self._text[start:end], self._measure(start, end))
        return self._contexts[header]

    def _verified(self, units: list[_Unit]) -> Iterator[Passage]:
        """The passage of `units`; or several, where tokens turn out to be more than the sum of their blocks'."""
        waiting = [units]
        while waiting:
            current = waiting.pop()
            passage = self._passage(current)
            if self._count(passage.searchable()) <= self._limits.max_tokens:
                yield passage
            elif len(current) > 1:
                middle = len(current) // 2
                waiting += [current[middle:], current[:middle]]
            else:
                unit = current[0]
                parts = halves(self._text, (unit.start, unit.end))
                if len(parts) < 2:
                    yield passage
                else:
                    waiting += [[replace(unit, start=start, end=end)] for start, end in reversed(parts)]

    def _passage(self, units: Sequence[_Unit]) -> Passage:
        header = _outer_header(units)
        start, end = units[0].start, units[-1].end
        return replace(
            self._frame,
            start=start,
            end=end,
            text=self._text[start:end],
            context=self._context(header)[0] if header else "",
            page=units[0].block.page,
        )


def _outer_header(units: Sequence[_Unit]) -> Span | None:
    """The header of the first unit's table, where it stands before `units`."""
    header = units[0].header
    return header if header is not None and header[0] < units[0].start else None


def _runs(units: Iterator[_Unit], weakest: Bond) -> Iterator[list[_Unit]]:
    """Maximal runs of units that are bonded at least as firmly as `weakest`."""
    run: list[_Unit] = []
    for unit in units:
        run.append(unit)
        if unit.bond < weakest:
            yield run
            run = []
    if run:
        yield run
