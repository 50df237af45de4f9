"""Reads along at the prompt: tells what is being typed while it is typed. Knows nothing of what is done with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

_EVERY_S = 0.15
"""Between two looks at the line: a look costs microseconds."""
_RESTED_S = 0.25
"""Without a key: longer than between the keys of one word, 0.24 s at 50 words a minute, so that words are whole."""
_LEAST_WORDS = 2


class Typed:
    """Tells when a line is worth working ahead for: at rest, of two words or more, and another than the last time."""

    def __init__(self) -> None:
        self._text = self._told = ""
        self._since = 0.0

    def look(self, line: str, now: float) -> str | None:
        """The text to work ahead for, seen at `now` seconds; None when there is none."""
        text = line.strip()
        if text != self._text:
            self._text, self._since = text, now
        command = text.startswith("/")
        if text == self._told or command or len(text.split()) < _LEAST_WORDS or now - self._since < _RESTED_S:
            return None
        self._told = text
        return text


@contextmanager
def reading_along(line: Callable[[], str], tell: Callable[[str], object]) -> Iterator[None]:
    """While this is entered, `tell` gets what `line` gives as soon as it is worth working ahead for.

    It is called in a thread of its own, because whoever waits for keys waits in a library. What that library changes at
    the same moment may be seen half changed: that is a guess which was wrong.
    """
    done = Event()

    def watch() -> None:
        typed = Typed()
        while not done.wait(_EVERY_S):
            if text := typed.look(line(), time.monotonic()):
                tell(text)

    Thread(target=watch, name="reading-along", daemon=True).start()
    try:
        yield
    finally:
        done.set()
