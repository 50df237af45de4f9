"""Whole `fieldmate ask --json` processes over the sample manuals; what two scenarios look at. Knows no limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import processes, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant

_MOST_TRIES = 3
Prepare = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Asked:
    """One process and the object that it printed."""

    finished: processes.Finished
    answer: dict[str, Any]
    question: str = ""
    """Its id."""
    prepared: Any = None
    """What the preparation gave back."""


def asked(plan: Plan, variant: Variant) -> list[Asked]:
    """`plan.repetitions` processes in which the generator ran, after one that warms the page cache.

    Each has a question of its own, in the run's seeded order; a question that is answered without the generator is
    passed over.

    Raises:
        BenchmarkError: too few questions reached the generator, or the command failed.
    """
    return [runs[0] for runs in asked_after(plan, variant, [lambda: None])]


def asked_after(plan: Plan, variant: Variant, prepared: Sequence[Prepare]) -> list[list[Asked]]:
    """The same, but each question is asked once after each of the preparations, in their order."""
    home = product.with_samples(plan)
    wanted = plan.repetitions + 1
    rounds: list[list[Asked]] = []
    for item in product.shuffled(plan, product.sample_questions(answerable=True))[: wanted * _MOST_TRIES]:
        command = [*plan.command, "ask", "--json", *product.arguments(plan, home, variant), item["question"]]
        runs = []
        for prepare in prepared:
            found = prepare()
            done = processes.run(command, product.variables(variant))
            runs.append(Asked(done, json.loads(done.output), item["id"], found))
        if all(run.answer["timings_ms"]["first_token"] is not None for run in runs):
            rounds.append(runs)
        if len(rounds) == wanted:
            return rounds[1:]  # the first one warmed what no preparation touches
    raise BenchmarkError(f"Only {len(rounds)} of the sample questions reached the generator; {wanted} are needed.")
