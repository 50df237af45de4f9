"""Table rows as sentences: a row out of its table means nothing without its column names. Pure.

Readers store a row as its cells joined by " | ", and the header row above it in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from assistant.sentences import iter_sentences

CELL = " | "


def is_row(line: str) -> bool:
    """Whether `line` is a row of a table."""
    return CELL in line


def statements(text: str, abbreviations: Collection[str] = ()) -> Iterator[tuple[int, int]]:
    """The sentences of `text` with their offsets, in reading order; a row of a table is one, whatever its cells hold.

    Half of a remedy is worse than none: "Unplug B1." out of "Unplug B1. If the code stays, replace the board."
    """
    last = -1
    for start, end in iter_sentences(text, abbreviations):
        if start < last:
            continue
        stop = text.find("\n", start)
        stop = stop if stop >= 0 else len(text)
        if end < stop and (not start or text[start - 1] == "\n") and is_row(text[start:stop]):
            end = start + len(text[start:stop].rstrip())
        last = end
        yield start, end


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
