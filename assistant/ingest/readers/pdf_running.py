"""Takes running heads, running feet and page numbers off pages, one page after the other.

Pure: it knows lines and nothing of PDFium or documents. It holds a few pages at a time, so a line counts as running
when it stands at the same place, but for its digits, on a page nearby: heads that change with the chapter are found
as well.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assistant.ingest.readers.pdf_words import Line, PdfPage

_REACH = 2
"""Pages before and after that are compared: left and right pages may have different heads."""
_EDGE = 0.13
"""Share of the page's height, at top and bottom, in which heads and feet stand."""
_MOST_LINES = 3
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_SPACE = re.compile(r"\s+")
_PAGE_NUMBER = re.compile(
    r"[\s\-–—|]*(?:page|seite|p\.)?\s*(?:\d{1,4}(?:-\d{1,4})?|[A-Z]-\d{1,3}|[ivxlc]{1,6})(?:\s*(?:/|of|von)\s*\d{1,4})?[\s\-–—|]*",
    re.IGNORECASE,
)

_Mark = tuple[bool, int, str]
"""Whether at the top, y in steps of 4 points, and the text without its digits."""


@dataclass(slots=True)
class _Held:
    page: PdfPage
    lines: list[Line]
    edges: list[tuple[int, list[_Mark]]]
    """From the outermost line inward: index into `lines`, and the marks that name its place and text."""


def without_running_lines(pages: Iterable[tuple[PdfPage, list[Line]]]) -> Iterator[tuple[PdfPage, list[Line]]]:
    """Yield the pages with the lines of their own text only."""
    window: deque[_Held] = deque()
    position = 0
    for page, lines in pages:
        window.append(_Held(page, lines, _edges(page, lines)))
        if len(window) > 2 * _REACH + 1:
            window.popleft()
            position -= 1
        if len(window) - 1 - position >= _REACH:
            yield _stripped(window, position)
            position += 1
    while position < len(window):
        yield _stripped(window, position)
        position += 1


def _edges(page: PdfPage, lines: list[Line]) -> list[tuple[int, list[_Mark]]]:
    found: list[tuple[int, list[_Mark]]] = []
    order = sorted(range(len(lines)), key=lambda index: -lines[index].y)
    for top, indices in ((True, order), (False, order[::-1])):
        for index in indices[:_MOST_LINES]:
            line = lines[index]
            height = (line.y - page.bottom) / max(page.height, 1.0)
            if line.table is not None or _EDGE < height < 1 - _EDGE or (height < 0.5) == top:
                break
            text = _SPACE.sub(" ", _DIGITS.sub("", line.text)).strip()
            step = round(line.y / 4)
            found.append((index, [(top, step + nudge, text) for nudge in (-1, 0, 1)]))
    return found


def _stripped(window: deque[_Held], position: int) -> tuple[PdfPage, list[Line]]:
    held = window[position]
    nearby = {
        marks[1]
        for place, other in enumerate(window)
        if place != position and abs(place - position) <= _REACH
        for _, marks in other.edges
    }
    dropped: set[int] = set()
    stopped: set[bool] = set()
    for index, marks in held.edges:
        top = marks[0][0]
        if top in stopped:
            continue
        if not nearby.isdisjoint(marks) or _PAGE_NUMBER.fullmatch(held.lines[index].text):
            dropped.add(index)
        else:
            stopped.add(top)  # inside the first line that stays, everything is the page's own text
    return held.page, [line for index, line in enumerate(held.lines) if index not in dropped]
