"""Time and word F1 by how many tokens at the head of each later passage are computed again. Knows arms and answers.

Three passages, all kept; the first is exact, the others were computed behind the instructions alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.types import Answer
from benchmarks import measuring, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.prompts import Prompted
from benchmarks.quality import metrics
from benchmarks.rows import Measurement
from benchmarks.scenarios import passage_states

_REPAIRED = {"0": 0, "8": 8, "16": 16, "32": 32, "all": 1_000_000}
"""How it is called -> tokens."""


def curve(
    plan: Plan, variant: Variant, filled: Path, groups: Sequence[Sequence[Prompted]], wanted: int
) -> Iterator[Measurement]:
    """First token and word F1 for each number, beside full prefill; at most so many of the questions."""
    arms: dict[str, dict[str, Any]] = {passage_states.FULL: passage_states.PREFILLED}
    arms |= {f"k = {name}": {**passage_states.KEPT, "states.repaired_tokens": k} for name, k in _REPAIRED.items()}
    order = random.Random(plan.seed)
    asked: list[tuple[Prompted, dict[str, Answer]]] = []
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(product.opened(plan, passage_states.with_settings(variant, settings), filled))
            for name, settings in arms.items()
        }
        for place, item in islice(((place, item) for group in groups for place, item in enumerate(group)), wanted + 2):
            turn = order.sample(list(arms), len(arms))
            found = {name: opened[name].answer(item.question.text) for name in turn}
            if place and all(answer.timings.first_token is not None for answer in found.values()):
                asked.append((item, found))
    if not asked:
        raise BenchmarkError("No question of the curve reached the generator; give more with curve.")
    yield from _rows(plan, list(arms), asked)


def _rows(
    plan: Plan, arms: Sequence[str], asked: Sequence[tuple[Prompted, dict[str, Answer]]]
) -> Iterator[Measurement]:
    keys = [item.question.id for item, _ in asked]
    scores = {arm: [_score(item, found[arm]) for item, found in asked] for arm in arms}
    times = {arm: passage_states.first_tokens([found[arm] for _, found in asked]) for arm in arms}
    for arm in arms:
        shared: dict[str, Any] = {"subset": f"curve, {arm}", "state": "stored" if arm != arms[0] else "", "keys": keys}
        detail = {"reused_tokens": [found[arm].usage.reused_tokens for _, found in asked]}
        yield measuring.median("first token", "ms", times[arm], plan.seed, detail=detail, **shared)
        yield measuring.mean("word F1", "score", scores[arm], plan.seed, **shared)
        if arm == arms[0]:
            continue
        shared["subset"] += f" / {arms[0]}"
        yield measuring.ratio("first token", times[arm], times[arms[0]], plan.seed, **shared)
        gained = [one - other for one, other in zip(scores[arm], scores[arms[0]], strict=True)]
        yield measuring.mean("word F1 gained", "score", gained, plan.seed, **shared)


def _score(item: Prompted, answer: Answer) -> float:
    return metrics.word_f1(answer.text if answer.status == "answered" else "", item.question.answers)
