"""Sentences out of a stream of text, each as soon as it is complete. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assistant.sentences import iter_sentences


def sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Yield each sentence of the joined `pieces` with the white space that follows it.

    A sentence counts as complete when the next one has begun, because only that tells an abbreviation from an end, or
    at the end of the stream. Joined again, the sentences are the text without leading white space.
    """
    buffer = ""
    for piece in pieces:
        buffer += piece
        while cut := _first_end(buffer):
            yield buffer[:cut]
            buffer = buffer[cut:]
    while cut := _first_end(buffer):
        yield buffer[:cut]
        buffer = buffer[cut:]
    if buffer.strip():
        yield buffer


def _first_end(buffer: str) -> int:
    """Where the second sentence of `buffer` begins; 0 when there is none yet."""
    bounds = iter_sentences(buffer)
    next(bounds, None)
    second = next(bounds, None)
    return second[0] if second else 0
