"""Whole `fieldmate ask --json` processes over the sample manuals; what two scenarios look at. Knows no limit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchmarks import processes, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant

_MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """One process and the object that it printed."""

    finished: processes.Finished
    answer: dict[str, Any]


def asked(plan: Plan, variant: Variant) -> list[Asked]:
    """`plan.repetitions` processes in which the generator ran, after one that warms the page cache.

    Each has a question of its own, in the run's seeded order; a question that is answered without the generator is
    passed over.

    Raises:
        BenchmarkError: too few questions reached the generator, or the command failed.
    """
    home = product.with_samples(plan)
    wanted = plan.repetitions + 1
    runs: list[Asked] = []
    for item in product.shuffled(plan, product.sample_questions(answerable=True))[: wanted * _MOST_TRIES]:
        command = [*plan.command, "ask", "--json", *product.arguments(plan, home, variant), item["question"]]
        done = processes.run(command, product.variables(variant))
        run = Asked(done, json.loads(done.output))
        if run.answer["timings_ms"]["first_token"] is not None:
            runs.append(run)
        if len(runs) == wanted:
            return runs[1:]
    raise BenchmarkError(f"Only {len(runs)} of the sample questions reached the generator; {wanted} are needed.")
