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
from collections.abc import Callable, Collection, Mapping, Sequence
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

    A sentence that is torn by what is no evidence stays in one piece: `said` leaves that out when it is shown.

    Args:
        passage: as it was found.
        weights: the question's terms with their inverse document frequencies.
    """
    bounds: list[tuple[int, int]] = []
    stretches = _stretches(passage.text, passage.abbreviations, _no_evidence(weights))
    if stretches == [(0, len(passage.text), False)]:
        return (passage,)
    for start, end, torn in stretches:
        if torn:
            start = bounds.pop()[0]
        bounds.append((start, end))
    return tuple(_piece(passage, start, end) for start, end in bounds)


def said(text: str, weights: Mapping[str, float]) -> str:
    """`text`, which is about to be shown as an answer, without what is no evidence; "" when nothing is left."""
    return _joined(text, _stretches(text, (), _no_evidence(weights)))


def for_readers(passage: Passage) -> str:
    """The text of `passage` without what speaks to a machine, as the generator sees it: it depends on nothing else."""
    return _joined(passage.text, _stretches(passage.text, passage.abbreviations, lambda text: -1))


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


def _no_evidence(weights: Mapping[str, float]) -> Callable[[str], int]:
    """Where in a sentence a request for words begins that is not about these terms; -1 when none does."""
    wanted = sum(weights.values()) * _ABOUT_IT

    def begin(text: str) -> int:
        at = _request(text)
        if at >= 0:
            held = frozenset(terms(text[at:]))
            if sum(weight for term, weight in weights.items() if term in held) >= wanted:
                return -1
        return at

    return begin


def _joined(text: str, stretches: Sequence[tuple[int, int, bool]]) -> str:
    parts = [f"{' ' if torn else chr(10)}{text[start:end]}" for start, end, torn in stretches]
    return "".join(parts)[1:]


def _stretches(
    text: str, abbreviations: Collection[str], no_evidence: Callable[[str], int]
) -> list[tuple[int, int, bool]]:
    """The stretches of `text` between what speaks to a machine or is no evidence: start, end, whether it goes on with
    the sentence that the one before ends in. All of `text` when there is nothing of the kind.
    """
    found: list[tuple[int, int, bool]] = []
    first = last = -1
    whole, ordered, torn = True, False, False
    waiting = list(iter_sentences(text, abbreviations))[::-1]
    while waiting:
        start, end = waiting.pop()
        marks = list(MARKS.finditer(text, start, end))
        if marks and marks[-1].end() < end:  # what the marks of a template stand in front of is read without them
            waiting.append((marks[-1].end(), end))
            end = marks[-1].end()
        sentence = text[start:end]
        at = 0 if marks else _order(sentence)
        if at < 0 and ordered and GOES_ON.search(latin(sentence)):
            at = 0
        ordered = at >= 0
        at = at if ordered else no_evidence(sentence)
        if at:  # -1 when all of it is evidence, else what stands in front
            first = start if first < 0 else first
            last = end if at < 0 else start + len(sentence[:at].rstrip())
        if at < 0:
            continue
        whole = False
        if first >= 0:
            found.append((first, last, torn))
        rest = _STOP.search(sentence, at) if at else None
        first, torn = -1, rest is not None
        if rest:
            waiting.append((start + rest.end(), end))
    if first >= 0:
        found.append((first, last, torn))
    return [(0, len(text), False)] if whole else found


def _piece(passage: Passage, start: int, end: int) -> Passage:
    """A part of `passage`; one that begins inside a table carries the table's header with it."""
    text = passage.text[start:end]
    in_table = is_row(text.partition("\n")[0])
    context = header_of(start, passage.text, passage.context) if in_table else passage.context
    return replace(passage, start=passage.start + start, end=passage.start + end, text=text, context=context)
