"""Puts the words of a page into lines, and the lines into the order in which they are read.

Pure: it knows one page at a time and nothing of PDFium or documents.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.ingest.readers.pdf_grids import grid_tables
from assistant.ingest.readers.pdf_words import Line, PdfPage, Word, line_of

_FEWEST_COLUMN_LINES = 6
_FULL_ENOUGH = 0.6
"""Share of a column's width that its lines take on average; the cells of a table take less."""


def read_lines(page: PdfPage) -> list[Line]:
    """The lines and drawn tables of a page in reading order."""
    tables, words = grid_tables(page.words, page.rules)
    lines = _lines(words)
    gutter = _gutter(lines)
    if gutter is not None:
        lines = [part for line in lines for part in _parted(line, gutter)]
    lines = sorted([*lines, *tables], key=lambda line: (-line.y, line.x0))
    return lines if gutter is None else _by_column(lines, gutter)


def _lines(words: Sequence[Word]) -> list[Line]:
    """Words with nearly the same baseline as lines, from top to bottom."""
    groups: list[list[Word]] = []
    for word in sorted(words, key=lambda word: -word.y):
        if groups and groups[-1][0].y - word.y <= 0.35 * max(word.size, groups[-1][0].size, 6.0):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [line_of(group) for group in groups]


def _gutter(lines: Sequence[Line]) -> float | None:
    """The x of the gap between two columns of running text, if the page is set so."""
    if len(lines) < 2 * _FEWEST_COLUMN_LINES:
        return None
    left = min(line.x0 for line in lines)
    right = max(line.x1 for line in lines)
    best: tuple[int, float] | None = None
    for step in range(35, 66, 1):
        x = left + (right - left) * step / 100
        clear = sum(_clears(line, x) for line in lines)
        if best is None or clear > best[0] or (clear == best[0] and abs(step - 50) < abs(best[1] - 50)):
            best = (clear, step)
    assert best is not None
    x = left + (right - left) * best[1] / 100
    sides = [part for line in lines if _clears(line, x) for part in _parted(line, x)]
    lefts = [part for part in sides if part.x1 <= x]
    rights = [part for part in sides if part.x0 >= x]
    if min(len(lefts), len(rights)) < _FEWEST_COLUMN_LINES or best[0] < 0.6 * len(lines):
        return None
    return x if _fill(lefts) >= _FULL_ENOUGH and _fill(rights) >= _FULL_ENOUGH else None


def _clears(line: Line, x: float) -> bool:
    """Whether a line has a gap at `x` that a space would not fill, or ends or begins there."""
    if line.x1 <= x or line.x0 >= x:
        return True
    before = max((word.x1 for word in line.words if word.x0 < x), default=line.x0)
    after = min((word.x0 for word in line.words if word.x1 > x), default=line.x1)
    return before < x < after and after - before > 0.7 * line.size


def _fill(parts: Sequence[Line]) -> float:
    left, right = min(part.x0 for part in parts), max(part.x1 for part in parts)
    return sum(part.x1 - part.x0 for part in parts) / (len(parts) * max(right - left, 1.0))


def _parted(line: Line, x: float) -> list[Line]:
    if line.x1 <= x or line.x0 >= x or not _clears(line, x):
        return [line]
    left = [word for word in line.words if word.x1 <= x]
    right = [word for word in line.words if word.x1 > x]
    return [line_of(part) for part in (left, right) if part]


def _by_column(lines: Sequence[Line], gutter: float) -> list[Line]:
    """Left column before right column, between the lines that span both."""
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in lines:
        if line.x1 <= gutter + 1:
            line.column = 1
            left.append(line)
        elif line.x0 >= gutter - 1:
            line.column = 2
            right.append(line)
        else:
            ordered += [*left, *right, line]
            left, right = [], []
    return [*ordered, *left, *right]
