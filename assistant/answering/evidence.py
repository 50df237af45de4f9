"""The evidence gate: which span of the passages supports a sentence, and whether it does. Pure.

A sentence is supported when most of its terms, by weight, stand close together in one passage, when little of what it
adds to the question is missing there, when none of its numbers, units and identifiers is, when it is negated where its
evidence is, and when its numbers and its words come from the same place. A wrong number is worse than silence: such a
sentence is withheld however well the rest of it fits.

Terms weigh what they weigh in the search: a word that occurs in no document ("app") cannot be made up for by those that
occur in all ("pump").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from assistant.answering.tables import is_row, statements
from assistant.quantities import Quantity, identifiers, quantities
from assistant.retrieval.terms import terms
from assistant.types import Evidence, Passage

MINIMUM_SUPPORT = 0.6
"""Least share of a sentence's terms, by weight, that its evidence must hold."""
_MOST_ADDED = 0.2
"""Least share of the terms that a sentence adds to the question at which their absence from its evidence counts as
invention: one word in five."""
_WIDEST = 2
"""Most neighbouring sentences that together support one."""
_FEWEST_TERMS = 2
"""A claim of one word ("The cable.") is supported by every passage that has it, unless it is a number or a code: its
evidence must speak of what was asked."""
_LEAST_ASKED = 0.5
"""Share of the question's terms, by weight, that the evidence of a claim of one word must hold."""
_NEGATION = re.compile(
    r"\b(not|no(?!\.?\s*\d)|never|none|nothing|neither|nor|without|cannot|can't|don't|doesn't|isn't|aren't|won't|mustn't|"
    r"shouldn't|didn't|wasn't|weren't|nicht|nichts|kein\w*|nie|niemals|weder|ohne|"
    r"nunca|jamás|tampoco|ning[uú]n\w*|sin)\b",
    re.IGNORECASE,
)
_INTERJECTION = re.compile(r"^\s*(yes|no|ja|nein|sí)\s*[,.:;–-]\s*", re.IGNORECASE)
_YES = re.compile(r"^\s*(yes|ja|sí)\s*[,.:;–-]", re.IGNORECASE)
_LIST_MARK = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•])\s+")


def negated(text: str) -> bool:
    """Whether `text` denies something."""
    return bool(_NEGATION.search(text))


def mistakable(sentence: str, quote: str, question: str) -> bool:
    """Whether a number in `sentence` may be the wrong one of several in what it is drawn from.

    A model of this size picks the wrong one often, and nothing in the sentence shows it: "9.9 bar" out of "1.1 times
    the opening pressure: 9.9 bar for the one and 7.7 bar for the other". The reader has to see the others.

    Args:
        sentence: what is said.
        quote: its evidence.
        question: numbers in it are no candidates.
    """
    said = {_facts(one) for one in quantities(sentence)}
    asked = {_facts(one) for one in quantities(question)}
    units = {unit for _, unit in said - asked}
    others = {_facts(one) for one in quantities(quote)} - said - asked
    return any(unit in units for _, unit in others)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found for one sentence."""

    supported: bool
    evidence: Evidence | None
    """The best span, also when it does not support the sentence; None when there is no passage."""
    reason: str = ""
    """Why it is not supported, in a few words, for tests and measurements."""


class Gate:
    """Judges sentences against the passages that a prompt was made of."""

    def __init__(
        self,
        passages: Sequence[Passage],
        weights: Mapping[str, float] | None = None,
        minimum_support: float = MINIMUM_SUPPORT,
    ) -> None:
        """A gate over `passages`.

        Args:
            passages: what the model was given.
            weights: the question's terms with their inverse document frequencies; other terms weigh their mean.
            minimum_support: least share of a sentence's terms, by weight, that its evidence must hold.
        """
        self._weights = weights or {}
        self._usual = sum(self._weights.values()) / len(self._weights) if self._weights else 1.0
        self._spans = [span for passage in passages for span in _spans(passage)]
        self._minimum = minimum_support

    def judge(self, sentence: str) -> Verdict:
        """Whether `sentence` may be shown as fact, and the evidence for it."""
        claim = _Claim(sentence, self._weights, self._usual)
        if not claim.terms or not self._spans:
            return Verdict(False, None, "nothing to support")
        best = max(
            self._spans, key=lambda span: (claim.fits(span), claim.support(span), -span.width, self._asked(span))
        )
        if not claim.substantial and self._asked(best) < _LEAST_ASKED:
            return Verdict(False, None, "nothing to support")
        evidence = Evidence(best.passage, best.start, best.end, claim.support(best))
        if reason := claim.objection(best):
            return Verdict(False, evidence, reason)
        if evidence.score < self._minimum:
            return Verdict(False, evidence, "weak support")
        added = claim.terms - self._weights.keys()
        if added and len(added - best.terms) / len(added) >= _MOST_ADDED:
            return Verdict(False, evidence, "adds what is not in evidence")
        if claim.quantities and self._elsewhere(claim.terms - best.terms, best):
            return Verdict(False, evidence, "numbers of one place, words of another")
        if claim.negated and _YES.match(sentence):
            return Verdict(False, evidence, "yes to a denial")  # "Yes, antifreeze must not be used."
        return Verdict(True, evidence)

    def _asked(self, span: _Span) -> float:
        """Share of the question's terms, by weight, that the span holds, 0 to 1."""
        held = sum(weight for term, weight in self._weights.items() if term in span.terms)
        return held / (sum(self._weights.values()) or 1.0)

    def _elsewhere(self, missing: frozenset[str], best: _Span) -> bool:
        """Whether the words that its evidence lacks stand together somewhere else: two rows of a table become one."""
        return len(missing) >= _FEWEST_TERMS and any(
            missing <= span.own for span in self._spans if span.width == 1 and span.start != best.start
        )


