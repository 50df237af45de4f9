"""Finds tables that are drawn with lines, and puts words into their cells.

Pure: it knows words and rules of one page and nothing of PDFium or documents.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from assistant.ingest.readers.pdf_words import Line, Rule, Table, Word, join_words, line_of

_NEAR = 3.0
"""Points within which two ends meet and two lines are one."""
_MOST_RULES = 3_000


@dataclass(slots=True)
class _Grid:
    """Rules that touch each other."""

    across: list[Rule] = field(default_factory=list)
    down: list[Rule] = field(default_factory=list)


def grid_tables(words: Sequence[Word], rules: Sequence[Rule]) -> tuple[list[Line], list[Word]]:
    """The page's drawn tables, each as a line of its own, and the words that are in none."""
    rest = list(words)
    tables: list[Line] = []
    for grid in _grids(rules):
        left, right = min(rule.at for rule in grid.down), max(rule.at for rule in grid.down)
        bottom, top = min(rule.at for rule in grid.across), max(rule.at for rule in grid.across)
        inside = [
            word
            for word in rest
            if left - _NEAR < (word.x0 + word.x1) / 2 < right + _NEAR and bottom - 1 < _middle(word) < top + 1
        ]
        table = _table(grid, inside) if inside else None
        if table is None:
            continue
        taken = set(map(id, inside))
        rest = [word for word in rest if id(word) not in taken]
        size = line_of(inside).size
        lowest = min(word.y for word in inside)
        tables.append(Line([], max(word.y for word in inside), size, table=table, bottom=lowest, x0=left, x1=right))
    return tables, rest


def _grids(rules: Sequence[Rule]) -> Iterator[_Grid]:
    """Groups of touching rules that enclose at least two columns."""
    across = _merged([rule for rule in rules if rule.horizontal])
    down = _merged([rule for rule in rules if not rule.horizontal])
    if len(across) + len(down) > _MOST_RULES:
        return
    group = {id(rule): number for number, rule in enumerate([*across, *down])}
    members: dict[int, list[Rule]] = {number: [rule] for number, rule in enumerate([*across, *down])}
    for one in across:
        for other in down:
            touch = (
                one.low - _NEAR <= other.at <= one.high + _NEAR and other.low - _NEAR <= one.at <= other.high + _NEAR
            )
            first, second = group[id(one)], group[id(other)]
            if touch and first != second:
                for rule in members[second]:
                    group[id(rule)] = first
                members[first] += members.pop(second)
    for found in members.values():
        grid = _Grid([rule for rule in found if rule.horizontal], [rule for rule in found if not rule.horizontal])
        if len(grid.across) >= 2 and len(_positions(grid.down)) >= 3:
            yield grid


def _merged(rules: list[Rule]) -> list[Rule]:
    """`rules` with those that continue or repeat each other joined."""
    bundles: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda rule: rule.at):
        if bundles and rule.at - bundles[-1][0].at < 1.5:
            bundles[-1].append(rule)
        else:
            bundles.append([rule])
    merged: list[Rule] = []
    for bundle in bundles:
        joined: list[Rule] = []
        for rule in sorted(bundle, key=lambda rule: rule.low):
            if joined and rule.low <= joined[-1].high + _NEAR:
                last = joined[-1]
                joined[-1] = Rule(rule.horizontal, last.at, last.low, max(last.high, rule.high))
            else:
                joined.append(rule)
        merged += joined
    return merged


def _positions(rules: Sequence[Rule]) -> list[float]:
    """Where `rules` lie, from low to high, near ones counted once."""
    found: list[float] = []
    for at in sorted(rule.at for rule in rules):
        if not found or at - found[-1] > _NEAR:
            found.append(at)
    return found


def _table(grid: _Grid, words: Sequence[Word]) -> Table | None:
    """The table that `words` make in `grid`; None where they are all in one column."""
    columns, rows = _positions(grid.down), _positions(grid.across)[::-1]
    cells: dict[tuple[int, int], list[Word]] = {}
    spans: dict[tuple[int, int], int] = {}
    for word in words:
        place, last_row = _place(grid, word, columns, rows)
        cells.setdefault(place, []).append(word)
        spans[place] = last_row
    if len({column for _, column in cells}) < 2:
        return None
    texts = [["" for _ in columns[1:]] for _ in rows[1:]]
    bold = [True for _ in rows[1:]]
    for (row, column), members in cells.items():
        for spanned in range(row, min(spans[row, column], len(texts) - 1) + 1):
            texts[spanned][column] = cell_text(members)
        bold[row] = bold[row] and all(word.bold for word in members)
    filled = [(row, heavy) for row, heavy in zip(texts, bold, strict=True) if any(row)]
    heads = next((index for index, (_, heavy) in enumerate(filled) if not heavy), len(filled))
    return Table([row for row, _ in filled], heads if heads < len(filled) else 0)


def _place(grid: _Grid, word: Word, columns: list[float], rows: list[float]) -> tuple[tuple[int, int], int]:
    """Row and column of the cell around `word`, and the last row that the cell spans."""
    x, y = (word.x0 + word.x1) / 2, _middle(word)
    left = max((rule.at for rule in grid.down if rule.at <= x and rule.low <= y <= rule.high), default=columns[0])
    above = min((rule.at for rule in grid.across if rule.at >= y and _covers(rule, x)), default=rows[0])
    below = max((rule.at for rule in grid.across if rule.at < y and _covers(rule, x)), default=rows[-1])
    column = min(max(bisect_right(columns, left + _NEAR) - 1, 0), len(columns) - 2)
    falling = [-row for row in rows]
    row = min(max(bisect_right(falling, -above + _NEAR) - 1, 0), len(rows) - 2)
    last = max(row, bisect_right(falling, -below - _NEAR) - 1)
    return (row, column), min(last, len(rows) - 2)


def _covers(rule: Rule, x: float) -> bool:
    return rule.low - _NEAR <= x <= rule.high + _NEAR


def cell_text(words: Sequence[Word]) -> str:
    """The text of a cell, its lines joined."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: -word.y):
        if lines and lines[-1][0].y - word.y < 0.4 * word.size:
            lines[-1].append(word)
        else:
            lines.append([word])
    return join_lines([join_words(sorted(line, key=lambda word: word.x0)) for line in lines])


def join_lines(lines: Sequence[str]) -> str:
    """Lines as one text; a hyphen at the end of a line stays only where it may be part of the word."""
    text = ""
    for line in lines:
        if text.endswith("-") and len(text) > 1 and text[-2].isalpha() and line[:1].islower():
            text = (text if text[:-1].rpartition(" ")[2].lower() in _PREFIXES else text[:-1]) + line
        elif text.endswith("-") and len(text) > 1 and text[-2].isalnum() and line[:1].isalnum():
            text += line
        else:
            text = f"{text} {line}" if text else line
    return text


_PREFIXES_WORDS = """
    self non all cross high low half full quick short long two three four cold hot heavy light built well on
    off plug fail drop pop step single double water air oil hand side
"""
_PREFIXES = frozenset(_PREFIXES_WORDS.split())


def _middle(word: Word) -> float:
    return word.y + 0.3 * word.size
