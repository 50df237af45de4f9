"""LoadGen's accuracy run beside a performance run of the same configuration: what became of the questions, and whether
both runs gave the same answers. Judges no answer: `quality` does that.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import measuring
from benchmarks.loadgen.driver import Ran
from benchmarks.loadgen.questions import Questions
from benchmarks.plan import Plan
from benchmarks.rows import Measurement

_SUBSET = "accuracy run"
_OUTCOMES = ("generated", "quoted", "abstained")


def rows(plan: Plan, questions: Questions, accuracy: Ran, performance: Ran) -> Iterator[Measurement]:
    """Shares of outcomes, citations per answer, and the share of answers that are the same in both runs."""
    answers = [sample.answer for sample in accuracy.samples]
    keys = questions.keys(accuracy.order)
    answered = [float(answer.status == "answered") for answer in answers]
    yield measuring.mean("answered", "share", answered, plan.seed, keys=keys, subset=_SUBSET)
    for outcome in _OUTCOMES:
        share = [float(answer.outcome == outcome) for answer in answers]
        yield measuring.mean(outcome, "share", share, plan.seed, keys=keys, subset=_SUBSET)
    citations = [float(answer.citations) for answer in answers]
    yield measuring.mean("citations per answer", "citations", citations, plan.seed, keys=keys, subset=_SUBSET)
    known = {sample.index: sample.digest for sample in accuracy.samples}
    same = [float(known[sample.index] == sample.digest) for sample in performance.samples]
    yield measuring.mean(
        "same answer as in the accuracy run", "share", same, plan.seed, keys=questions.keys(performance.order),
        target=measuring.at_least(1.0),
    )  # fmt: skip
