"""Rows of answers that LoadGen has asked for: what of a sample becomes which metric. Knows no scenario.

A question that does not reach the generator has no first token: such questions are counted, and are in no figure of
tokens. The stages are those that the product reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks import measuring
from benchmarks.loadgen import stopping
from benchmarks.loadgen.asking import Answered
from benchmarks.loadgen.driver import Ran, Sample
from benchmarks.loadgen.logs import Verdict
from benchmarks.loadgen.questions import Questions
from benchmarks.loadgen.rules import OFFICIAL_SECONDS, Rules
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement, State

Pick = Callable[[Sample], float | None]


class Figures:
    """Makes the rows of one run."""

    def __init__(self, plan: Plan, questions: Questions, ran: Ran, state: State, detail: dict[str, Any]) -> None:
        self._plan = plan
        self._ran = ran
        self._keys = questions.keys(ran.order)
        self._state = state
        self._detail = detail

    def median(
        self, metric: str, pick: Pick, detail: dict[str, Any] | None = None, **more: Any
    ) -> Iterator[Measurement]:
        """The median of a metric in milliseconds, over the samples that have it."""
        values = [pick(sample) for sample in self._ran.samples]
        if detail is None:
            detail = {"early_stopping_ms": stopping.estimates([value for value in values if value is not None])}
        yield from column(
            self._plan, metric, self._keys, values, state=self._state, detail=self._detail | detail, **more
        )

    def stages(self) -> Iterator[Measurement]:
        """A row for each stage that was run, in the order in which they first were."""
        names = dict.fromkeys(name for sample in self._ran.samples for name in sample.answer.stages)
        for name in names:
            yield from self.median(f"stage {name}", lambda sample, name=name: sample.answer.stages.get(name))  # type: ignore[misc]


def column(
    plan: Plan, metric: str, keys: Sequence[str], values: Sequence[float | None], **more: Any
) -> Iterator[Measurement]:
    """The median, in milliseconds, of the values that are there; no row where none is."""
    having = [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
    if having:
        own = [key for key, _ in having]
        yield measuring.median(metric, "ms", [value for _, value in having], plan.seed, keys=own, **more)


def first_token(sample: Sample) -> float | None:
    """Milliseconds until the first token, as the product reports it."""
    return sample.answer.first_token


def per_output_token(sample: Sample) -> float | None:
    """Milliseconds per token behind the first; None with fewer than two tokens."""
    return per_token(sample.answer)


def per_token(answer: Answered) -> float | None:
    """The same of an answer."""
    if answer.first_token is None or answer.completion_tokens < 2:
        return None
    return (answer.total - answer.first_token) / (answer.completion_tokens - 1)


def outside(sample: Sample) -> float:
    """Milliseconds of LoadGen's latency that the product does not know of: the harness."""
    return sample.latency - sample.answer.total


def described(answers: Sequence[Answered], variant: Variant) -> dict[str, Any]:
    """What has to be known to read any figure: outcomes, and whether the variant was slowed on purpose."""
    detail: dict[str, Any] = {
        "outcomes": dict(Counter(answer.outcome for answer in answers)),
        "not_generated": sum(answer.first_token is None for answer in answers),
    }
    return detail | ({"slow_down": variant.slow_down} if variant.slow_down else {})


def tokens(answers: Sequence[Answered]) -> dict[str, list[int]]:
    """What the generator handled, answer by answer; zeros where it was not run."""
    return {
        "prompt_tokens": [answer.prompt_tokens for answer in answers],
        "reused_tokens": [answer.reused_tokens for answer in answers],
        "completion_tokens": [answer.completion_tokens for answer in answers],
    }


def version(verdict: Verdict) -> str:
    """LoadGen's version, as it says."""
    return str(verdict.values.get("loadgen_version", "unknown")).partition(" ")[0]


def judged(verdict: Verdict, rules: Rules) -> dict[str, Any]:
    """What LoadGen says of the run, for `detail.loadgen`."""
    return {
        "version": version(verdict),
        "scenario": rules.scenario,
        "mode": rules.mode,
        "result_validity": verdict.values["result_validity"],
        "not_met": verdict.not_met,
        "official_minimum_s": OFFICIAL_SECONDS,
        "early_stopping": " ".join(str(verdict.values.get("early_stopping_result", "")).replace("*", "").split()),
        "percentiles_ms": verdict.percentiles_ms,
        "early_stopping_ms": verdict.estimates_ms,
    }
