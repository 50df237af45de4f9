"""Sentences out of a stream of text, each as soon as it is complete. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from assistant.sentences import iter_sentences

_ENDED = re.compile(r"[.!?…:;][\"'”’»)\]*_`]*\s*$|\n\s*$")
_MARK_UP = re.compile(r"\*\*|__|`|^#{1,6}\s+", re.MULTILINE)


def plain(sentence: str) -> str:
    """`sentence` without Markdown's marks: answers are read on plain terminals and aloud."""
    return _MARK_UP.sub("", sentence)


def sentences(pieces: Iterable[str], cut_off: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """Yield each sentence of the joined `pieces` with the white space that follows it.

    A sentence counts as complete when the next one has begun, because only that tells an abbreviation from an end, or
    at the end of the stream. Joined again, the sentences are the text without leading white space.

    Args:
        pieces: the stream.
        cut_off: asked at the end: True when the text was ended by a limit and not by its writer. An unfinished last
            sentence is dropped then; what it has not said yet may be what matters.
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
    if buffer.strip() and (not cut_off() or _ENDED.search(buffer)):
        yield buffer


def _first_end(buffer: str) -> int:
    """Where the second sentence of `buffer` begins; 0 when there is none yet."""
    bounds = iter_sentences(buffer)
    next(bounds, None)
    second = next(bounds, None)
    return second[0] if second else 0
