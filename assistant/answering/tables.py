"""Table rows as sentences: a row out of its table means nothing without its column names. Pure.

Readers store a row as its cells joined by " | ", and the header row above it in the same way.
"""

from __future__ import annotations

CELL = " | "


def is_row(line: str) -> bool:
    """Whether `line` is a row of a table."""
    return CELL in line


def header_of(row_start: int, text: str, context: str) -> str:
    """The header of the row that begins at `row_start` of a passage's `text`; "" when none is known.

    A passage that begins inside a table carries the header as its `context`; one that holds the table's beginning has
    it as the first of the rows in front of this one.
    """
    first = ""
    for line in reversed(text[:row_start].splitlines()):
        if not is_row(line):
            break
        first = line
    return context or first


def spelled_out(row: str, header: str) -> str:
    """`row` with its column names, as "Code: E05; Meaning: …"; unchanged when the header has other columns."""
    cells, names = row.split(CELL), header.split(CELL)
    if not header or len(cells) != len(names) or row == header:
        return row
    shown = [f"{name.strip()}: {cell.strip()}" for name, cell in zip(names, cells, strict=True) if cell.strip(" –-")]
    return "; ".join(shown)
