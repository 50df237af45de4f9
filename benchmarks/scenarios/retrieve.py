"""Milliseconds from a question to its passages, in a warm process over the sample manuals. Runs no generator."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import measuring, product
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

_ROUNDS = 3
_WARM_UP = 10
_LIMIT_MS = 15


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Time until the event `Retrieved` of `ask`, and of `search`, alternating."""
    home = product.with_samples(plan)
    questions = [item["question"] for item in product.shuffled(plan, product.sample_questions())]
    to_event: list[float] = []
    search: list[float] = []
    with product.opened(plan, variant, home) as fieldmate:
        for question in questions[:_WARM_UP]:
            fieldmate.search(question)
        for _ in range(_ROUNDS):
            for question in questions:
                started = time.perf_counter()
                events = fieldmate.ask(question)
                next(events)
                to_event.append((time.perf_counter() - started) * 1000)
                events.close()  # type: ignore[attr-defined]  # a generator: nothing is generated for this question
                started = time.perf_counter()
                fieldmate.search(question)
                search.append((time.perf_counter() - started) * 1000)
        passages = sum(record.passages for record in fieldmate.documents())
    detail = {"passages": passages, "questions": len(questions), "rounds": _ROUNDS}
    target = measuring.at_most(_LIMIT_MS)
    yield measuring.median("to passages", "ms", to_event, plan.seed, subset="ask", target=target, detail=detail)
    yield measuring.median("to passages", "ms", search, plan.seed, subset="search", detail=detail)
