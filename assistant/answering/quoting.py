"""Answering without a model: the sentences of the passages that fit a question best. Pure.

What is shown is verbatim, but for table rows: they are shown with their column names, and cited verbatim. A question
for a fact gets the sentence that states it; one for an explanation gets the stretch of its passage that has to do with
it, because what explains something is seldom one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.answering.reading import Sentence
from assistant.answering.tables import is_row
from assistant.types import Evidence

_LEAST = 0.15
"""Below this value a sentence answers nothing. Whether to answer at all was decided before, by calibrated evidence."""
_NEXT_BELONGS = 0.85
"""A neighbour with at least this share of the best value is quoted with it."""
_BESIDE_THE_POINT = 0.2
"""Sentences that fit less are left out at the ends of an explanation (open Smart-TV set, see benchmarks/LOG.md)."""
_NEIGHBOURS_SHARE = 0.5
"""What a sentence of an explanation has of its fit from the better of its neighbours."""
_ASKS_FOR_EXPLANATION = re.compile(
    r"\bhow (do|can|to|should|would|must|does|is|are|did)\b|^\W*(can|could|is it possible|explain|please|i |my |why|"
    r"describe|tell)|\bwhat (should|can|happens|will|to do)\b|"
    r"\b(steps|procedure|instructions|explain|different|kinds of|functions|features)\b|"
    r"^\W*(wie (kann|muss|soll|sollte|\w+[et]) (ich|man|wir)|warum|weshalb|wozu|erklär\w*|beschreib\w*)\b|"
    r"^\W*(c[oó]mo (se|puedo|debo|debe|hay que|\w{3,}o)|por qué|para qué|expli\w+|describ\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quote:
    """A quotation and how it is shown."""

    evidence: Evidence
    shown: str


def asks_for_explanation(question: str) -> bool:
    """Whether `question` asks how, why or whether, rather than for one fact."""
    return bool(_ASKS_FOR_EXPLANATION.search(question))


def best_quote(question: str, sentences: Sequence[Sentence]) -> Quote | None:
    """What answers `question` best of these sentences.

    Args:
        question: the text that was searched for.
        sentences: in reading order.

    Returns:
        None when no sentence fits.
    """
    if not sentences:
        return None
    best = max(range(len(sentences)), key=lambda index: (sentences[index].value, -index))
    value = sentences[best].value
    if value < _LEAST:
        return None
    wide = asks_for_explanation(question) and not is_row(sentences[best].text)
    first, last = _explanation(sentences, best) if wide else _with_neighbour(sentences, best)
    start, end = sentences[first], sentences[last]
    held = start.passage
    evidence = Evidence(held, held.start + start.start, held.start + end.end, min(1.0, value))
    return Quote(evidence, start.shown if first == last else held.text[start.start : end.end])


def _with_neighbour(sentences: Sequence[Sentence], best: int) -> tuple[int, int]:
    """Indices of the first and last sentence to quote: the best, and one beside it that fits nearly as well."""
    for first, last, other in ((best, best + 1, best + 1), (best - 1, best, best - 1)):
        if not 0 <= other < len(sentences) or sentences[other].passage is not sentences[best].passage:
            continue
        rows = is_row(sentences[other].text) or is_row(sentences[best].text)
        if not rows and sentences[other].value >= _NEXT_BELONGS * sentences[best].value:
            return first, last
    return best, best


def _explanation(sentences: Sequence[Sentence], best: int) -> tuple[int, int]:
    """Indices of the first and last sentence of the stretch around the best that has to do with the question.

    Each sentence counts by its words and by how far it fits above what is beside the point; the stretch with the
    largest sum is the one (Kadane's algorithm, in both directions from the best sentence).
    """
    passage = sentences[best].passage
    inside = [index for index, one in enumerate(sentences) if one.passage is passage]

    def gain(index: int) -> float:
        fits = [sentences[other].fit for other in (index - 1, index + 1) if other in inside]
        own = sentences[index].fit
        fit = (1 - _NEIGHBOURS_SHARE) * own + _NEIGHBOURS_SHARE * max(fits, default=own)
        return (fit - _BESIDE_THE_POINT) * len(sentences[index].text.split())

    def furthest(path: Sequence[int]) -> int:
        reached, total, most = best, 0.0, 0.0
        for index in path:
            total += gain(index)
            if total > most:
                reached, most = index, total
        return reached

    return furthest(range(best - 1, inside[0] - 1, -1)), furthest(range(best + 1, inside[-1] + 1))
