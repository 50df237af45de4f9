"""Finds tables that nothing but the alignment of their words shows.

Pure: it knows the lines of one page, in reading order, and nothing of PDFium or documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.ingest.marks import list_mark
from assistant.ingest.readers.pdf_grids import cell_text
from assistant.ingest.readers.pdf_words import Line, Table, Word, join_words

_NEAR = 4.0
_FEWEST_ROWS = 3
_FARTHEST = 3.2
"""Line heights between two lines of one table."""


def with_aligned_tables(lines: Sequence[Line]) -> list[Line]:
    """`lines` with each run of them that makes a table replaced by that table."""
    found: list[Line] = []
    index = 0
    while index < len(lines):
        run = _run(lines, index)
        table = _table(run) if len(run) >= _FEWEST_ROWS else None
        if table is not None:
            found.append(table)
            index += len(run)
        else:
            found.append(lines[index])
            index += 1
    return found


def _starts(line: Line) -> list[float]:
    """Where the cells of a line begin; a bullet or number and its text are one cell."""
    cells = line.cells
    marked = len(cells) > 1 and list_mark(f"{join_words(cells[0])} x") is not None
    return [cell[0].x0 for cell in (cells[:1] + cells[2:] if marked else cells)]


def _run(lines: Sequence[Line], start: int) -> list[Line]:
    """The lines from `start` on that may be one table: rows of cells, and lines that continue a cell."""
    first = lines[start]
    if first.table is not None or len(_starts(first)) < 2:
        return []
    run = [first]
    columns = _starts(first)
    for line in lines[start + 1 :]:
        if line.table is not None or line.column != first.column:
            break
        gap = run[-1].y - line.y
        if not 0 < gap <= _FARTHEST * line.size or abs(line.size - first.size) > 1.6:
            break
        starts = _starts(line)
        if len(starts) < 2 and _fits_columns(line, columns):
            run.append(line)  # a long cell comes close to the next one
            continue
        if len(starts) < 2 and not _continues(starts[0], columns, gap, line.size):
            break
        if len(starts) >= 2:
            if not any(abs(starts[1] - column) <= _NEAR for column in columns[1:]) and len(run) > 1:
                break
            columns = starts if len(starts) > len(columns) else columns
        run.append(line)
    while len(_starts(run[-1])) < 2 and not _fits_columns(run[-1], columns) and not _continues_last(run, columns):
        run.pop()
    return run


def _continues(start: float, columns: Sequence[float], gap: float, size: float) -> bool:
    """Whether a line of one cell goes on with a cell of the row above it."""
    return gap <= 1.6 * size and any(abs(start - column) <= _NEAR for column in columns[1:])


def _fits_columns(line: Line, columns: Sequence[float]) -> bool:
    """Whether a line without wide gaps still has a word exactly where each column begins."""
    if abs(line.x0 - columns[0]) > 1.5:
        return False
    starts = [
        word.x0
        for before, word in zip(line.words, line.words[1:], strict=False)
        if word.x0 - before.x1 > 0.22 * line.size
    ]
    return all(any(abs(start - column) <= 1.5 for start in starts) for column in columns[1:])


def _continues_last(run: Sequence[Line], columns: Sequence[float]) -> bool:
    return len(run) > 1 and _continues(_starts(run[-1])[0], columns, run[-2].y - run[-1].y, run[-1].size)


@dataclass(slots=True)
class _Row:
    cells: list[list[Word]]
    y: float


def _table(run: Sequence[Line]) -> Line | None:
    """The table that the lines make; None where their cells do not stand in columns."""
    columns = _columns(run)
    if len(columns) < 2:
        return None
    rows: list[_Row] = []
    for line in run:
        cells: list[list[Word]] = [[] for _ in columns]
        for word in line.words:
            place = max((i for i, column in enumerate(columns) if word.x0 >= column - _NEAR), default=0)
            cells[place].append(word)
        if rows and not cells[0] and rows[-1].y - line.y <= 1.6 * line.size:
            rows[-1].cells = [above + below for above, below in zip(rows[-1].cells, cells, strict=True)]
            rows[-1].y = line.y
        else:
            rows.append(_Row(cells, line.y))
    full = sum(1 for row in rows if sum(map(bool, row.cells)) >= 2)
    if len(rows) < _FEWEST_ROWS or full < 0.7 * len(rows):
        return None
    heavy = [all(word.bold for cell in row.cells for word in cell) for row in rows]
    header = 1 if heavy[0] and not all(heavy) else 0
    table = Table([[cell_text(cell) if cell else "" for cell in row.cells] for row in rows], header)
    first = run[0]
    x0, x1 = min(line.x0 for line in run), max(line.x1 for line in run)
    return Line([], first.y, first.size, first.column, table, run[-1].y, x0, x1)


def _columns(run: Sequence[Line]) -> list[float]:
    """Where cells begin in enough of the lines to be a column."""
    starts = sorted(start for line in run if len(_starts(line)) >= 2 for start in _starts(line))
    groups: list[list[float]] = []
    for start in starts:
        if groups and start - groups[-1][0] <= _NEAR:
            groups[-1].append(start)
        else:
            groups.append([start])
    rows = sum(1 for line in run if len(_starts(line)) >= 2)
    return [group[0] for group in groups if len(group) >= 0.4 * rows]
