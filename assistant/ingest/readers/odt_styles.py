"""The styles of an OpenDocument text: headings, lists and their numbers, what is bold or hidden.

It knows no paragraph and no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from assistant.ingest.readers.numerals import letters, roman, whole
from assistant.ingest.readers.xml_events import Attributes, Event, Step

_DEEPEST = 20
"""Styles based on each other."""


@dataclass(slots=True)
class Style:
    """What a style sets by itself."""

    name: str = ""
    """As it is shown to a person, where that differs from its key."""
    parent: str = ""
    list_style: str | None = None
    bold: bool | None = None
    hidden: bool | None = None


@dataclass(slots=True)
class ListLevel:
    """How one level of a list is numbered."""

    format: str | None = None
    """"1", "a", "A", "i", "I" or "" for none; None for a bullet."""
    prefix: str = ""
    suffix: str = ""
    start: int = 1
    shown: int = 1
    """How many levels are shown: 2 makes "1.2"."""


@dataclass(slots=True)
class Styles:
    """Styles and list styles by their keys; automatic styles come with the content."""

    styles: dict[str, Style] = field(default_factory=dict)
    lists: dict[str, dict[int, ListLevel]] = field(default_factory=dict)
    outline: dict[int, ListLevel] = field(default_factory=dict)
    """How headings are numbered, by their level from 1."""

    def chain(self, key: str) -> Iterator[tuple[str, Style]]:
        """A style and those that it is based on, with their keys."""
        for _ in range(_DEEPEST):
            style = self.styles.get(key)
            if style is None:
                return
            yield key, style
            key = style.parent

    def names(self, key: str) -> str:
        """The names of a style and of those that it is based on, in one line."""
        return " ".join(style.name or one.replace("_20_", " ") for one, style in self.chain(key)) or key

    def is_named(self, key: str, name: str) -> bool:
        """Whether a style is, or is based on, the one of that name."""
        return any(name in (one, style.name) for one, style in self.chain(key)) or key == name

    def bold(self, key: str) -> bool | None:
        """Whether the style sets letters in bold; None where it leaves that open."""
        return next((style.bold for _, style in self.chain(key) if style.bold is not None), None)

    def hidden(self, key: str) -> bool:
        """Whether the style hides its text."""
        return next((style.hidden for _, style in self.chain(key) if style.hidden is not None), False)

    def list_style(self, key: str) -> str:
        """The list style that paragraphs of the style belong to."""
        return next((style.list_style for _, style in self.chain(key) if style.list_style is not None), "")


class StyleReader:
    """Collects styles from the events of one part."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._style: Style | None = None
        self._levels: dict[int, ListLevel] | None = None

    def read(self, stream: Iterator[Event]) -> None:
        """Take all events of `stream`."""
        for step, tag, attributes in stream:
            if step is Step.ENTER:
                self.enter(tag, attributes)
            elif step is Step.LEAVE:
                self.leave(tag)

    def enter(self, tag: str, attributes: Attributes) -> None:
        """Take the beginning of an element."""
        if tag == "style:style":
            key = attributes.get("style:name", "")
            self._style = self._styles.styles[key] = Style(
                attributes.get("style:display-name", ""),
                attributes.get("style:parent-style-name", ""),
                attributes.get("style:list-style-name"),
            )
        elif tag == "text:list-style":
            self._levels = self._styles.lists.setdefault(attributes.get("style:name", ""), {})
        elif tag == "text:outline-style":
            self._levels = self._styles.outline
        elif self._levels is not None and tag.startswith(("text:list-level-style-", "text:outline-level-style")):
            level = whole(attributes.get("text:level", ""), 1)
            self._levels[level] = _level(tag, attributes)
        elif self._style is not None:
            _set(self._style, tag, attributes)

    def leave(self, tag: str) -> None:
        """Take the end of an element."""
        if tag == "style:style":
            self._style = None
        elif tag in ("text:list-style", "text:outline-style"):
            self._levels = None


def _level(tag: str, attributes: Attributes) -> ListLevel:
    if tag not in ("text:list-level-style-number", "text:outline-level-style"):
        return ListLevel()
    return ListLevel(
        attributes.get("style:num-format", ""),
        attributes.get("style:num-prefix", ""),
        attributes.get("style:num-suffix", ""),
        whole(attributes.get("text:start-value", ""), 1),
        max(1, min(whole(attributes.get("text:display-levels", ""), 1), 10)),
    )


def _set(style: Style, tag: str, attributes: Attributes) -> None:
    if tag == "style:text-properties":
        if (weight := attributes.get("fo:font-weight")) is not None:
            style.bold = weight == "bold" or (weight.isdigit() and whole(weight, 0) >= 600)
        if (display := attributes.get("text:display")) is not None:
            style.hidden = display == "none"


def label(levels: dict[int, ListLevel], level: int, counts: dict[int, int]) -> str | None:
    """What is shown in front of an item of `level` (from 1): "" for no number, None for a bullet."""
    here = levels.get(level)
    if here is None or here.format is None:
        return None
    if not here.format:
        return ""
    first = max(1, level - here.shown + 1)
    parts = []
    for number in range(first, level + 1):
        one = levels.get(number)
        if one is not None and one.format:
            parts.append(_spelled(counts.get(number, one.start), one.format))
    return f"{here.prefix}{'.'.join(parts)}{here.suffix}".strip()


def _spelled(number: int, style: str) -> str:
    text = letters(number) if style in "aA" else roman(number) if style in "iI" else str(number)
    return text.upper() if style in "AI" else text
