"""Asks one question and keeps times and counts, never words. Knows the events of `ask`; neither LoadGen nor queues.

A variant's `slow_down` is applied here: after each event, the harness sleeps for that share of the time which the event
took, before it looks at the event. Durations that the product reports are corrected for these sleeps and made longer
by the same share, so that all figures tell of one and the same slower system.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from assistant.types import Answer, AnswerDone, AnswerEvent, TextDelta
from benchmarks.errors import BenchmarkError


class Asks(Protocol):
    """What answers: `assistant.Assistant`, or the null assistant of `overhead`."""

    def ask(self, question: str) -> Iterator[AnswerEvent]:
        """The events of one answer."""
        ...


class Answered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of one answer; times in milliseconds."""

    status: str
    mode: str
    citations: int
    digest: str
    """SHA-256 over text, status, mode and cited places: equal for equal answers."""
    first_text: float | None
    """From the question to the first shown text, on the harness's clock."""
    done: float
    """From the question to the last event, on the harness's clock."""
    first_token: float | None
    """As the product reports it, like all that follows; None when the generator was not run."""
    total: float
    load: float
    stages: dict[str, float]
    prompt_tokens: int
    reused_tokens: int
    completion_tokens: int

    @property
    def outcome(self) -> str:
        """How the answer came about, in one word."""
        return "abstained" if self.status == "abstained" else self.mode


@dataclass(slots=True)
class _Watch:
    """The harness's clock, with the sleeps of a slowed variant."""

    slow_down: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    started: float = 0.0
    slept: list[float] = field(default_factory=list)
    """Seconds slept after each event."""
    _since: float = 0.0

    def start(self) -> None:
        self.started = self._since = self.clock()

    def event(self) -> float:
        """An event has come: sleep its share; returns milliseconds since the start."""
        came = self.clock()
        if self.slow_down:
            self.sleep((came - self._since) * self.slow_down)
        self._since = self.clock()
        self.slept.append(self._since - came if self.slow_down else 0.0)
        return (self._since - self.started) * 1000

    def corrected(self, milliseconds: float, events: int) -> float:
        """A duration that the product reports, before which `events` events had been handed over."""
        return (milliseconds - sum(self.slept[:events]) * 1000) * (1 + self.slow_down)


def ask(
    assistant: Asks,
    question: str,
    slow_down: float = 0.0,
    said: Callable[[], None] = lambda: None,
    *,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Answered:
    """Ask `question` to its end; `said` is told of the first shown text at once.

    Raises:
        BenchmarkError: the events ended without an answer.
    """
    watch = _Watch(slow_down, clock, sleep)
    first_text: float | None = None
    watch.start()
    for event in assistant.ask(question):
        now = watch.event()
        if isinstance(event, TextDelta) and first_text is None:
            first_text = now
            said()
        if isinstance(event, AnswerDone):
            return _kept(event.answer, first_text, now, watch)
    raise BenchmarkError("The events of an answer ended without AnswerDone; that is a fault of the product.")


def _kept(answer: Answer, first_text: float | None, done: float, watch: _Watch) -> Answered:
    timings, usage = answer.timings, answer.usage
    return Answered(
        status=answer.status,
        mode=answer.mode,
        citations=len(answer.citations),
        digest=digest(answer),
        first_text=first_text,
        done=done,
        # The first token comes behind the first event, `Retrieved`, and before any other.
        first_token=None if timings.first_token is None else watch.corrected(timings.first_token, 1),
        total=watch.corrected(timings.total, len(watch.slept) - 1),
        load=watch.corrected(timings.load, 0),
        stages={name: watch.corrected(taken, 0) for name, taken in timings.stages.items()},
        prompt_tokens=usage.prompt_tokens,
        reused_tokens=usage.reused_tokens,
        completion_tokens=usage.completion_tokens,
    )


def digest(answer: Answer) -> str:
    """Hash over what a user sees of an answer."""
    places = [(citation.document, citation.start, citation.end) for citation in answer.citations]
    seen = msgspec.json.encode([answer.text, answer.status, answer.mode, places])
    return hashlib.sha256(seen).hexdigest()
