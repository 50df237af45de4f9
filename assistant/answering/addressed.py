"""What in a document speaks to a machine instead of its reader, and is no evidence. Pure.

Whoever controls one section of one manual can write orders into it for the assistant that reads it out. Small models
follow some of them, and quoting them as an answer is hardly better. Told apart are not the orders but

- what is **spoken to a machine**: it calls its reader an assistant or a model, speaks of "your answer" or of earlier
  instructions, or is written in the marks of a chat template. It is never evidence, and the generator does not see it;
- a **request for words**: a question, or an order to write, tell, explain or spell something. It states nothing, so it
  is evidence only where it holds half of what was asked.

Passages are cut at both into pieces, so that offsets keep pointing into the stored text and no quotation reaches over
them. How such sentences sound stands in `assistant.answering.phrases`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from assistant.answering.phrases import ASKS, GOES_ON, MARKS, TO_A_MACHINE, WANTING, WANTS_WORDS
from assistant.answering.tables import header_of, is_row
from assistant.characters import latin
from assistant.retrieval.terms import terms
from assistant.sentences import iter_sentences
from assistant.types import Passage

_ABOUT_IT = 0.5
"""Least share of the question's terms, by weight, that a request for words must hold to be about what was asked."""
_WORD = re.compile(r"[^\W_]+")
_STOP = re.compile(r"[.!?][\"'”’»)\]]*\s+(?=\S)")
_LONGEST = 2000
"""Characters of a sentence that are looked at: more is no sentence."""


def to_a_machine(text: str) -> bool:
    """Whether this sentence, heading or row speaks to an assistant or a model."""
    return _order(text) >= 0


def wants_words(text: str) -> bool:
    """Whether this sentence asks something, or orders something to be written or told, and so states nothing."""
    return _request(text) >= 0


def evidence_of(passage: Passage, weights: Mapping[str, float]) -> tuple[Passage, ...]:
    """The pieces of `passage` that may be an answer or support one, in their order; most passages are one piece.

    Args:
        passage: as it was found.
        weights: the question's terms with their inverse document frequencies.
    """
    wanted = sum(weights.values()) * _ABOUT_IT

    def no_evidence(text: str) -> int:
        at = _request(text)
        if at >= 0:
            held = frozenset(terms(text[at:]))
            if sum(weight for term, weight in weights.items() if term in held) >= wanted:
                return -1
        return at

    return tuple(_pieces(passage, no_evidence))


def for_readers(passage: Passage, start: int | None = None, end: int | None = None) -> str:
    """The text of `passage`, or of a span of its document, without what speaks to a machine.

    It depends on nothing but the passage: the generator sees it so, and steps are shown so.
    """
    start, end = passage.start if start is None else start, passage.end if end is None else end
    text = passage.text[start - passage.start : end - passage.start]
    pieces = _pieces(replace(passage, start=start, end=end, text=text), lambda text: -1)
    return "\n".join(piece.text for piece in pieces)


def headings_for_readers(passage: Passage) -> tuple[str, ...]:
    """Title and headings above `passage`, without those that speak to a machine."""
    return tuple(one for one in dict.fromkeys((passage.title, *passage.heading_path)) if not to_a_machine(one))


def _order(text: str) -> int:
    """Where what speaks to a machine begins in this sentence; -1 when nothing does."""
    text = text[:_LONGEST]
    for read in dict.fromkeys((text, latin(text))):  # Russian, and what only looks like English
        hints = _hints(read)
        found = [
            match.start() for wanted, pattern in TO_A_MACHINE if wanted & hints and (match := pattern.search(read))
        ]
        if found:
            return _begin(text, min(found))
    return -1


def _request(text: str) -> int:
    """Where a request for words begins in this sentence; -1 when there is none."""
    if ASKS.search(text):
        return 0
    text = text[:_LONGEST]
    read = latin(text)
    match = WANTS_WORDS.search(read) if WANTING & _hints(read) else None
    return _begin(text, match.start()) if match else -1


def _hints(text: str) -> frozenset[str]:
    return frozenset(word[:4] for word in _WORD.findall(text.lower()))


def _begin(text: str, found: int) -> int:
    """Where to cut a sentence in which something was found: in front of it, where a capital begins it, else at 0.

    Text files are read with their lines joined, so an order on a line of its own stands in the middle of a sentence.
    """
    at = found + len(text[found:]) - len(text[found:].lstrip())
    return at if text[at : at + 1].isupper() and text[at - 1 : at].isspace() else 0


def _pieces(passage: Passage, no_evidence: Callable[[str], int]) -> Iterator[Passage]:
    """The stretches of `passage` between what speaks to a machine, or is no evidence."""
    first = last = -1
    whole, ordered = True, False
    waiting = list(iter_sentences(passage.text, passage.abbreviations))[::-1]
    while waiting:
        start, end = waiting.pop()
        text = passage.text[start:end]
        at = _order(text)
        marks = list(MARKS.finditer(text))
        if marks and marks[-1].end() < len(text):  # what a template's marks stand in front of is read without them
            waiting.append((start + marks[-1].end(), end))
            end, at = start + marks[-1].end(), 0
            text = passage.text[start:end]
        if at < 0 and ordered and GOES_ON.search(latin(text)):
            at = 0
        ordered = at >= 0
        at = at if ordered else no_evidence(text)
        if at:  # -1 when all of it is evidence, else what stands in front
            first = start if first < 0 else first
            last = end if at < 0 else start + len(text[:at].rstrip())
        if at >= 0:
            whole = False
            if first >= 0:
                yield _piece(passage, first, last)
            first = -1
            if at and not marks and (rest := _STOP.search(text, at)):  # the torn sentence goes on behind it
                waiting.append((start + rest.end(), end))
    if whole:
        yield passage
    elif first >= 0:
        yield _piece(passage, first, last)


def _piece(passage: Passage, start: int, end: int) -> Passage:
    """A part of `passage`; one that begins inside a table carries the table's header with it."""
    text = passage.text[start:end]
    in_table = is_row(text.partition("\n")[0])
    context = header_of(start, passage.text, passage.context) if in_table else passage.context
    return replace(passage, start=passage.start + start, end=passage.start + end, text=text, context=context)
