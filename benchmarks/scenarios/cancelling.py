"""From cancelling a question to the engine being free for the next one. Knows the worker and the facade only.

Three phases: while the model reads, while it writes, and while states of passages are computed in idle time, which a
question stops. Each question is answered whole first, so that it is known when it is in which phase; for reading by
another worker, so that nothing is reused. Then it is cancelled at a random moment of the phase. Runs that missed it
are told by their answers and counted, not measured.
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
    from assistant import Settings
    from assistant.types import Answer, AnswerEvent
    from assistant.worker import Stream, Worker

_LIMIT_MS = 100.0
_LEAST = 12
_IN_PREFILL_MS = 10.0
"""At least so long it must have read when it was cancelled."""
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
    home = product.with_samples(plan)
    long = variant.but(
        answering__wording="generated", answering__caution="low", answering__passages=6, answering__prompt_tokens=1200
    )
    settings = product.settings(plan, long, home)
    questions = product.shuffled(plan, product.sample_questions(answerable=True))
    wanted = max(plan.questions, _LEAST)
    with _worker(settings) as worker:
        whole = list(_answered_whole(worker, questions, wanted * 3 // 2))
    chance = random.Random(plan.seed)
    for name, cancelled in (("prefill", _while_reading), ("decode", _while_writing)):
        with _worker(settings) as worker:
            yield from _rows(plan, name, cancelled(worker, whole, chance, wanted))
    with _worker(settings) as worker:
        if worker.call(lambda fieldmate: fieldmate.clear_states()) is not None:  # else it keeps no states
            yield from _rows(plan, "warming", _overtaken(worker, questions[:wanted], chance))


def _worker(settings: Settings) -> Worker:
    from assistant import Assistant
    from assistant.worker import Worker

    return Worker(lambda: Assistant.open(settings), rest_s=0.0)


def _cold(worker: Worker) -> None:
    worker.call(lambda fieldmate: fieldmate.clear_states())


def _answered_whole(worker: Worker, questions: list[dict[str, str]], wanted: int) -> Iterator[tuple[str, Answer]]:
    """Id and answer of questions for which the model was run, after one that loads it."""
    _answer(worker.ask(questions[0]["question"]))
    for item in questions[1:]:
        _cold(worker)
        answer = _answer(worker.ask(item["question"]))
        if answer.timings.first_token is not None:
            yield item["id"], answer
            wanted -= 1
        if not wanted:
            return


def _while_reading(worker: Worker, whole: list[tuple[str, Answer]], chance: random.Random, wanted: int) -> _Phase:
    found = _Phase()
    _answer(worker.ask(whole[0][1].question))
    for key, expected in whole[1:]:
        _cold(worker)
        timings = expected.timings
        reads = timings.stages.get("prefill", 0.0)
        begins = (timings.first_token or 0.0) - reads
        taken, answer = _stopped(worker, expected.question, begins + chance.uniform(0.1, 0.9) * reads)
        read = answer.timings.stages.get("prefill", 0.0)
        found.add(key, taken, hit=read > _IN_PREFILL_MS and not answer.usage.completion_tokens)
        if len(found.times) == wanted:
            break
    return found


def _while_writing(worker: Worker, whole: list[tuple[str, Answer]], chance: random.Random, wanted: int) -> _Phase:
    """Each question is answered whole just before, with everything reused that will be reused."""
    found = _Phase()
    for key, expected in whole:
        for _ in range(2):
            before = _answer(worker.ask(expected.question))
        writes = before.timings.stages.get("decode", 0.0)
        begins = before.timings.first_token or 0.0
        taken, answer = _stopped(worker, expected.question, begins + chance.uniform(0.1, 0.9) * writes)
        found.add(key, taken, hit=0 < answer.usage.completion_tokens < before.usage.completion_tokens)
        if len(found.times) == wanted:
            break
    return found


def _stopped(worker: Worker, question: str, after_ms: float) -> tuple[float, Answer]:
    """Milliseconds until the engine was free, and what the cancelled question got."""
    with worker.ask(question) as events:
        time.sleep(after_ms / 1000)
        events.cancel()
        return _free(worker), _answer(events)


def _overtaken(worker: Worker, questions: list[dict[str, str]], chance: random.Random) -> _Phase:
    found = _Phase()
    worker.call(lambda fieldmate: fieldmate.load())
    for item in questions:
        worker.work_ahead()
        time.sleep(chance.uniform(*_WARMS_S))
        found.add(item["id"], _free(worker), hit=True)
    return found


def _free(worker: Worker) -> float:
    """Milliseconds until the worker does the next thing."""
    started = time.perf_counter()
    worker.call(lambda _: None)
    return (time.perf_counter() - started) * 1000


def _answer(events: Stream[AnswerEvent]) -> Answer:
    from assistant.types import AnswerDone

    return next(event.answer for event in events if isinstance(event, AnswerDone))


def _rows(plan: Plan, name: str, found: _Phase) -> Iterator[Measurement]:
    if not found.times:
        raise BenchmarkError(f"No question was cancelled in {name}, {found.missed} at another time; ask more of them.")
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
