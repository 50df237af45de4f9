"""What is refused before a token is spent: wrongly, of questions that can be answered, and rightly, of others.

The decision is the product's own, taken from the facade, which answers in the documents' words here, so that no
generator is needed. Refusals of whole answers, with those of the baselines, are in `answers` and `scope`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant import Assistant
from benchmarks import datasets, measuring, product
from benchmarks.datasets import Question
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, scope
from benchmarks.rows import Measurement

_MOST = 300
"""Questions of one kind, unless --limit says otherwise."""
_DETAIL = {"measured": "refused by the evidence alone, before the generator says anything"}


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """Shares of abstentions by kind of question."""
    home, groups = _groups(plan, part)
    with product.opened(plan, variant.but(answering__wording="quoted"), home) as fieldmate:
        for name, questions in groups.items():
            asked = bases.some(questions, plan.limit or _MOST, plan.seed)
            samples = [float(abstains(fieldmate, question.text)) for question in asked]
            keys = [question.id for question in asked]
            yield measuring.mean("abstained", "share", samples, plan.seed, keys=keys, subset=name, detail=_DETAIL)


def abstains(fieldmate: Assistant, question: str) -> bool:
    """Whether the evidence alone makes the product abstain."""
    return fieldmate.answer(question).status == "abstained"


def _groups(plan: Plan, part: str) -> tuple[Path, dict[str, Sequence[Question]]]:
    """Data folder and questions by name of the group."""
    samples = bases.samples()
    if part == "emanual":
        data, home = bases.built(plan, "emanual_all")
        return home, {
            "its own questions": data.questions,
            "off the manual: squad2": bases.of_kind(datasets.squad2(plan).questions, "answerable"),
            "off the manual: noiseqa": bases.of_kind(datasets.noiseqa(plan).questions, "clean"),
            "off the manual: mtrag": bases.of_kind(datasets.mtrag(plan).questions, "rewritten"),
            "off the manual: sample manuals": bases.of_kind(samples, "answerable"),
        }
    if part == "clinc150":
        requests = datasets.clinc150(plan)
        everyday = [request for request in requests if request.kind != scope.OUT_OF_SCOPE]
        return product.with_samples(plan), {
            "the manuals' own questions": bases.of_kind(samples, "answerable"),
            scope.EVERYDAY: everyday,
            scope.NEITHER: bases.of_kind(requests, scope.OUT_OF_SCOPE),
        }
    if part == "squad2":
        data, home = bases.built(plan, "squad2")
        questions: Sequence[Question] = data.questions
    else:
        home, questions = product.with_samples(plan), samples
    return home, {kind: bases.of_kind(questions, kind) for kind in ("answerable", "impossible")}
