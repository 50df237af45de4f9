"""Whether guessing what a generator will write pays, and how far to guess. Knows times and counts, no tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LENGTHS = (7, 15)
"""Tokens to guess: with the one in front of them rows in eights. On two cores 4, 8 and 16 rows took 3.2, 3.8 and 4.7
times as long as one (0.5B in q4_k_m; 2.6, 3.2 and 4.0 in q4_0; see benchmarks/LOG.md): three guesses hardly pay, and
fifteen cost little more than seven."""
_FRESH = 0.2
"""Weight of the newest sample in a mean."""
_REST, _LONGEST_REST = 16, 512
"""Tokens to write one by one before a length that did not pay is tried again: twice as many each time."""
_PROMISING = 0.75
"""Of the shorter guesses must have been right before longer ones are tried."""


@dataclass(slots=True)
class _Length:
    """What is known of the steps in which so many tokens were guessed."""

    seconds: float = 0.0
    tokens: float = 0.0
    """Written by a step, in the mean."""
    steps: int = 0
    resting: int = 0
    rest: int = _REST

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def count(self, seconds: float, tokens: float) -> None:
        fresh = _FRESH if self.steps else 1.0
        self.seconds += fresh * (seconds - self.seconds)
        self.tokens += fresh * (tokens - self.tokens)
        self.steps += 1


class Speculation:
    """Chooses by means of what a step took and gave."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._alone = _Length()
        self._guessed = {length: _Length() for length in LENGTHS}
        self._rows = self._written = 0
        self._taken = 0.0

    def length(self) -> int:
        """How many tokens to guess for the next step; 0 where writing one by one is faster."""
        self._count()
        if not self._alone.steps:
            return 0  # nothing to compare with yet
        best, rate, promising = 0, self._alone.rate, True
        for length, known in self._guessed.items():
            if known.resting:
                known.resting -= 1
                promising = False
            elif not known.steps:
                if promising:
                    return length
            else:
                promising = known.tokens >= 1 + _PROMISING * length
                if known.rate > rate:
                    best, rate = length, known.rate
        return best

    @contextmanager
    def watching(self, rows: int) -> Iterator[None]:
        """Take the time of a step that computes so many rows."""
        self._count()
        started = self._clock()
        yield
        self._rows, self._written, self._taken = rows, 0, self._clock() - started

    def wrote(self) -> None:
        """A token of the latest step was written."""
        self._written += 1

    def _count(self) -> None:
        """Take in the step that has ended."""
        length, self._rows = self._rows - 1, 0
        if length == 0:
            self._alone.count(self._taken, 1.0)
        known = self._guessed.get(length)
        if known is None:
            return  # none, or cut short by the end of the answer or of what was found: not comparable
        known.count(self._taken, float(max(1, self._written)))
        if known.rate > self._alone.rate:
            known.rest = _REST
        else:
            known.resting, known.rest, known.steps = known.rest, min(2 * known.rest, _LONGEST_REST), 0
