"""Answering without a model: the sentences of the passages that fit a question best. Pure.

What is shown is verbatim, but for table rows: they are shown with their column names, and cited verbatim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assistant.answering.tables import header_of, is_row, spelled_out
from assistant.retrieval.terms import terms
from assistant.sentences import iter_sentences
from assistant.types import Evidence, Passage

_MOST_SENTENCES = 120
"""Sentences that are compared with the question: three long passages' worth."""
_COSINE_SHARE = 0.5
"""Weight of meaning against shared terms, both 0 to 1 (sample manuals, see benchmarks/LOG.md)."""
_PASSAGE_SHARE = 0.1
"""What a sentence of the first passage is ahead of one of the last."""
_LEAST = 0.35
"""Below this a sentence answers nothing."""
_NEXT_BELONGS = 0.85
"""A neighbour with at least this share of the best value is quoted with it."""

Similarity = Callable[[str, Sequence[str]], Sequence[float]]
"""Cosine similarities of texts to a question."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A quotation and how it is shown."""

    evidence: Evidence
    shown: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    passage: Passage
    rank: int
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def shown(self) -> str:
        if not is_row(self.text):
            return self.text
        return spelled_out(self.text, header_of(self.start, self.passage.text, self.passage.context))


def best_quote(
    question: str, weights: Mapping[str, float], passages: Sequence[Passage], similarity: Similarity
) -> Quote | None:
    """The sentence that answers `question` best, with its neighbour where that fits nearly as well.

    Args:
        question: the text that was searched for.
        weights: its terms with their inverse document frequencies.
        passages: best first.
        similarity: cosine similarities of texts to the question.

    Returns:
        None when no sentence fits.
    """
    candidates = [candidate for rank, passage in enumerate(passages) for candidate in _sentences(passage, rank)]
    candidates = candidates[:_MOST_SENTENCES]
    if not candidates:
        return None
    cosines = similarity(question, [candidate.shown for candidate in candidates])
    values = [_value(one, weights, cosine) for one, cosine in zip(candidates, cosines, strict=True)]
    best = max(range(len(values)), key=lambda index: (values[index], -index))
    if values[best] < _LEAST:
        return None
    first, last = _with_neighbour(candidates, values, best)
    start, end = candidates[first], candidates[last]
    evidence = Evidence(
        start.passage, start.passage.start + start.start, end.passage.start + end.end, min(1.0, values[best])
    )
    return Quote(evidence, start.shown if first == last else start.passage.text[start.start : end.end])


def _sentences(passage: Passage, rank: int) -> list[_Candidate]:
    bounds = list(iter_sentences(passage.text, passage.abbreviations))
    found = [_Candidate(passage, rank, start, end) for start, end in bounds]
    # The header of a table answers nothing by itself.
    return [one for one in found if not (is_row(one.text) and one.shown == one.text and not passage.context
                                         and header_of(one.start, passage.text, "") == "")]  # fmt: skip


def _value(candidate: _Candidate, weights: Mapping[str, float], cosine: float) -> float:
    passage = candidate.passage
    held = frozenset(terms(" \n ".join((candidate.shown, passage.context))))
    above = frozenset(terms(" \n ".join((passage.title, *passage.heading_path)))) - held
    total = sum(weights.values()) or 1.0
    share = sum(weight * (1.0 if term in held else 0.5 if term in above else 0.0) for term, weight in weights.items())
    fit = (1 - _COSINE_SHARE) * share / total + _COSINE_SHARE * max(cosine, 0.0)
    return fit * (1 - _PASSAGE_SHARE * candidate.rank)


def _with_neighbour(candidates: Sequence[_Candidate], values: Sequence[float], best: int) -> tuple[int, int]:
    """Indices of the first and last sentence to quote."""
    for first, last, other in ((best, best + 1, best + 1), (best - 1, best, best - 1)):
        if not 0 <= other < len(candidates) or candidates[other].passage is not candidates[best].passage:
            continue
        rows = is_row(candidates[other].text) or is_row(candidates[best].text)
        if not rows and values[other] >= _NEXT_BELONGS * values[best]:
            return first, last
    return best, best
