"""Answers as they are written, on a sample of questions: words, numbers, citations, refusals.

Fieldmate, the best passage verbatim and the naive pipeline answer the same questions from the same knowledge base.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import measuring, product
from benchmarks.datasets import Question
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, citations, judges, metrics, pipelines
from benchmarks.quality.scoring import Asked, Sheet, lost
from benchmarks.rows import Measurement

_OUTCOMES = ("generated", "quoted", "abstained")
_CLEAN = "clean"


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """All scores by kind of question, of Fieldmate and of the baselines."""
    home, questions = _sample(plan, part)
    with product.opened(plan, variant, home) as fieldmate:
        for pipeline in pipelines.of(plan, variant, fieldmate):
            asked = [Asked(question, pipeline.ask(question.text)) for question in questions]
            clean = {item.question.id: item for item in asked if item.question.kind == _CLEAN}
            for kind in dict.fromkeys(question.kind for question in questions):
                own = [item for item in asked if item.question.kind == kind]
                sheet = Sheet(plan.seed, pipeline.name, kind)
                yield from _texts(sheet, own, {} if kind == _CLEAN else clean)
                yield from _outcomes(sheet, own)
                yield from citations.scores(sheet, own)
            yield from _times(plan, asked, pipeline.name)


def _sample(plan: Plan, part: str) -> tuple[Path, list[Question]]:
    """Data folder and the sample of questions: as many of each kind, or of all kinds together."""
    if part == "emanual":
        data, home = bases.built(plan, "emanual_all")
        return home, [replace(item, kind="all") for item in bases.some(data.questions, plan.questions, plan.seed)]
    if part == "samples":
        home, questions = product.with_samples(plan), bases.samples()
    else:
        data, home = bases.built(plan, part)
        questions = list(data.questions)
    kinds = list(dict.fromkeys(question.kind for question in questions))
    each = max(1, plan.questions // len(kinds))  # of the forms of one question, the same ones: the draw is the same
    return home, [item for kind in kinds for item in bases.some(bases.of_kind(questions, kind), each, plan.seed)]


def _texts(sheet: Sheet, asked: Sequence[Asked], clean: dict[str, Asked]) -> Iterator[Measurement]:
    """How the words and numbers compare to the right answers.

    As SQuAD has it, a refusal is an empty answer, and the only right one where nothing answers the question. Numbers
    and ROUGE-L are looked at where there is an answer.
    """
    keys = [item.question.id for item in asked]
    for metric, score in (("word F1", metrics.word_f1), ("exact match", metrics.exact)):
        values = [_squad(score, item) for item in asked]
        better = {key: _squad(score, item) for key, item in clean.items()}
        yield from sheet.mean(metric, keys, values, detail=lost(sheet.seed, keys, values, better))
    right = [item for item in asked if item.question.answers]
    keys = [item.question.id for item in right]
    yield from sheet.mean("ROUGE-L", keys, [metrics.rouge_l(_said(item), item.question.answers) for item in right])
    yield from sheet.mean(
        "numbers right", keys, [metrics.numbers_right(_said(item), item.question.answers) for item in right],
        detail={"measured": "all numbers of a right answer are in the reply; a refusal has none"},
    )  # fmt: skip
    yield from sheet.mean(
        "no other number",
        keys,
        [metrics.no_other_number(_said(item), item.question.answers, item.question.text) for item in right],
        detail={"measured": "of replies with numbers: each is in a right answer or in the question"},
    )

    said = [item for item in asked if not item.reply.refused]
    keys = [item.question.id for item in said]
    wrong = [metrics.wrong_number(_said(item), item.question.answers, item.question.text) for item in said]
    measured = "of answers: numbers in it, but none of the right answer's; any number where nothing answers"
    yield from sheet.mean("wrong number", keys, wrong, unit="share", detail={"measured": measured})
    unsourced = [
        metrics.unsourced_number(_said(item), [source.read() for source in item.reply.sources], item.question.text)
        for item in said
    ]
    measured = "of answers: a number that stands neither in what is cited nor in the question"
    yield from sheet.mean("number without source", keys, unsourced, unit="share", detail={"measured": measured})


def _squad(score: metrics.AnswerScore, item: Asked) -> float:
    if not item.question.answers:
        return float(item.reply.refused)
    return score(_said(item), item.question.answers)


def _said(item: Asked) -> str:
    return item.reply.answer


def _outcomes(sheet: Sheet, asked: Sequence[Asked]) -> Iterator[Measurement]:
    """How often it refused, and how the answers came about."""
    keys = [item.question.id for item in asked]
    detail = {"judge": f"Fieldmate says itself that it abstains; of the naive pipeline {judges.REFUSAL}"}
    yield from sheet.mean(
        "refused", keys, [float(item.reply.refused) for item in asked], unit="share", detail=detail
    )  # fmt: skip
    found = [item.reply.outcome for item in asked]
    for outcome in dict.fromkeys((*_OUTCOMES, *found)) if any(found) else ():
        yield from sheet.mean(outcome, keys, [float(one == outcome) for one in found], unit="share")


def _times(plan: Plan, asked: Sequence[Asked], variant: str) -> Iterator[Measurement]:
    timed = [(item.question, item.reply.milliseconds) for item in asked if item.reply.milliseconds is not None]
    if timed:
        keys = [f"{question.id}/{question.kind}" for question, _ in timed]
        samples = [taken for _, taken in timed]
        yield measuring.median("whole answer", "ms", samples, plan.seed, keys=keys, subset="all", variant=variant)
