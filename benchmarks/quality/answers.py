"""Answers as they are written, on a sample of questions: words right, refusals, and what became of each question.

Beside the product's answer stands the first baseline: the best passage verbatim, with no model and no gate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from assistant.types import Answer
from benchmarks import measuring, product
from benchmarks.datasets import Question
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, metrics
from benchmarks.rows import Measurement

_OUTCOMES = ("generated", "quoted", "abstained")
BASELINE = "best passage, no model"


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """Word F1 and exact match by kind of question, shares of outcomes, and time."""
    home, questions = _asked(plan, part)
    with product.opened(plan, variant, home) as fieldmate:
        answers = [fieldmate.answer(question.text) for question in questions]
    everything = list(zip(questions, answers, strict=True))
    for kind in dict.fromkeys(question.kind for question in questions):
        pairs = [pair for pair in everything if pair[0].kind == kind]
        yield from _scores(plan, kind, pairs, baseline=variant == plan.variants[0])
        yield from _outcomes(plan, kind, [answer for _, answer in pairs])
    totals = [answer.timings.total for answer in answers]
    yield measuring.median("whole answer", "ms", totals, plan.seed, subset="all")


def _outcomes(plan: Plan, kind: str, answers: Sequence[Answer]) -> Iterator[Measurement]:
    found = ["abstained" if answer.status == "abstained" else answer.mode for answer in answers]
    counts = dict(Counter(found))
    for outcome in _OUTCOMES:
        samples = [float(item == outcome) for item in found]
        yield measuring.mean(outcome, "share", samples, plan.seed, subset=kind, detail={"counts": counts})


def _asked(plan: Plan, part: str) -> tuple[Path, list[Question]]:
    """Data folder and the sample of questions: of two kinds as many each, or of all kinds together."""
    if part == "emanual":
        data, home = bases.built(plan, "emanual_all")
        return home, [replace(item, kind="all") for item in bases.some(data.questions, plan.questions, plan.seed)]
    if part == "samples":
        home, questions = product.with_samples(plan), bases.samples()
    else:
        data, home = bases.built(plan, part)
        questions = list(data.questions)
    half = max(1, plan.questions // 2)
    kinds = [bases.some(bases.of_kind(questions, kind), half, plan.seed) for kind in ("answerable", "impossible")]
    return home, [question for kind in kinds for question in kind]


def _scores(
    plan: Plan, kind: str, pairs: Sequence[tuple[Question, Answer]], *, baseline: bool
) -> Iterator[Measurement]:
    for metric, score in (("word F1", metrics.word_f1), ("exact match", metrics.exact)):
        samples = [_score(score, question, answer) for question, answer in pairs]
        yield measuring.mean(metric, "score", samples, plan.seed, subset=kind)
        if not baseline:  # it has no generator: once is enough
            continue
        passages = [
            score(answer.hits[0].passage.text if answer.hits else "", question.answers) for question, answer in pairs
        ]
        yield measuring.mean(metric, "score", passages, plan.seed, subset=kind, variant=BASELINE)


def _score(score: metrics.AnswerScore, question: Question, answer: Answer) -> float:
    """As SQuAD has it: a refusal is an empty answer, and the only right one where nothing answers the question."""
    abstained = answer.status == "abstained"
    if not question.answers:
        return float(abstained)
    return 0.0 if abstained else score(answer.text, question.answers)
