"""The styles of a Word document: which are headings, which belong to a list, which hide.

It knows no paragraph and no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.ingest.readers.numerals import whole
from assistant.ingest.readers.xml_events import Attributes, Event, Step

_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop) ?([1-9])", re.IGNORECASE)
_BODY = 9
"""Outline level of what is no heading."""
_CONTENTS = re.compile(r"(?:toc \d|toc heading|table of figures|index \d|verzeichnis \d).*", re.IGNORECASE)


@dataclass(slots=True)
class Style:
    """What a paragraph style sets; None where it leaves that to the style it is based on."""

    name: str = ""
    based_on: str = ""
    outline: int | None = None
    number: str | None = None
    level: int | None = None
    bold: bool | None = None
    hidden: bool | None = None

    @property
    def is_title(self) -> bool:
        """Whether it is the style of the document's title."""
        return self.name.casefold() in ("title", "titel")

    @property
    def is_contents(self) -> bool:
        """Whether it is a style of a table of contents, whose lines repeat what stands elsewhere."""
        return _CONTENTS.fullmatch(self.name) is not None

    @property
    def heading(self) -> int:
        """The level of heading, from 1; 0 where it is none."""
        if self.outline is not None:
            return self.outline + 1 if 0 <= self.outline < _BODY else 0
        match = _HEADING.fullmatch(self.name)
        return int(match.group(1)) if match else 0


class Styles:
    """All styles by their ids, with what they inherit."""

    def __init__(self) -> None:
        self._styles: dict[str, Style] = {}
        self._resolved: dict[str, Style] = {}
        self.default = ""
        """The paragraph style of paragraphs that name none."""
        self.list_numbers: dict[str, str] = {}
        """List style -> the number id that it names."""

    @classmethod
    def read(cls, stream: Iterator[Event]) -> Styles:
        """The styles that the part defines."""
        found = cls()
        current: Style | None = None
        kind = key = ""
        for step, tag, attributes in stream:
            if step is Step.ENTER and tag == "w:style":
                current, kind, key = Style(), attributes.get("w:type", ""), attributes.get("w:styleId", "")
                if kind == "paragraph" and attributes.get("w:default", "0") not in ("0", "false"):
                    found.default = key
            elif step is Step.ENTER and current is not None:
                _set(current, tag, attributes)
            elif step is Step.LEAVE and tag == "w:style" and current is not None:
                found._styles[key] = current
                if kind == "numbering" and current.number:
                    found.list_numbers[key] = current.number
                current = None
        return found

    def get(self, key: str) -> Style:
        """A style with what it inherits; an empty one where the document does not define it."""
        if key not in self._resolved:
            self._resolved[key] = self._resolve(key)
        return self._resolved[key]

    def _resolve(self, key: str) -> Style:
        found = self._styles.get(key)
        if found is None:
            return Style(name=key)
        result = Style(found.name, found.based_on, found.outline, found.number, found.level, found.bold, found.hidden)
        # By name alone "Heading 1" is a heading; what is based on it is one by this.
        if result.outline is None and (heading := result.heading):
            result.outline = heading - 1
        seen = {key}
        base = self._styles.get(found.based_on)
        while base is not None and base.name not in seen and len(seen) < 20:
            seen.add(base.name)
            if result.outline is None:
                heading = base.heading
                result.outline = heading - 1 if heading else base.outline
            result.number = base.number if result.number is None else result.number
            result.level = base.level if result.level is None else result.level
            result.bold = base.bold if result.bold is None else result.bold
            result.hidden = base.hidden if result.hidden is None else result.hidden
            base = self._styles.get(base.based_on)
        return result


def _set(style: Style, tag: str, attributes: Attributes) -> None:
    value = attributes.get("w:val", "")
    if tag == "w:name":
        style.name = value
    elif tag == "w:basedOn":
        style.based_on = value
    elif tag == "w:outlineLvl":
        style.outline = whole(value, _BODY)
    elif tag == "w:numId":
        style.number = value
    elif tag == "w:ilvl":
        style.level = whole(value, 0)
    elif tag == "w:b":
        style.bold = is_on(attributes)
    elif tag == "w:vanish":
        style.hidden = is_on(attributes)


def is_on(attributes: Attributes) -> bool:
    """Whether a switch such as bold is on: it is when it stands there and does not say otherwise."""
    return attributes.get("w:val", "true") not in ("0", "false", "off", "none")
