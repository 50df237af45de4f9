"""The numbers that Word shows in front of paragraphs; they are not in the text but follow from its lists.

It knows list definitions and counts; it does not know what a paragraph says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from assistant.ingest.readers.numerals import letters, roman, whole
from assistant.ingest.readers.xml_events import Attributes, Event, Step

LEVELS = 9
_PLACE = re.compile(r"%([1-9])")


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is numbered."""

    start: int = 1
    format: str = "decimal"
    text: str = ""
    """What is shown: "%1.%2" with the numbers of the levels in it."""
    restart: int | None = None
    """The level (from 1) after which it begins anew; 0 for never, None for any above it."""
    legal: bool = False
    """Whether all levels are shown in digits."""


@dataclass(slots=True)
class _Abstract:
    levels: dict[int, Level] = field(default_factory=dict)
    link: str = ""
    """The list style that defines it instead, if any."""
    styles: dict[str, int] = field(default_factory=dict)
    """Paragraph style -> the level that it stands for."""


@dataclass(slots=True)
class _Number:
    abstract: str = ""
    levels: dict[int, Level] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The lists of a document, and how far each has counted."""

    def __init__(self) -> None:
        self._abstracts: dict[str, _Abstract] = {}
        self._numbers: dict[str, _Number] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._begun: set[tuple[str, int]] = set()
        self.style_links: dict[str, str] = {}
        """List style -> the number id that it names; filled by the styles."""

    @classmethod
    def read(cls, stream: Iterator[Event]) -> Numbering:
        """The lists that the numbering part defines."""
        found = cls()
        reader = _DefinitionReader(found._abstracts, found._numbers)
        for step, tag, attributes in stream:
            if step is Step.ENTER:
                reader.enter(tag, attributes)
            elif step is Step.LEAVE:
                reader.leave(tag)
        return found

    def level_of_style(self, number: str, style: str) -> int | None:
        """The level that a paragraph style stands for in a list, where the list says so."""
        return self._abstract(number)[1].styles.get(style)

    def next(self, number: str, level: int) -> tuple[Level, str] | None:
        """Count one paragraph of a list; its level's definition and the label that is shown, None where undefined."""
        key, abstract = self._abstract(number)
        own = self._numbers.get(number, _Number())
        level = max(0, min(level, LEVELS - 1))
        definition = own.levels.get(level) or abstract.levels.get(level)
        if definition is None:
            return None
        counts = self._counts.setdefault(key, [None] * LEVELS)
        if level in own.starts and (number, level) not in self._begun:
            self._begun.add((number, level))
            counts[level] = None
            definition = replace(definition, start=own.starts[level])
        self._count(counts, level, definition, own, abstract)
        return definition, self._label(counts, definition, own, abstract)

    def _count(
        self, counts: list[int | None], level: int, definition: Level, own: _Number, abstract: _Abstract
    ) -> None:
        for upper in range(level):
            if counts[upper] is None:  # a level that was skipped counts as begun
                above = own.levels.get(upper) or abstract.levels.get(upper)
                counts[upper] = above.start if above is not None else 1
        before = counts[level]
        counts[level] = definition.start if before is None else before + 1
        for deeper in range(level + 1, LEVELS):
            below = own.levels.get(deeper) or abstract.levels.get(deeper)
            restart = below.restart if below is not None else None
            if restart is None or (restart != 0 and level < restart):
                counts[deeper] = None

    def _label(self, counts: list[int | None], shown: Level, own: _Number, abstract: _Abstract) -> str:
        def number(match: re.Match[str]) -> str:
            index = int(match.group(1)) - 1
            level = own.levels.get(index) or abstract.levels.get(index)
            style = "decimal" if shown.legal or level is None else level.format
            return spelled(counts[index] or 0, style)

        return _PLACE.sub(number, shown.text)

    def _abstract(self, number: str) -> tuple[str, _Abstract]:
        own = self._numbers.get(number)
        key = own.abstract if own is not None else ""
        abstract = self._abstracts.get(key, _Abstract())
        if abstract.link and not abstract.levels:
            linked = self._numbers.get(self.style_links.get(abstract.link, ""))
            if linked is not None:
                return linked.abstract, self._abstracts.get(linked.abstract, abstract)
        return key, abstract


def spelled(number: int, style: str) -> str:
    """A number in the style that Word calls by that name; digits for styles of other scripts."""
    if style in ("lowerLetter", "upperLetter"):
        text = letters(number)
    elif style in ("lowerRoman", "upperRoman"):
        text = roman(number)
    elif style == "decimalZero":
        text = f"{number:02}"
    else:
        text = "" if style == "none" else str(number)
    return text.upper() if style.startswith("upper") else text


class _DefinitionReader:
    """What is known in the middle of the numbering part."""

    def __init__(self, abstracts: dict[str, _Abstract], numbers: dict[str, _Number]) -> None:
        self._abstracts, self._numbers = abstracts, numbers
        self._abstract: _Abstract | None = None
        self._number: _Number | None = None
        self._index = 0
        self._level: Level | None = None

    def enter(self, tag: str, attributes: Attributes) -> None:
        value = attributes.get("w:val", "")
        if tag == "w:abstractNum":
            self._abstract = self._abstracts.setdefault(attributes.get("w:abstractNumId", ""), _Abstract())
        elif tag == "w:num":
            self._number = self._numbers.setdefault(attributes.get("w:numId", ""), _Number())
        elif tag == "w:abstractNumId" and self._number is not None:
            self._number.abstract = value
        elif tag == "w:numStyleLink" and self._abstract is not None:
            self._abstract.link = value
        elif tag in ("w:lvl", "w:lvlOverride"):
            self._index = whole(attributes.get("w:ilvl", ""), 0)
            self._level = Level() if tag == "w:lvl" else None
        elif tag == "w:startOverride" and self._number is not None:
            self._number.starts[self._index] = whole(value, 1)
        elif tag == "w:pStyle" and self._abstract is not None:
            self._abstract.styles[value] = self._index
        elif self._level is not None:
            self._level = _with(self._level, tag, value)

    def leave(self, tag: str) -> None:
        if tag == "w:lvl" and self._level is not None:
            owner = self._number or self._abstract
            if owner is not None:
                owner.levels[self._index] = self._level
            self._level = None
        elif tag == "w:abstractNum":
            self._abstract = None
        elif tag == "w:num":
            self._number = None


def _with(level: Level, tag: str, value: str) -> Level:
    if tag == "w:start":
        return replace(level, start=whole(value, 1))
    if tag == "w:numFmt":
        return replace(level, format=value)
    if tag == "w:lvlText":
        return replace(level, text=value)
    if tag == "w:lvlRestart":
        return replace(level, restart=whole(value, 0))
    return replace(level, legal=value not in ("0", "false")) if tag == "w:isLgl" else level
