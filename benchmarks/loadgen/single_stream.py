"""One question after the other, issued by LoadGen: time to first token and text, per token, to the full answer.

LoadGen's accuracy run over the same questions goes before and warms the process; the first questions of fresh
processes, cold, come last. Knows the public surface of the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from benchmarks import measuring, product
from benchmarks.loadgen import accuracy, driver, figures
from benchmarks.loadgen.asking import Answered
from benchmarks.loadgen.driver import Ran
from benchmarks.loadgen.local import Local
from benchmarks.loadgen.questions import Questions, chosen
from benchmarks.loadgen.rules import Rules, mode_of
from benchmarks.loadgen.served import Served
from benchmarks.loadgen.serving import Order
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

NAME = "single_stream"
_SHARE = 0.01
"""Of an answer's time that the harness may take."""


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Rows of the warm run, of the accuracy run, and of cold questions."""
    driver.required()  # before anything is loaded
    mode = mode_of(plan, NAME)
    questions = chosen(plan)
    home, scratch = product.with_samples(plan), plan.folder("loadgen")
    with product.opened(plan, variant, home) as fieldmate:
        system = Local(fieldmate, questions, variant.slow_down)
        checked = driver.run(Rules("SingleStream", len(questions), plan.seed, accuracy=True), system, scratch)
        rules = Rules("SingleStream", len(questions), plan.seed, mode, expected_ms=expected(checked))
        ran = driver.run(rules, system, scratch)
    yield from _warm(plan, variant, questions, ran, rules)
    yield from accuracy.rows(plan, questions, checked, ran)
    yield from _cold(plan, variant, questions, checked, home)


def expected(checked: Ran) -> float:
    """Mean milliseconds of an answer, from the accuracy run; its first question, which loads, is left out."""
    warm = [sample.latency for sample in checked.samples[1:]] or [sample.latency for sample in checked.samples]
    return fmean(warm)


def _warm(plan: Plan, variant: Variant, questions: Questions, ran: Ran, rules: Rules) -> Iterator[Measurement]:
    assert ran.verdict is not None
    answers = [sample.answer for sample in ran.samples]
    detail = figures.described(answers, variant) | {"loadgen": figures.judged(ran.verdict, rules)}
    made = figures.Figures(plan, questions, ran, "warm", detail)
    # LoadGen sees the full answer: its own percentiles and estimates are those in `detail.loadgen`.
    yield from made.median("full answer", lambda sample: sample.latency, detail=dict(figures.tokens(answers)))
    yield from made.median("first text", lambda sample: sample.first_text)
    yield from made.median("first token", figures.first_token)
    yield from made.median("time per output token", figures.per_output_token)
    yield from made.median("total", lambda sample: sample.answer.total)
    yield from made.stages()
    yield from made.median("harness time per question", figures.outside)
    yield _share(plan, questions, ran)


def _share(plan: Plan, questions: Questions, ran: Ran) -> Measurement:
    """What the harness takes of the time that it measures."""
    outside = [figures.outside(sample) for sample in ran.samples]
    latency = [sample.latency for sample in ran.samples]
    return measuring.ratio(
        "harness time / full answer", outside, latency, plan.seed, keys=questions.keys(ran.order), state="warm",
        target=measuring.at_most(_SHARE),
    )  # fmt: skip


def _cold(plan: Plan, variant: Variant, questions: Questions, checked: Ran, home: Path) -> Iterator[Measurement]:
    """The first question of a fresh process, `plan.repetitions` times with a question each; loading apart.

    Questions that reach the generator are taken, as far as there are any. The page cache is warm: the scenario
    `cold_start` has whole processes.
    """
    generated = [sample.index for sample in checked.samples if sample.answer.first_token is not None]
    taken = (generated or checked.order)[: plan.repetitions]
    order = Order(plan, variant, str(home))
    answers = [_first(order, questions, index) for index in taken]
    detail = figures.described(answers, variant) | figures.tokens(answers)
    keys = questions.keys(taken)
    stages = dict.fromkeys(name for answer in answers for name in answer.stages)
    values: dict[str, list[float | None]] = {
        "load": [answer.load for answer in answers],
        "full answer": [answer.done - answer.load for answer in answers],
        "first text": [_less(answer.first_text, answer.load) for answer in answers],
        "first token": [_less(answer.first_token, answer.load) for answer in answers],
        "time per output token": [figures.per_token(answer) for answer in answers],
        "total": [answer.total - answer.load for answer in answers],
        **{f"stage {name}": [answer.stages.get(name) for answer in answers] for name in stages},
    }
    for metric, found in values.items():
        yield from figures.column(plan, metric, keys, found, state="cold", detail=detail)


def _less(time: float | None, load: float) -> float | None:
    return None if time is None else time - load


def _first(order: Order, questions: Questions, index: int) -> Answered:
    """The answer to the first question of a process."""
    with Served(order, questions) as served:
        return served.answer(index)
