"""Throughput over the whole set: LoadGen hands over all questions at once, and one worker answers them in its order.

Its accuracy run over the same questions goes before, and warms the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean

from benchmarks import measuring, product, statistics
from benchmarks.loadgen import accuracy, driver, figures
from benchmarks.loadgen.driver import Ran
from benchmarks.loadgen.local import Local
from benchmarks.loadgen.questions import Questions, chosen
from benchmarks.loadgen.rules import Rules, mode_of
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

NAME = "offline"


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Questions and tokens per second, and the time from one finished answer to the next."""
    driver.required()  # before anything is loaded
    mode = mode_of(plan, NAME)
    questions = chosen(plan)
    home, scratch = product.with_samples(plan), plan.folder("loadgen")
    with product.opened(plan, variant, home) as fieldmate:
        system = Local(fieldmate, questions, variant.slow_down)
        checked = driver.run(Rules("Offline", len(questions), plan.seed, accuracy=True), system, scratch)
        warm = steps(checked)[1:] or steps(checked)  # the first question loads
        rules = Rules("Offline", len(questions), plan.seed, mode, expected_ms=fmean(warm))
        ran = driver.run(rules, system, scratch)
    yield from _rows(plan, variant, questions, rules, ran)
    yield from accuracy.rows(plan, questions, checked, ran)


def steps(ran: Ran) -> list[float]:
    """Milliseconds from one finished answer to the next: all of LoadGen's latencies begin with the run."""
    ends = [0.0, *(sample.latency for sample in ran.samples)]
    return [after - before for before, after in pairwise(ends)]


def _rows(plan: Plan, variant: Variant, questions: Questions, rules: Rules, ran: Ran) -> Iterator[Measurement]:
    assert ran.verdict is not None
    answers = [sample.answer for sample in ran.samples]
    detail = figures.described(answers, variant) | {"loadgen": figures.judged(ran.verdict, rules)}
    taken = steps(ran)
    low, high = statistics.mean_interval(taken, plan.seed)
    yield Measurement(
        metric="throughput",
        unit="questions/s",
        statistic="whole run",
        value=ran.verdict.number("result_samples_per_second"),
        interval=(1000 / high, 1000 / low),
        summary={"n": len(taken)},
        state="warm",
        detail=detail | figures.tokens(answers),
    )
    tokens = [answer.completion_tokens for answer in answers]
    yield Measurement(
        metric="throughput",
        unit="tokens/s",
        statistic="whole run",
        value=sum(tokens) / sum(taken) * 1000,
        summary={"n": len(taken)},
        state="warm",
        detail=detail,
    )
    keys = questions.keys(ran.order)
    yield measuring.mean("time per question", "ms", taken, plan.seed, keys=keys, state="warm", detail=detail)
