"""How well the right document is found: Fieldmate as it is, and its lexical and dense halves alone. No generator.

A document's rank is that of its best passage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.types import Hit
from benchmarks import measuring, product
from benchmarks.datasets import Question
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, metrics
from benchmarks.rows import Measurement

Ranked = tuple[list[str], frozenset[str]]
"""Documents in the order found, and those that are relevant."""

_ALL = "all"
_PASSAGES = 50
_WEIGHTS: dict[str, dict[str, float]] = {
    "default": {},
    "lexical only": {"retrieval.dense_weight": 0.0},
    "dense only": {"retrieval.dense_weight": 1.0},
}
_METRICS = {
    "hit@1": lambda ranked, relevant: metrics.hit(ranked, relevant, 1),
    "hit@5": lambda ranked, relevant: metrics.hit(ranked, relevant, 5),
    "nDCG@10": metrics.ndcg,
    "MRR@10": metrics.reciprocal_rank,
}
_TARGETS = {"emanual_tv": {"hit@1": 0.68, "hit@5": 0.92}}
"""Part -> least scores of the default over all questions; some of the questions are no test of it."""


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """Scores of one data set, overall and by kind of question."""
    data, home = bases.built(plan, part)
    questions = [question for question in data.questions if question.relevant]
    asked = _chosen(plan, part, questions)
    targets = _TARGETS.get(part, {}) if len(asked) == len(questions) else {}
    subsets = list(dict.fromkeys(question.kind for question in asked))
    if part.startswith("emanual"):  # elsewhere the kinds are forms of the same questions, which have no sum
        subsets.insert(0, _ALL)
    for name, settings in _WEIGHTS.items():
        with product.opened(plan, Variant(name, {**variant.settings, **settings}), home) as fieldmate:
            ranked = [_documents(fieldmate.search(question.text, k=_PASSAGES)) for question in asked]
        for subset in subsets:
            limits = targets if (name, subset) == ("default", _ALL) else {}
            yield from _scores(plan, name, subset, _of(subset, asked, ranked), limits)


def _chosen(plan: Plan, part: str, questions: Sequence[Question]) -> list[Question]:
    """The questions, or as many as --limit allows: of the manual in all, of the others in each form, the same ones."""
    if part.startswith("emanual"):
        return bases.some(questions, plan.limit, plan.seed)
    kinds = dict.fromkeys(question.kind for question in questions)
    return [item for kind in kinds for item in bases.some(bases.of_kind(questions, kind), plan.limit, plan.seed)]


def _documents(hits: Sequence[Hit]) -> list[str]:
    """Ids of the documents in order of their best passage."""
    return list(dict.fromkeys(hit.passage.document.rpartition(".")[0] for hit in hits))


def _of(subset: str, asked: Sequence[Question], ranked: Sequence[list[str]]) -> list[Ranked]:
    pairs = zip(asked, ranked, strict=True)
    return [(documents, question.relevant) for question, documents in pairs if subset in (_ALL, question.kind)]


def _scores(
    plan: Plan, name: str, subset: str, ranked: Sequence[Ranked], limits: dict[str, float]
) -> Iterator[Measurement]:
    for metric, score in _METRICS.items():
        samples = [score(documents, relevant) for documents, relevant in ranked]
        target = measuring.at_least(limits[metric]) if metric in limits else None
        yield measuring.mean(metric, "score", samples, plan.seed, variant=name, subset=subset, target=target)
