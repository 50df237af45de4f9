"""Scores of a ranking and of an answer. Ids and texts in, a number from 0 to 1 out; relevance is 0 or 1.

Definitions: hit@k, nDCG@10, MRR@10 and MAP as in the data sets' description; word F1 and exact match as SQuAD defines
them; ROUGE-L is that of the package rouge-score. The ranking scores are our own, four short sums: the libraries for
them (ir-measures, ranx) need compiled packages that small boards have no wheels for. Tests hold them against
ir-measures.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from benchmarks.errors import BenchmarkError

AnswerScore = Callable[[str, Sequence[str]], float]
"""Of an answer, given all that are right."""
_DEPTH = 10
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NUMBER = re.compile(
    r"(?:(?<![^\s(])[-−–])?"
    r"(?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+[.,]\d\d(?!\d)|\d+(?:[.,]\d+)*)"  # "2 500.00" is one number
)
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")


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


def average_precision(ranked: Sequence[str], relevant: frozenset[str]) -> float:
    """Mean over the relevant ones of the precision at their ranks; one that was not found counts as 0."""
    found, total = 0, 0.0
    for rank, ident in enumerate(ranked, start=1):
        if ident in relevant:
            found += 1
            total += found / rank
    return total / len(relevant)


def words(text: str) -> list[str]:
    """The text's words as SQuAD compares them: lower case, without punctuation and articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def word_f1(given: str, answers: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of the words, best over the right answers."""
    return max((_f1(words(given), words(answer)) for answer in answers), default=0.0)


def exact(given: str, answers: Sequence[str]) -> float:
    """1 if the words are those of a right answer, else 0."""
    return float(any(words(given) == words(answer) for answer in answers))


def rouge_l(given: str, answers: Sequence[str]) -> float:
    """F-measure of the longest common run of words, gaps allowed, best over the right answers.

    Raises:
        BenchmarkError: the package that computes it is not installed.
    """
    return max((float(_rouge().score(answer, given)["rougeL"].fmeasure) for answer in answers), default=0.0)


def contains(given: str, answers: Sequence[str]) -> float:
    """1 if the words of a right answer stand in the reply, side by side and in order, else 0."""
    said = f" {' '.join(words(given))} "
    wanted = [" ".join(words(answer)) for answer in answers]
    return float(any(text and f" {text} " in said for text in wanted))


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text in one spelling: "1,200.50" and "1200.5" are the same, "-5" and "5" are not.

    Those inside of codes count ("E07" holds 7); numbers in words do not, and units are not looked at.
    """
    return frozenset(_plain(match.group()) for match in _NUMBER.finditer(text))


def numbers_right(given: str, answers: Sequence[str]) -> float | None:
    """1 if all numbers of a right answer are in the reply, else 0; None when no right answer has one."""
    wanted = [found for answer in answers if (found := numbers(answer))]
    return float(any(found <= numbers(given) for found in wanted)) if wanted else None


def no_other_number(given: str, answers: Sequence[str], question: str) -> float | None:
    """1 if each number of the reply is in a right answer or in the question, else 0; None where there is none.

    None also when no right answer has a number: the reply may then be right and say more than was asked.
    """
    right = frozenset[str]().union(*(numbers(answer) for answer in answers))
    said = numbers(given)
    return float(said <= right | numbers(question)) if said and right else None


def wrong_number(given: str, answers: Sequence[str], question: str) -> float:
    """1 if the reply names numbers where the right answer has others: none of its own, else 0.

    A reply without numbers, or to a question whose right answers have none, names no wrong one. Where nothing answers
    the question, each number but those of the question is wrong.
    """
    said = numbers(given) - numbers(question)
    if not said:
        return 0.0
    right = [found for answer in answers if (found := numbers(answer) - numbers(question))]
    if not answers:
        return 1.0
    return float(bool(right) and len(right) == len(answers) and not any(found & said for found in right))


def unsourced_number(given: str, sources: Sequence[str], question: str) -> float:
    """1 if the reply names a number that stands neither in what it cites nor in the question, else 0."""
    return float(bool(numbers(given) - frozenset[str]().union(*map(numbers, (*sources, question)))))


def _f1(given: list[str], right: list[str]) -> float:
    if not given or not right:
        return float(given == right)
    common = sum((Counter(given) & Counter(right)).values())
    return 2 * common / (len(given) + len(right))


def _plain(number: str) -> str:
    sign = "-" if number[0] in "-−–" else ""
    digits = re.sub(r"[-−– \u00a0\u202f]", "", number)
    digits = digits.replace(",", "") if _THOUSANDS.fullmatch(digits) else digits.replace(",", ".")
    if digits.count(".") > 1:
        return sign + digits  # a version, a date, a chapter
    whole, _, part = digits.partition(".")
    part = part.rstrip("0")
    return sign + (whole.lstrip("0") or "0") + (f".{part}" if part else "")


@cache
def _rouge() -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as exc:
        raise BenchmarkError(
            "ROUGE-L needs the package rouge-score; install it with `pip install rouge-score`."
        ) from exc
    return RougeScorer(["rougeL"], use_stemmer=False)
