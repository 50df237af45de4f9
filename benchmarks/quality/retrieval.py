"""How well the right document is found: Fieldmate as it is, and its lexical and dense halves alone. No generator.

A document's rank is that of its best passage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant import Assistant
from assistant.types import Hit
from benchmarks import measuring, product
from benchmarks.datasets import Question
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, metrics
from benchmarks.quality.scoring import lost
from benchmarks.rows import Measurement

Score = Callable[[Sequence[str], frozenset[str]], float]
"""Of the documents in the order found, given those that are relevant."""


@dataclass(frozen=True, slots=True)
class Found:
    """A question with the documents that were found, best first."""

    question: Question
    documents: list[str]


_ALL = "all"
_PASSAGES = 50
WEIGHTS: dict[str, dict[str, float]] = {
    "default": {},
    "lexical only": {"retrieval.dense_weight": 0.0},
    "dense only": {"retrieval.dense_weight": 1.0},
}
"""Variant -> settings: the product and its two halves, which are the baselines."""
METRICS: dict[str, Score] = {
    "hit@1": lambda ranked, relevant: metrics.hit(ranked, relevant, 1),
    "hit@5": lambda ranked, relevant: metrics.hit(ranked, relevant, 5),
    "nDCG@10": metrics.ndcg,
    "MRR@10": metrics.reciprocal_rank,
}
_TARGETS = {"emanual_tv": {"hit@1": 0.68, "hit@5": 0.92}}
"""Part -> least scores of the default over all questions; some of the questions are no test of it."""
_DEEP = 1000
"""Results that MAP looks at."""


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """Scores of one data set, overall and by kind of question."""
    yield from _measured(plan, variant, part)


def languages(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """The same questions in English and German, and in German about paragraphs in English."""
    yield from _measured(plan, variant, "xquad", clean="en")
    yield from _measured(plan, variant, "xquad_german")


def ranking(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """A collection that many have measured, ranked deep; its questions have many right answers."""
    scores = {"MAP": metrics.average_precision, "nDCG@10": metrics.ndcg}
    yield from _measured(plan, variant, part, scores=scores, passages=_DEEP)


def guides(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """Repair guides found by their titles, and whether each is kept with all its steps in their order."""
    yield from _measured(plan, variant, part)
    data, home = bases.built(plan, part)
    asked = _chosen(plan, part, data.questions)
    with product.opened(plan, variant, home) as fieldmate:
        kept = [_steps_kept(fieldmate, question, data.suffix) for question in asked]
    detail = {"measured": "share of a guide's steps that stand in its stored text, each behind the one before it"}
    keys = [question.id for question in asked]
    yield measuring.mean("steps in order", "score", kept, plan.seed, keys=keys, subset="stored guide", detail=detail)


def _measured(
    plan: Plan, variant: Variant, part: str, *,
    scores: Mapping[str, Score] = METRICS, passages: int = _PASSAGES, clean: str = "clean",
) -> Iterator[Measurement]:  # fmt: skip
    data, home = bases.built(plan, part)
    questions = [question for question in data.questions if question.relevant]
    asked = _chosen(plan, part, questions)
    targets = _TARGETS.get(part, {}) if len(asked) == len(questions) else {}
    subsets = list(dict.fromkeys(question.kind for question in asked))
    if part.startswith("emanual"):  # elsewhere the kinds are forms of the same questions, which have no sum
        subsets.insert(0, _ALL)
    for name, settings in WEIGHTS.items():
        with product.opened(plan, Variant(name, {**variant.settings, **settings}), home) as fieldmate:
            found = [Found(item, documents(fieldmate.search(item.text, k=passages))) for item in asked]
        for subset in subsets:
            limits = targets if (name, subset) == ("default", _ALL) else {}
            against = _of(clean, found) if clean in subsets and subset != clean else []
            yield from scored(plan, name, subset, _of(subset, found), scores, limits=limits, against=against)


def _chosen(plan: Plan, part: str, questions: Sequence[Question]) -> list[Question]:
    """The questions, or as many as --limit allows: of the manual in all, of the others in each form, the same ones."""
    if part.startswith("emanual"):
        return bases.some(questions, plan.limit, plan.seed)
    kinds = dict.fromkeys(question.kind for question in questions)
    return [item for kind in kinds for item in bases.some(bases.of_kind(questions, kind), plan.limit, plan.seed)]


def documents(hits: Sequence[Hit]) -> list[str]:
    """Ids of the documents in order of their best passage; those of a hit that say the same stand behind its own."""
    found = [passage.document for hit in hits for passage in (hit.passage, *hit.also)]
    return list(dict.fromkeys(map(bases.document_of, found)))


def _of(subset: str, found: Sequence[Found]) -> list[Found]:
    return [item for item in found if subset in (_ALL, item.question.kind)]


def scored(
    plan: Plan, name: str, subset: str, found: Sequence[Found], scores: Mapping[str, Score] = METRICS, *,
    limits: dict[str, float] | None = None, against: Sequence[Found] = (), over: Sequence[Found] = (),
    detail: dict[str, Any] | None = None,
) -> Iterator[Measurement]:  # fmt: skip
    """Each score of these questions.

    Args:
        plan: for its seed.
        name: the variant.
        subset: which questions.
        found: with their rankings.
        scores: by metric.
        limits: least scores to be met, by metric.
        against: the same questions in a better form: what is lost from there is put beside the score.
        over: the same questions in a poorer form: what is gained over that is put beside it too.
        detail: put beside each.
    """
    keys = [item.question.id for item in found]
    for metric, score in scores.items():
        samples = [_score(score, item) for item in found]
        target = measuring.at_least(limits[metric]) if limits and metric in limits else None
        better, poorer = ({one.question.id: _score(score, one) for one in form} for form in (against, over))
        gained = lost(plan.seed, list(poorer), list(poorer.values()), dict(zip(keys, samples, strict=True)))
        yield measuring.mean(
            metric, "score", samples, plan.seed, keys=keys,
            variant=name, subset=subset, target=target,
            detail={
                **(detail or {}),
                **lost(plan.seed, keys, samples, better),
                **{key.replace("lost", "gained"): value for key, value in gained.items()},
            },
        )  # fmt: skip


def _score(score: Score, item: Found) -> float:
    return score(item.documents, item.question.relevant)


def _steps_kept(fieldmate: Assistant, question: Question, suffix: str) -> float:
    """Share of the guide's steps that stand in the stored text behind the step before them."""
    stored = fieldmate.document(f"guide-{question.id.removeprefix('myfixit-')}{suffix}")
    text = metrics.words(stored[1]) if stored else []
    wanted = [metrics.words(step) for step in question.answers]
    joined, place, found = f" {' '.join(text)} ", 0, 0
    for step in wanted:
        place_found = joined.find(f" {' '.join(step)} ", place)
        if place_found >= 0:
            found, place = found + 1, place_found + 1
    return found / len(wanted)
