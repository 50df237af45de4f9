"""The system under test in this process: the product's `ask`, one question after the other.

Knows tickets; not LoadGen.
"""

from __future__ import annotations

from benchmarks.loadgen.asking import Asks, ask
from benchmarks.loadgen.driver import Ticket
from benchmarks.loadgen.questions import Questions


class Local:
    """Answers each question at once, in the thread that brings it."""

    def __init__(self, assistant: Asks, questions: Questions, slow_down: float = 0.0) -> None:
        self._assistant = assistant
        self._questions = questions
        self._slow_down = slow_down

    def take(self, ticket: Ticket) -> None:
        """Answer `ticket`."""
        ticket.take()
        ticket.finish(ask(self._assistant, self._questions.texts[ticket.index], self._slow_down, ticket.say))
