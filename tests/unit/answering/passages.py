"""Passages for the tests of answering: one that stands alone, one with headings, a table."""

from __future__ import annotations

from assistant.types import Passage


def passage(
    text: str, *, start: int = 1000, headings: tuple[str, ...] = (), context: str = "", ordinal: int = 0
) -> Passage:
    """A passage of the manual of a pump."""
    return Passage("pump.md", "Pump unit", ordinal, start, start + len(text), text, headings, context, 4)


TABLE = passage(
    "E05 | Inlet blocked | 12 bar\nE06 | Motor too hot | 90 °C\nE07 | Pump runs dry | 0.4 bar",
    headings=("Error codes",),
    context="Code | Meaning | Limit",
)
