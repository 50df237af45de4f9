"""From cancelling a question to the engine being free for the next one. Knows the worker and the facade only.

Three phases: while the model reads a long prompt, while it writes, and while states of passages are computed in idle
time, which a question stops. When it is cancelled within a phase is drawn at random; a run that missed its phase is
told by its answer and counted, not measured.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import measuring, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

if TYPE_CHECKING:
    from assistant.types import Answer, AnswerEvent
    from assistant.worker import Stream, Worker

_LIMIT_MS = 100.0
_LEAST = 12
_READS_S = 0.3
"""After the search: a prompt of more than 1,000 tokens is read for longer on any machine that this is made for."""
_WARMS_S = (0.3, 1.5)


@dataclass(slots=True)
class _Phase:
    """What was measured in one phase."""

    times: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    missed: int = 0

    def add(self, key: str, milliseconds: float, *, hit: bool) -> None:
        if hit:
            self.times.append(milliseconds)
            self.keys.append(key)
        else:
            self.missed += 1


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Milliseconds until the engine is free, for each phase."""
    from assistant import Assistant
    from assistant.worker import Worker

    home = product.with_samples(plan)
    worded = variant.but(answering__wording="generated", answering__caution="low")
    long = worded.but(answering__passages=30, answering__prompt_tokens=1800)
    questions = product.shuffled(plan, product.sample_questions(answerable=True))[: max(plan.questions, _LEAST) * 2]
    chance = random.Random(plan.seed)
    for name, phase in (("prefill", long), ("decode", worded), ("warming", worded)):
        settings = product.settings(plan, phase, home)
        with Worker(lambda settings=settings: Assistant.open(settings), rest_s=0.0) as worker:  # type: ignore[misc]
            if name == "warming" and worker.call(lambda fieldmate: fieldmate.clear_states()) is None:
                continue  # this generator keeps no states
            yield from _rows(plan, name, _measured(worker, name, questions, chance, max(plan.questions, _LEAST)))


def _measured(worker: Worker, name: str, questions: list[dict[str, str]], chance: random.Random, wanted: int) -> _Phase:
    found = _Phase()
    _answered(worker.ask(questions[0]["question"]))  # loads what is needed
    for item in questions[1:] if name != "warming" else questions[1 : wanted + 1]:
        if name == "warming":
            worker.work_ahead()
            time.sleep(chance.uniform(*_WARMS_S))
            found.add(item["id"], _free(worker), hit=True)
        else:
            (_while_it_reads if name == "prefill" else _while_it_writes)(worker, item, chance, found)
        if len(found.times) == wanted:
            break
    if len(found.times) < _LEAST:
        raise BenchmarkError(
            f"Only {len(found.times)} questions were cancelled in {name}, {found.missed} at another time; {_LEAST} are "
            "needed."
        )
    return found


def _while_it_reads(worker: Worker, item: dict[str, str], chance: random.Random, found: _Phase) -> None:
    with worker.ask(item["question"]) as events:
        next(events)
        time.sleep(chance.uniform(0.05, _READS_S))
        events.cancel()
        taken = _free(worker)
        answer = _answered(events)
        found.add(item["id"], taken, hit=answer.model is not None and not answer.usage.completion_tokens)


def _while_it_writes(worker: Worker, item: dict[str, str], chance: random.Random, found: _Phase) -> None:
    whole = _answered(worker.ask(item["question"]))
    if whole.timings.first_token is None:
        found.missed += 1
        return
    writes = whole.timings.stages.get("decode", 0.0)
    with worker.ask(item["question"]) as events:
        # What is reused of the first time makes this one sooner, never later: so it may be missed, and is told then.
        time.sleep((whole.timings.first_token + chance.uniform(0.0, 0.8) * writes) / 1000)
        events.cancel()
        taken = _free(worker)
        made = _answered(events).usage.completion_tokens
        found.add(item["id"], taken, hit=0 < made < whole.usage.completion_tokens)


def _free(worker: Worker) -> float:
    """Milliseconds until the worker does the next thing."""
    started = time.perf_counter()
    worker.call(lambda _: None)
    return (time.perf_counter() - started) * 1000


def _answered(events: Stream[AnswerEvent]) -> Answer:
    from assistant.types import AnswerDone

    return next(event.answer for event in events if isinstance(event, AnswerDone))


def _rows(plan: Plan, name: str, found: _Phase) -> Iterator[Measurement]:
    yield measuring.median(
        "until free",
        "ms",
        found.times,
        plan.seed,
        subset=name,
        keys=found.keys,
        target=measuring.at_most(_LIMIT_MS),
        detail={"missed": found.missed},
    )