class _Facts:
    """What can be checked in one stretch of text."""

    def __init__(self, text: str) -> None:
        self.terms = frozenset(terms(text))
        self.quantities = frozenset(_facts(quantity) for quantity in quantities(text))
        self.identifiers = frozenset(identifiers(text))
        self.negated = negated(text)


class _Span:
    """One sentence of a passage, or two neighbours, with what its headings and table header add."""

    def __init__(self, passage: Passage, start: int, end: int, inside: Sequence[_Facts], above: _Facts) -> None:
        self.passage = passage
        self.start = passage.start + start
        self.end = passage.start + end
        self.width = len(inside)
        self._inside = inside
        self._facts = (*inside, above)

    @cached_property
    def terms(self) -> frozenset[str]:
        return frozenset[str]().union(*(facts.terms for facts in self._facts))

    @cached_property
    def own(self) -> frozenset[str]:
        """Terms of the text itself, without headings and table header."""
        return frozenset[str]().union(*(facts.terms for facts in self._inside))

    def negates(self, terms: frozenset[str]) -> bool:
        """Whether the sentence here that shares most with `terms` is negated; a neighbour's "not" is not its own."""
        return max(self._inside, key=lambda facts: len(facts.terms & terms)).negated

    @cached_property
    def quantities(self) -> frozenset[tuple[str, str]]:
        return frozenset[tuple[str, str]]().union(*(facts.quantities for facts in self._facts))

    @cached_property
    def numbers(self) -> frozenset[str]:
        return frozenset(number for number, _ in self.quantities)

    @cached_property
    def identifiers(self) -> frozenset[str]:
        return frozenset[str]().union(*(facts.identifiers for facts in self._facts))


class _Claim:
    """A sentence of the answer, taken apart."""

    def __init__(self, sentence: str, weights: Mapping[str, float], usual: float) -> None:
        facts = _Facts(_LIST_MARK.sub("", _INTERJECTION.sub("", sentence)))
        self.terms = facts.terms
        self.quantities = facts.quantities
        self.identifiers = facts.identifiers
        self.negated = facts.negated
        self._weights = {term: weights.get(term, usual) for term in facts.terms}
        self._total = sum(self._weights.values()) or 1.0

    @property
    def substantial(self) -> bool:
        """Whether it says enough to be held against anything."""
        return len(self.terms) >= _FEWEST_TERMS or bool(self.terms and (self.quantities or self.identifiers))

    def support(self, span: _Span) -> float:
        """Share of the claim's terms, by weight, that the span holds, 0 to 1."""
        return sum(self._weights[term] for term in self.terms & span.terms) / self._total

    def fits(self, span: _Span) -> bool:
        return not self.objection(span)

    def objection(self, span: _Span) -> str:
        """What in the claim the span contradicts or does not hold; "" when nothing."""
        if missing := self.identifiers - span.identifiers:
            return f"identifier {min(missing)} not in evidence"
        for number, unit in sorted(self.quantities):
            agrees = (number, unit) in span.quantities if unit else number in span.numbers
            if not agrees:
                return f"{number} {unit}".strip() + " not in evidence"
        if self.negated != span.negates(self.terms):
            return "negation differs"
        return ""


def _facts(quantity: Quantity) -> tuple[str, str]:
    return quantity.number, quantity.unit


def _spans(passage: Passage) -> list[_Span]:
    bounds = list(statements(passage.text, passage.abbreviations))
    facts = [_Facts(passage.text[start:end]) for start, end in bounds]
    above = _Facts(" \n ".join((passage.title, *passage.heading_path, passage.context)))
    # A row supports by itself: next to it stand the numbers of something else.
    rows = [is_row(passage.text[start:end]) for start, end in bounds]
    return [
        _Span(passage, bounds[first][0], bounds[first + width - 1][1], facts[first : first + width], above)
        for width in range(1, _WIDEST + 1)
        for first in range(len(bounds) - width + 1)
        if width == 1 or not any(rows[first : first + width])
    ]
