"""Cuts a span of text that is too long into pieces that are not.

Pure: it knows no document and no passage, only where text may be cut with the least harm: at the end of a sentence,
line or cell, then behind a clause, then at a space, and inside a word only where there is nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from assistant.sentences import iter_sentences
from assistant.types import BlockKind

Span = tuple[int, int]
Measure = Callable[[int, int], int]
"""Tokens of `text[start:end]`."""

_CELL_END = re.compile(r" \| ")
_CLAUSE_END = re.compile(r"[,;:)–—](?=\s)|[、，；]")
_CHARACTERS_PER_TOKEN = 3
"""A careful first guess; what has been measured replaces it."""


def cut(
    text: str,
    span: Span,
    kind: BlockKind,
    measure: Measure,
    *,
    most_tokens: int,
    most_characters: int,
    abbreviations: Collection[str] = frozenset(),
) -> Iterator[Span]:
    """Yield spans inside `span`, in order, that hold all its characters but white space between them.

    Each has at most `most_tokens` tokens, unless one character has more, and at most `most_characters` characters.
    """
    held: Span | None = None
    held_tokens = 0
    for start, end in _segments(text, span, kind, abbreviations):
        if end - start > most_characters or (tokens := measure(start, end)) > most_tokens:
            if held is not None:
                yield held
            held, held_tokens = None, 0
            yield from _cut_anywhere(text, (start, end), measure, most_tokens, most_characters)
        elif held is not None and held_tokens + tokens <= most_tokens and end - held[0] <= most_characters:
            held, held_tokens = (held[0], end), held_tokens + tokens
        else:
            if held is not None:
                yield held
            held, held_tokens = (start, end), tokens
    if held is not None:
        yield held


def halves(text: str, span: Span) -> list[Span]:
    """`span` as two spans cut near its middle, at a space where there is one; fewer where it cannot be cut."""
    start, end = span
    middle = (start + end) // 2
    spaces = [place for place in (text.rfind(" ", start, middle), text.find(" ", middle, end)) if place > start]
    place = min(spaces, key=lambda candidate: abs(candidate - middle), default=middle)
    return [half for half in (_trim(text, start, place), _trim(text, place, end)) if half[0] < half[1]]


def _segments(text: str, span: Span, kind: BlockKind, abbreviations: Collection[str]) -> Iterator[Span]:
    """The parts of a block that are best kept whole: cells of a row, or sentences and lines of anything else."""
    start, end = span
    if kind in (BlockKind.TABLE_ROW, BlockKind.TABLE_HEADER):
        for match in _CELL_END.finditer(text, start, end):
            yield _trim(text, start, match.end())
            start = match.end()
        if start < end:
            yield _trim(text, start, end)
    else:
        for first, last in iter_sentences(text[start:end], abbreviations):
            yield start + first, start + last


def _cut_anywhere(text: str, span: Span, measure: Measure, most_tokens: int, most_characters: int) -> Iterator[Span]:
    start, end = span
    length = min(most_characters, most_tokens * _CHARACTERS_PER_TOKEN)
    while start < end:
        stop = end if end - start <= length else _best_cut(text, start, start + length)
        piece = _trim(text, start, stop)
        tokens = measure(*piece)
        if tokens > most_tokens and piece[1] - piece[0] > 1:
            length = max(1, min((stop - start) - 1, (stop - start) * most_tokens // (tokens + 1)))
            continue
        if piece[0] < piece[1]:
            yield piece
            length = max(1, min(most_characters, int((stop - start) * most_tokens * 0.95 / max(tokens, 1))))
        start = stop


def _best_cut(text: str, start: int, end: int) -> int:
    """Where to cut between `start` and `end`, as late as the kind of place allows."""
    clauses = [match.end() for match in _CLAUSE_END.finditer(text, start + (end - start) // 2, end)]
    if clauses:
        return clauses[-1]
    space = text.rfind(" ", start + 1, end + 1)
    return space if space > start else end


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
