"""Requests that are none of the assistant's business, put to the assistant of the sample manuals.

The product has no intents yet. What is measured is only whether it refuses, or answers from the manuals what has
nothing to do with them; the requests' own kinds are stand-ins, as their set's description says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmarks import datasets, product
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, judges, pipelines
from benchmarks.quality.scoring import Asked, Sheet
from benchmarks.rows import Measurement

OUT_OF_SCOPE = "out of scope"
EVERYDAY, NEITHER = "everyday requests of 150 kinds", "requests of no kind"
"""Names of the two groups: what another assistant is for, and what not even that one is for."""


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """Share of requests refused, whole answers, beside that of the manuals' own questions."""
    requests = datasets.clinc150(plan)
    each = max(1, plan.questions // 2)
    groups = {
        EVERYDAY: bases.some([one for one in requests if one.kind != OUT_OF_SCOPE], each, plan.seed),
        NEITHER: bases.some(bases.of_kind(requests, OUT_OF_SCOPE), each, plan.seed),
        "the manuals' own questions": bases.some(bases.of_kind(bases.samples(), "answerable"), each, plan.seed),
    }
    measured = "share of requests that the assistant of the sample manuals refuses to answer; no intents are told apart"
    with product.opened(plan, variant, product.with_samples(plan)) as fieldmate:
        for pipeline in pipelines.of(plan, variant, fieldmate):
            for name, questions in groups.items():
                asked = [Asked(question, pipeline.ask(question.text)) for question in questions]
                answered = Counter(item.question.kind for item in asked if not item.reply.refused)
                yield from Sheet(plan.seed, pipeline.name, name).mean(
                    "refused", [item.question.id for item in asked], [float(item.reply.refused) for item in asked],
                    unit="share", detail={"measured": measured, "judge": judges.REFUSAL, "answered": dict(answered)},
                )  # fmt: skip
