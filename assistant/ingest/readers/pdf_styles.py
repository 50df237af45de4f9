"""What a PDF's type sizes and outline say about its headings.

Pure: it knows lines and titles and nothing of PDFium or documents. A PDF names no headings; they are larger than the
body, or bold and apart, or listed in the outline, or numbered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import quantiles

from assistant.ingest.marks import is_warning, list_mark
from assistant.ingest.readers.pdf_words import Line
from assistant.types import BlockKind

_LARGER = 1.09
_MOST_SIZES = 4
_LONGEST = 150
_LONGEST_BOLD = 100
_NUMBER = re.compile(
    r"(?:(?:chapter|section|appendix|kapitel|anhang)\s+)?(\d{1,2}(?:\.\d{1,3}){0,4}|[A-Z](?:\.\d{1,2})*)[.:]?\s+\S"
)
_NOT_WORD = re.compile(r"[\W_]+")

Outline = Mapping[int, Sequence[tuple[str, int]]]
"""Page number -> the outline's titles on it, as `plain()` leaves them, with their depth from 0."""


def plain(title: str) -> str:
    """A title without case, spaces and punctuation, for comparison."""
    return _NOT_WORD.sub("", title).casefold()


@dataclass(slots=True)
class Styles:
    """The sizes that a document uses."""

    body: float = 10.0
    leading: float = 1.25
    """Distance of lines in the body, in sizes."""
    sizes: tuple[float, ...] = ()
    """Sizes of headings, largest first."""
    outline: Outline = field(default_factory=dict)

    @classmethod
    def of(cls, pages: Iterable[Sequence[Line]], outline: Outline) -> Styles:
        """The styles of a document of which `pages` are a sample."""
        weights: Counter[float] = Counter()
        larger: Counter[float] = Counter()
        gaps: list[tuple[float, float]] = []
        for lines in pages:
            for line in lines:
                if line.table is None:
                    weights[line.size] += len(line.text)
                    larger[line.size] += any(character.isalpha() for character in line.text)
            for one, other in pairwise(lines):
                gap = one.y - other.y
                if one.size == other.size and one.column == other.column and 0 < gap < 3 * one.size:
                    gaps.append((one.size, gap / one.size))
        if not weights:
            return cls(outline=outline)
        body = max(weights, key=lambda size: weights[size])
        body_gaps = [gap for size, gap in gaps if size == body]
        sizes = sorted((size for size in larger if larger[size] and size >= _LARGER * body), reverse=True)
        # Lists and short paragraphs have wider gaps than lines of one paragraph: the narrow fifth tells.
        leading = min(max(quantiles(body_gaps, n=5)[0], 1.0), 2.2) if len(body_gaps) > 4 else 1.25
        return cls(body, leading, tuple(sizes[:_MOST_SIZES]), outline)

    def heading_level(self, line: Line, page: int, gap: float | None) -> int:
        """The level of the heading that `line` is, or 0.

        `gap` is the distance to the line above, None where there is none.
        """
        text = line.text
        if len(text) > _LONGEST or not any(character.isalpha() for character in text) or is_warning(text):
            return 0
        if (mark := list_mark(text)) is not None and mark.kind is BlockKind.LIST_ITEM:
            return 0
        depth = self._outlined(text, page)
        if depth is not None:
            return 1 if self._is_title(line) else min(depth + 2, 6)
        if line.mono or len(line.cells) > 2:
            return 0
        if line.size >= _LARGER * self.body:
            return self._level(line, text)
        apart = gap is None or gap > 1.25 * self.leading * line.size
        fits = len(text) <= _LONGEST_BOLD and text[-1] not in ".,;:" and len(line.cells) == 1
        numbered = _NUMBER.match(text) is not None
        if line.bold and apart and fits and line.size >= 0.97 * self.body and (numbered or mark is None):
            return self._level(line, text)
        return 0

    def _outlined(self, text: str, page: int) -> int | None:
        wanted = plain(text)
        for title, depth in self.outline.get(page, ()):
            if wanted == title or (len(wanted) >= 10 and title.startswith(wanted)):
                return depth
        return None

    def _is_title(self, line: Line) -> bool:
        """Whether a line has the document's largest size, and headings come in more than one."""
        return len(self.sizes) > 1 and line.size >= self.sizes[0]

    def _level(self, line: Line, text: str) -> int:
        if self._is_title(line):
            return 1
        if match := _NUMBER.match(text):
            return min(2 + match.group(1).count("."), 6)
        larger = sum(1 for size in self.sizes if size > line.size)
        return min(max(larger + 1, 2 if self.outline else 1), 6)
