"""What LoadGen is told: scenario, counts, durations, seeds. Pure; knows LoadGen's names of settings, not LoadGen.

LoadGen is always told its official minimums, so that the validity in its logs means what it says everywhere. The short
mode ends a run before: LoadGen then calls it invalid and names the rule that was not met.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan

Scenario = Literal["SingleStream", "Server", "Offline"]
Mode = Literal["short", "full"]

OFFICIAL_SECONDS = 600
_LEAST_QUESTIONS = {"SingleStream": 64, "Server": 100}
"""SingleStream: LoadGen's early stopping needs as many for its p90. Server: LoadGen's default; early stopping asks for
459 and more."""
_SPARE = 1.5
"""A full single stream is planned this much longer than the minimum: a run that is faster than expected would
otherwise run out of questions before the minimum duration."""
_LEAST_MS = 1.0
"""Of an answer: LoadGen makes all questions of a run in advance, gigabytes of them for a system that is faster."""
_NEVER = 1e-6
"""Expected questions per second that add no question to an offline run."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One run of LoadGen."""

    scenario: Scenario
    questions: int
    """Size of the set; a short run asks each once."""
    seed: int
    mode: Mode = "short"
    accuracy: bool = False
    """LoadGen's AccuracyOnly: each question once, no performance figures."""
    expected_ms: float = 1000.0
    """Mean time of an answer, from which a full run is planned; a short one ends by its count."""
    rate: float = 1.0
    """Arrivals per second; Server alone, as is what follows."""
    limit_ms: float = 10_000.0
    """What p99 of the full answer has to keep."""

    @property
    def queue(self) -> int:
        """Most questions under way: with more than twice what the limit has room for, the rate is not held."""
        return max(16, math.ceil(2 * self.rate * self.limit_ms / 1000))

    def settings(self) -> dict[str, Any]:
        """LoadGen's settings by their names; scenario and mode are enumerations of LoadGen and left to the caller."""
        seed = self.seed % 2**64
        common = {
            "qsl_rng_seed": seed,
            "sample_index_rng_seed": seed,
            "schedule_rng_seed": seed,
            "min_duration_ms": OFFICIAL_SECONDS * 1000,
            # As the rules have it for language models, whose questions differ in length: all equally often.
            "sample_concatenate_permutation": True,
            # LoadGen keeps a digest of every answer of performance runs too: equal answers can be shown.
            "accuracy_log_probability": 1.0,
        }
        if self.scenario == "Offline":
            short = self.mode == "short"
            own: dict[str, Any] = {"min_query_count": self.questions}
            own["offline_expected_qps"] = _NEVER if short else 1000 / max(_LEAST_MS, self.expected_ms)
            return common | own
        common["min_query_count"] = _LEAST_QUESTIONS[self.scenario]
        common["max_query_count"] = self.questions if self.mode == "short" else 0
        if self.scenario == "SingleStream":
            return common | {"single_stream_expected_latency_ns": self._planned_ns()}
        return common | {
            "server_target_qps": self.rate,
            "server_target_latency_ns": round(self.limit_ms * 1e6),
            "server_target_latency_percentile": 0.99,
            "server_max_async_queries": self.queue,
        }

    def _planned_ns(self) -> float:
        """The latency from which LoadGen makes its questions in advance: for twice the minimum duration."""
        if self.mode == "short":
            return OFFICIAL_SECONDS * 1e9 / self.questions  # makes twice as many as are asked
        return 2 / _SPARE * max(_LEAST_MS, self.expected_ms) * 1e6


def mode_of(plan: Plan, scenario: str) -> Mode:
    """The mode that the suite gives this scenario.

    Raises:
        BenchmarkError: there is no such mode.
    """
    given = plan.option(scenario, "mode", "short")
    if given not in ("short", "full"):
        raise BenchmarkError(f'mode of [scenario.{scenario}] is {given!r}; give "short" or "full".')
    return "full" if given == "full" else "short"
