"""Whether guessing what a generator will write pays, and how far to guess. Knows times and counts, no tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

LENGTHS = (3, 7)
"""Tokens to guess: with the one in front of them rows in fours, on which repacked matrix kernels work."""
_FRESH = 0.2
"""Weight of the newest sample in a mean."""
_REST = 32
"""Tokens to write one by one before a length that did not pay is tried again."""
_TRIED = 2
"""Times that a length is tried before it is judged."""


class Speculation:
    """Means of what a step took and gave, by how many tokens were guessed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._seconds: dict[int, float] = {}
        self._tokens: dict[int, float] = {}
        self._tried: dict[int, int] = {}
        self._resting: dict[int, int] = {}
        self._rows = 0
        self._written = 0
        self._taken = 0.0

    def length(self) -> int:
        """How many tokens to guess for the next step; 0 where writing one by one is faster."""
        self._close()
        best, rate = 0, self._rate(0)
        for length in LENGTHS:
            if self._resting.get(length, 0) > 0:
                self._resting[length] -= 1
            elif self._tried.get(length, 0) < _TRIED:
                return length
            elif self._rate(length) > rate:
                best, rate = length, self._rate(length)
        return best

    def _rate(self, length: int) -> float:
        return self._tokens.get(length, 1.0) / self._seconds[length] if length in self._seconds else 0.0

    @contextmanager
    def watching(self, rows: int) -> Iterator[None]:
        """Take the time of a step that computes so many rows."""
        self._close()
        started = self._clock()
        yield
        self._rows, self._written, self._taken = rows, 0, self._clock() - started

    def wrote(self) -> None:
        """A token of the latest step was written."""
        self._written += 1

    def _close(self) -> None:
        """Count the step that has ended."""
        if not self._rows:
            return
        length = self._rows - 1
        self._rows = 0
        if length not in (0, *LENGTHS):
            return  # cut short by the end of the answer or of what was found: not comparable
        self._mean(self._seconds, length, self._taken)
        self._mean(self._tokens, length, float(max(1, self._written)))
        self._tried[length] = self._tried.get(length, 0) + 1
        if length and self._tried[length] >= _TRIED and self._rate(length) < self._rate(0):
            self._resting[length] = _REST
            self._tried[length] = _TRIED - 1

    def _mean(self, means: dict[int, float], length: int, sample: float) -> None:
        means[length] = sample if length not in means else means[length] + _FRESH * (sample - means[length])
