"""Asks that are not written down yet. Pure.

A question costs no transaction: its asks are gathered here and written together with others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from assistant.states import policy

_MOST = 16_384
"""States whose asks are held, if nothing can be written for a long time."""


class Name(NamedTuple):
    """Names a state among those of all models."""

    space: str
    key: str


class Found(NamedTuple):
    """A state's file, as its header describes it."""

    name: Name
    tokens: int
    bytes: int
    """Of the file, header and all."""


@dataclass(slots=True)
class Asks:
    """Asks for one state."""

    count: int = 0
    popularity: float = policy.NEVER
    """As if the first ask held here, of whatever state, came at instant 0."""
    last: int = 0
    """Instant of the latest."""
    found: Found | None = None
    """Its file, where the latest ask found one: a row that does not know of it is put right."""


class Counts:
    """What was counted since the last writing."""

    def __init__(self) -> None:
        self.states: dict[Name, Asks] = {}
        self.hits = 0
        self.misses = 0
        self.damaged = 0

    @property
    def asks(self) -> int:
        """Asks of all states."""
        return self.hits + self.misses

    def __bool__(self) -> bool:
        return bool(self.asks or self.damaged)

    def ask(self, name: Name, found: Found | None) -> None:
        """Count one ask; `found` describes the state's file, where there is one."""
        instant = self.asks
        if name in self.states or len(self.states) < _MOST:
            asks = self.states.setdefault(name, Asks())
            asks.count += 1
            asks.popularity = policy.asked(asks.popularity, instant)
            asks.last, asks.found = instant, found
        self.hits += found is not None
        self.misses += found is None

    def of(self, name: Name) -> int:
        """Asks of one state."""
        return self.states[name].count if name in self.states else 0
