"""An assistant that answers at once, or after a known time of work: what is left is the harness itself.

Knows no model, no knowledge base and no question.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from assistant.types import Answer, AnswerDone, AnswerEvent, Retrieved, TextDelta, Timings

_TEXT = "Nothing was looked up and nothing was thought."


class NullAssistant:
    """Has the events of the real one and no work, but for `busy_ms` milliseconds of a busy processor."""

    def __init__(self, busy_ms: float = 0.0) -> None:
        self._busy = busy_ms / 1000

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def ask(self, question: str) -> Iterator[AnswerEvent]:
        """The events of an answer that says nothing."""
        started = time.perf_counter()
        yield Retrieved(())
        while time.perf_counter() - started < self._busy:
            pass
        yield TextDelta(_TEXT)
        total = (time.perf_counter() - started) * 1000
        yield AnswerDone(Answer(question, _TEXT, "answered", "quoted", 1.0, timings=Timings(total=total)))
