"""Questions that arrive as they like: LoadGen's Poisson arrivals against one long-lived process and its queue.

The process is a child that serves the public interface over a pipe; an HTTP service takes its place when there is one.
LoadGen's accuracy run over the same questions goes before: it warms the server and says what one worker can do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import product
from benchmarks.errors import BenchmarkError
from benchmarks.loadgen import accuracy, driver, figures, rates
from benchmarks.loadgen.driver import Ran
from benchmarks.loadgen.questions import Questions, chosen
from benchmarks.loadgen.rules import Mode, Rules, mode_of
from benchmarks.loadgen.served import Served
from benchmarks.loadgen.serving import Order
from benchmarks.loadgen.single_stream import expected
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

NAME = "server"
_LOAD = 0.5
"""Share of what one worker can do, as the arrival rate where the suite gives none."""
_MOST_TRIES = 20
_MOST_RATE = 1000.0
"""Per second: LoadGen makes ten minutes of arrivals before it begins."""
_BEYOND = 2.0
"""A rate above this share of what one worker can do is only held until the questions of a short run are over."""


@dataclass(frozen=True, slots=True)
class Options:
    """What [scenario.server] says."""

    mode: Mode
    rate: float
    """Arrivals per second; 0: half of what one worker can do."""
    limit_ms: float
    """What p99 of the full answer has to keep."""
    rates: int
    """How many rates are tried at most, the first included; 1: no search."""
    patience_s: float
    """Longest silence of a server that has something to do."""

    @classmethod
    def of(cls, plan: Plan) -> Options:
        """The options of a plan.

        Raises:
            BenchmarkError: one of them makes no sense.
        """
        values = {
            "rate": plan.option(NAME, "rate", 0.0),
            "limit_ms": plan.option(NAME, "limit_ms", 10_000.0),
            "patience_s": plan.option(NAME, "patience_s", 300.0),
        }
        for name, value in values.items():
            if not math.isfinite(value) or value < 0 or (value == 0 and name != "rate"):
                raise BenchmarkError(f"{name} of [scenario.{NAME}] is {value:g}; give a number above 0.")
        if values["rate"] > _MOST_RATE:
            raise BenchmarkError(f"rate of [scenario.{NAME}] is {values['rate']:g}; give at most {_MOST_RATE:g}.")
        tries = plan.option(NAME, "rates", 4)
        if not 1 <= tries <= _MOST_TRIES:
            raise BenchmarkError(f"rates of [scenario.{NAME}] is {tries}; give a number from 1 to {_MOST_TRIES}.")
        return cls(mode_of(plan, NAME), rates=tries, **values)


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Times at the given rate, the highest rate within the limit, and the accuracy run."""
    driver.required()  # before anything is started
    options = Options.of(plan)
    questions = chosen(plan)
    order = Order(plan, variant, str(product.with_samples(plan)))
    with Served(order, questions, options.patience_s) as served:
        yield from against(plan, variant, questions, options, served)


def against(
    plan: Plan, variant: Variant, questions: Questions, options: Options, served: Served
) -> Iterator[Measurement]:
    """The rows of a server that is there."""
    scratch = plan.folder("loadgen")
    checked = driver.run(Rules("SingleStream", len(questions), plan.seed, accuracy=True), served, scratch)
    capacity = 1000 / expected(checked)
    search = _Search(plan, questions, options, served, scratch)
    first = options.rate or min(_LOAD * capacity, _MOST_RATE)
    tried = rates.highest(first, min(_BEYOND * capacity, _MOST_RATE), options.rates, search.holds)
    rules, ran = search.runs[0]
    yield from _times(plan, variant, questions, rules, ran, capacity)
    yield _highest(tried, search, capacity)
    yield from accuracy.rows(plan, questions, checked, ran)


@dataclass(slots=True)
class _Search:
    """Runs LoadGen at one rate after the other and keeps what it said."""

    plan: Plan
    questions: Questions
    options: Options
    served: Served
    scratch: Path
    runs: list[tuple[Rules, Ran]]

    def __init__(self, plan: Plan, questions: Questions, options: Options, served: Served, scratch: Path) -> None:
        self.plan, self.questions, self.options, self.served, self.scratch = plan, questions, options, served, scratch
        self.runs = []

    def holds(self, rate: float) -> bool:
        """Whether LoadGen's p99 keeps the limit at this rate."""
        options = self.options
        rules = Rules("Server", len(self.questions), self.plan.seed, options.mode, rate=rate, limit_ms=options.limit_ms)
        ran = driver.run(rules, self.served, self.scratch)
        self.runs.append((rules, ran))
        assert ran.verdict is not None
        return ran.verdict.within_limit


def _times(
    plan: Plan, variant: Variant, questions: Questions, rules: Rules, ran: Ran, capacity: float
) -> Iterator[Measurement]:
    assert ran.verdict is not None
    answers = [sample.answer for sample in ran.samples]
    detail = figures.described(answers, variant) | {
        "rate": rules.rate,
        "rate_of_one_worker": capacity,
        "limit_ms": rules.limit_ms,
        "too_many_open": ran.verdict.overrun,
        "loadgen": figures.judged(ran.verdict, rules),
    }
    made = figures.Figures(plan, questions, ran, "warm", detail)
    subset = {"subset": "first rate"}
    yield from made.median("arrival to full answer", _latency, detail=dict(figures.tokens(answers)), **subset)
    yield from made.median("arrival to first text", lambda sample: sample.first_text, detail={}, **subset)
    yield from made.median("wait in the queue", lambda sample: sample.waited, detail={}, **subset)


def _latency(sample: driver.Sample) -> float:
    return sample.latency


def _highest(tried: list[rates.Tried], search: _Search, capacity: float) -> Measurement:
    """The highest rate whose p99 keeps the limit, among those that were tried."""
    said: list[dict[str, Any]] = []
    for each, (_, ran) in zip(tried, search.runs, strict=True):
        assert ran.verdict is not None
        said.append(
            {
                "rate": each.rate,
                "held": each.held,
                "questions": len(ran.samples),
                "p99_ms": ran.verdict.percentiles_ms.get("p99"),
                "too_many_open": ran.verdict.overrun,
                "result_validity": ran.verdict.values["result_validity"],
                "not_met": ran.verdict.not_met,
            }
        )
    return Measurement(
        metric="highest rate within the limit",
        unit="questions/s",
        statistic="largest",
        value=rates.best(tried),
        samples=[each.rate for each in tried if each.held],
        state="warm",
        detail={
            "mode": search.options.mode,
            "limit_ms": search.options.limit_ms,
            "rate_of_one_worker": capacity,
            "none_too_high": all(each.held for each in tried),
            "tried": said,
        },
    )
