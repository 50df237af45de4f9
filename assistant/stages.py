"""How long each stage of an answer took, added up by its name. Knows no stage by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stages:
    """Milliseconds by stage; one name may be measured many times."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Add what the block takes, however it ends, to the stage `name`."""
        started = self._clock()
        try:
            yield
        finally:
            taken = (self._clock() - started) * 1000
            self.milliseconds[name] = self.milliseconds.get(name, 0.0) + taken
