"""Scores of a ranking and of an answer. Pure: ids and texts in, a number from 0 to 1 out; relevance is 0 or 1.

Definitions: hit@k, nDCG@10 and MRR@10 as in the data sets' description; word F1 and exact match as SQuAD defines them.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

AnswerScore = Callable[[str, Sequence[str]], float]
"""Of an answer, given all that are right."""
_DEPTH = 10
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def hit(ranked: Sequence[str], relevant: frozenset[str], k: int) -> float:
    """1 if one of the first k is relevant, else 0."""
    return float(any(ident in relevant for ident in ranked[:k]))


def ndcg(ranked: Sequence[str], relevant: frozenset[str]) -> float:
    """Gain of the relevant ones among the first ten, discounted by rank, as a share of the best possible."""
    gain = sum(1 / math.log2(rank + 2) for rank, ident in enumerate(ranked[:_DEPTH]) if ident in relevant)
    best = sum(1 / math.log2(rank + 2) for rank in range(min(_DEPTH, len(relevant))))
    return gain / best


def reciprocal_rank(ranked: Sequence[str], relevant: frozenset[str]) -> float:
    """1 / rank of the first relevant one; 0 if it is not among the first ten."""
    return next((1 / rank for rank, ident in enumerate(ranked[:_DEPTH], start=1) if ident in relevant), 0.0)


def words(text: str) -> list[str]:
    """The text's words as SQuAD compares them: lower case, without punctuation and articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def word_f1(given: str, answers: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of the words, best over the right answers."""
    return max((_f1(words(given), words(answer)) for answer in answers), default=0.0)


def exact(given: str, answers: Sequence[str]) -> float:
    """1 if the words are those of a right answer, else 0."""
    return float(any(words(given) == words(answer) for answer in answers))


def _f1(given: list[str], right: list[str]) -> float:
    if not given or not right:
        return float(given == right)
    common = sum((Counter(given) & Counter(right)).values())
    return 2 * common / (len(given) + len(right))
