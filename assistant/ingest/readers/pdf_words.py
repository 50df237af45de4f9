"""Values that the steps of reading a PDF page hand to each other.

Pure: nothing here knows PDFium. Coordinates are in points of 1/72 inch, upward from the page's lower left corner, after
the page has been turned so that most of its text runs from left to right.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Word:
    """Characters without white space between them, in one style."""

    text: str
    x0: float
    x1: float
    y: float
    """Of the baseline."""
    size: float
    bold: bool = False
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line, horizontal or vertical, or one edge of a rectangle."""

    horizontal: bool
    at: float
    """Its y where it is horizontal, else its x."""
    low: float
    high: float


@dataclass(slots=True)
class Table:
    """Rows of cell texts that a page shows as a table."""

    rows: list[list[str]]
    header_rows: int = 0


@dataclass(slots=True)
class Line:
    """Words on one baseline, from left to right; or a table, which takes part in the page's order like a line."""

    words: list[Word]
    y: float
    size: float
    column: int = 0
    """Which column of the page it is in; 0 where there is one, or where it spans them."""
    table: Table | None = None
    bottom: float = 0.0
    """Baseline of the last row, for a table."""
    x0: float = 0.0
    x1: float = 0.0

    @property
    def bold(self) -> bool:
        """Whether all its words are bold."""
        return bool(self.words) and all(word.bold for word in self.words)

    @property
    def mono(self) -> bool:
        """Whether all its words are in a font of fixed width."""
        return bool(self.words) and all(word.mono for word in self.words)

    @property
    def text(self) -> str:
        """Its words with a space wherever there is a gap between them."""
        return join_words(self.words)

    @property
    def cells(self) -> list[list[Word]]:
        """Its words parted at gaps too wide for a space."""
        parted = [[self.words[0]]]
        for before, word in zip(self.words, self.words[1:], strict=False):
            if word.x0 - before.x1 > cell_gap(self.size):
                parted.append([])
            parted[-1].append(word)
        return parted


@dataclass(slots=True)
class PdfPage:
    """What one page shows."""

    number: int
    """From 1."""
    width: float
    height: float
    bottom: float = 0.0
    """The y of its lower edge."""
    words: list[Word] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    has_images: bool = False


def line_of(words: list[Word]) -> Line:
    """The line that `words`, all of one baseline, make."""
    words = sorted(words, key=lambda word: word.x0)
    weight: dict[float, int] = {}
    for word in words:
        weight[word.size] = weight.get(word.size, 0) + len(word.text)
    size = max(weight, key=lambda candidate: (weight[candidate], candidate))
    y = next(word.y for word in words if word.size == size)
    return Line(words, y, size, x0=words[0].x0, x1=max(word.x1 for word in words))


def join_words(words: list[Word]) -> str:
    """The text of words on one baseline."""
    parts: list[str] = []
    before: Word | None = None
    for word in words:
        if before is not None and word.x0 - before.x1 > 0.12 * min(word.size, before.size):
            parts.append(" ")
        parts.append(word.text)
        before = word
    return "".join(parts)


def cell_gap(size: float) -> float:
    """The gap beyond which two words of this size are in different cells; justified text stays below it."""
    return max(1.6 * size, 9.0)
