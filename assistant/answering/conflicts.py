"""Documents that say the same thing with different numbers, or give one code different meanings. Pure.

They are shown side by side, with their dates, never merged. Which one holds is not for a program to decide: the newer
document may be of another variant of the device, and E07 is a fault of the pump and another one of the boiler.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistant.answering.evidence import negated
from assistant.answering.tables import CELL, header_of, is_row, spelled_out, statements
from assistant.quantities import identifiers, quantities
from assistant.retrieval.terms import terms
from assistant.types import Evidence, Passage

_SAME = 0.75
"""Least share of the words of two sentences, numbers apart, that they have in common to be one statement."""
_FEWEST_WORDS = 2
"""Words that a statement must have in common with another beside its numbers."""
_MOST_OTHERS = 2
"""Other meanings of a code that are told."""
_CODE_WORDS = 2
"""Words of a cell that holds a code alone: "E07", "Fault E07"."""
_NUMBER = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Conflict:
    """One statement, as two documents make it."""

    first: Evidence
    other: Evidence

    def told(self) -> str:
        """Both, each with its document and date, the newest first."""
        newer, older = sorted((self.first, self.other), key=lambda one: one.passage.dated or "", reverse=True)
        return f"The documents differ: {_says(newer)}; {_says(older)}."


def conflict(
    answered: Sequence[Evidence], passages: Sequence[Passage], weights: Mapping[str, float]
) -> Conflict | None:
    """The first statement behind an answer that another of `passages` makes with another number; None without.

    Args:
        answered: what the answer rests on.
        passages: what was found for the question.
        weights: the question's terms: a document that the question names is not held against one that it does not.
    """
    for evidence in answered:
        for stated in _statements(evidence.passage, evidence.start, evidence.end):
            for passage in passages:
                if passage.document == evidence.passage.document or _only_first_named(evidence, passage, weights):
                    continue
                for other in _statements(passage, passage.start, passage.end):
                    if _differ(stated, other):
                        return Conflict(stated.evidence, other.evidence)
    return None


@dataclass(frozen=True, slots=True)
class Meanings:
    """What other documents say that a code of the question means."""

    code: str
    others: tuple[Evidence, ...]

    def told(self) -> str:
        """All, each with its document and date."""
        return f"{self.code.upper()} has other meanings: " + "; ".join(map(_lists, self.others)) + "."


def meanings(
    question: str, answered: Sequence[Evidence], passages: Sequence[Passage], weights: Mapping[str, float]
) -> Meanings | None:
    """What other documents than the answer's list below the code that `question` asks about; None without.

    Args:
        question: the text that was searched for.
        answered: what the answer rests on.
        passages: what was found for the question.
        weights: the question's terms: a document that the question names is not held against one that it does not.
    """
    codes = identifiers(question)
    if len(codes) != 1:
        return None
    known = {evidence.passage.document for evidence in answered}
    if not any(codes & identifiers(f"{one.quote} {one.passage.section}") for one in answered):
        return None  # the answer is about something else
    others: dict[str, Evidence] = {}
    for passage in passages:
        if passage.document in known or any(_only_first_named(one, passage, weights) for one in answered):
            continue
        row = next(_listed(passage, codes), None)
        if row is not None:
            others.setdefault(passage.document, row)
    return Meanings(next(iter(codes)), tuple(others.values())[:_MOST_OTHERS]) if others else None


def _listed(passage: Passage, codes: set[str]) -> Iterator[Evidence]:
    """The rows of a passage's tables that begin with the code."""
    for start, end in statements(passage.text, passage.abbreviations):
        text = passage.text[start:end]
        first = text.split(CELL)[0]
        if is_row(text) and len(first.split()) <= _CODE_WORDS and identifiers(first) == codes:
            yield Evidence(passage, passage.start + start, passage.start + end, 1.0)


@dataclass(frozen=True, slots=True)
class _Statement:
    evidence: Evidence
    words: frozenset[str]
    numbers: frozenset[tuple[str, str]]
    negated: bool


def _statements(passage: Passage, start: int, end: int) -> Iterator[_Statement]:
    """Sentences with numbers that lie in this span of the document; rows share their words with every other row."""
    for first, last in statements(passage.text, passage.abbreviations):
        text = passage.text[first:last]
        if first + passage.start < start or last + passage.start > end or is_row(text):
            continue
        numbers = frozenset((one.number, one.unit) for one in quantities(text))
        if numbers:
            words = frozenset(term for term in terms(text) if not _NUMBER.search(term))
            evidence = Evidence(passage, passage.start + first, passage.start + last, 1.0)
            yield _Statement(evidence, words, numbers, negated(text))


def _differ(one: _Statement, other: _Statement) -> bool:
    common = one.words & other.words
    if len(common) < _FEWEST_WORDS or len(common) < _SAME * len(one.words | other.words):
        return False
    if one.negated != other.negated or len(one.numbers) != len(other.numbers):
        return False
    return one.numbers != other.numbers and _units(one) == _units(other)


def _units(statement: _Statement) -> list[str]:
    return sorted(unit for _, unit in statement.numbers)


def _only_first_named(evidence: Evidence, other: Passage, weights: Mapping[str, float]) -> bool:
    """Whether the question names the document of `evidence` by words of its title that the other's has not."""
    own = frozenset(terms(evidence.passage.title)) & weights.keys()
    return not own <= frozenset(terms(other.title))


def _says(evidence: Evidence) -> str:
    return f"{_named(evidence.passage)} says “{' '.join(evidence.quote.split())}”"


def _lists(row: Evidence) -> str:
    passage = row.passage
    columns = header_of(row.start - passage.start, passage.text, passage.context)
    return f"{_named(passage)} lists “{spelled_out(row.quote, columns)}”"


def _named(passage: Passage) -> str:
    return f"{passage.document} ({passage.dated})" if passage.dated else passage.document
