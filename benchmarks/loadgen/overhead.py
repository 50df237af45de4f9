"""What the harness itself costs: the null assistant, through the very path on which the product is measured.

Beside it a real variant answers a few of the same questions, so that the cost can be seen as a share of what is
measured. Runs no generator but for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import measuring, product
from benchmarks.errors import BenchmarkError
from benchmarks.loadgen import driver, figures
from benchmarks.loadgen.driver import Ran, System
from benchmarks.loadgen.local import Local
from benchmarks.loadgen.null import NullAssistant
from benchmarks.loadgen.questions import Questions, chosen
from benchmarks.loadgen.rules import Rules
from benchmarks.loadgen.served import Served
from benchmarks.loadgen.serving import Order
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

NAME = "overhead"
_ALL = 10_000
"""More questions than there are: the null assistant is asked each."""
_BUSY_MS = 5.0
_SHARE = 0.01
NOBODY = "none"


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Milliseconds per question that are not the answer's: at once, after known work, and over the server's pipe."""
    driver.required()
    against = _against(plan)
    questions = chosen(plan, _ALL)
    at_once = _ran(plan, questions, Local(NullAssistant(), questions))
    yield _cost(plan, questions, at_once, "answers at once", 0.0)
    busy = _ran(plan, questions, Local(NullAssistant(_BUSY_MS), questions))
    yield _cost(plan, questions, busy, f"works for {_BUSY_MS:g} ms", _BUSY_MS)
    with Served(Order(plan, variant, "", null_ms=0.0), questions) as served:
        yield _cost(plan, questions, _ran(plan, questions, served), "answers at once, in the server", 0.0)
    if against is not None:
        yield _share(plan, against, dict(zip(questions.keys(at_once.order), _latencies(at_once), strict=True)))


def _against(plan: Plan) -> Variant | None:
    """The variant that the harness is compared with: the last one of the run unless the suite names one.

    Raises:
        BenchmarkError: there is none of this name.
    """
    named = plan.option(NAME, "against", "")
    if named == NOBODY or not plan.variants:
        return None
    for variant in reversed(plan.variants):
        if variant.name == named or not named:
            return variant
    names = ", ".join(variant.name for variant in plan.variants)
    raise BenchmarkError(f'against of [scenario.{NAME}] is {named!r}; give one of {names}, or "{NOBODY}".')


def _ran(plan: Plan, questions: Questions, system: System) -> Ran:
    return driver.run(Rules("SingleStream", len(questions), plan.seed), system, plan.folder("loadgen"))


def _latencies(ran: Ran) -> list[float]:
    return [sample.latency for sample in ran.samples]


def _cost(plan: Plan, questions: Questions, ran: Ran, subset: str, known_ms: float) -> Measurement:
    assert ran.verdict is not None
    cost = [latency - known_ms for latency in _latencies(ran)]
    with_harness = ran.verdict.number("result_qps_with_loadgen_overhead")
    without = ran.verdict.number("result_qps_without_loadgen_overhead")
    detail: dict[str, Any] = {
        "known_ms": known_ms,
        "between_questions_ms": 1000 / with_harness - 1000 / without,
        "loadgen_version": figures.version(ran.verdict),
    }
    return measuring.median(
        "harness time per question", "ms", cost, plan.seed, subset=subset, keys=questions.keys(ran.order), detail=detail
    )


def _share(plan: Plan, variant: Variant, cost: dict[str, float]) -> Measurement:
    """The cost over the time of a real answer to the same question."""
    questions = chosen(plan)
    home = product.with_samples(plan)
    with product.opened(plan, variant, home) as fieldmate:
        system = Local(fieldmate, questions, variant.slow_down)
        fieldmate.answer(questions.texts[0])  # loads
        ran = _ran(plan, questions, system)
    keys, real = questions.keys(ran.order), _latencies(ran)
    return measuring.ratio(
        "harness time / full answer", [cost[key] for key in keys], real, plan.seed, keys=keys, variant=variant.name,
        target=measuring.at_most(_SHARE), detail={"full_answer_ms": real},
    )  # fmt: skip
