"""Which states are worth their bytes: counts that fade, and what has to go for a newcomer. Pure.

It knows numbers only; neither keys nor files nor when something was asked by any clock on the wall.

The value of a state is the prefill that it is likely to save for each byte: faded count x tokens / bytes. Counts fade
exponentially with the questions that came since, so that yesterday's favourites make room. They are kept by forward
decay (Cormode et al., "Forward Decay", ICDE 2009): an ask at instant t counts 2^(t / HALF_LIFE) for ever, and as all
fade alike, their order holds without any sweep over them. Whether a newcomer is let in is decided as TinyLFU does
(Einziger et al., ACM Transactions on Storage 13:4, 2017): asks are counted for states that are not kept, too, and a
newcomer needs more than what it displaces; where that is several states, their sum counts (aggregated victims, Einziger
et al., "Lightweight Robust Size Aware Cache Management", 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

HALF_LIFE = 2048
"""Asks, of whatever passage, after which one counts half. Of 1024 to 8192 the best compromise between steady popularity
and a change of all of it (benchmarks/LOG.md, stored passage states)."""
UNASKED = 0.5
"""What a state counts beside its asks: it was computed because somebody may ask."""
NEVER = -math.inf
"""Popularity of what nobody will ask for again."""
_STEEP = 1000.0  # Two to this power is still a number.

_Name = TypeVar("_Name")


class Candidate(NamedTuple):
    """A state that may go, or one that would come."""

    popularity: float
    tokens: int
    bytes: int


def first_seen(instant: float) -> float:
    """Popularity of what nobody has asked for; `instant` counts asks."""
    return math.log2(UNASKED) + instant / HALF_LIFE


def together(one: float, other: float) -> float:
    """Popularity of two histories of one state: the logarithm of the sum."""
    high, low = max(one, other), min(one, other)
    return high if low == NEVER else high + math.log2(1 + 2.0 ** (low - high))


def asked(popularity: float, instant: float) -> float:
    """Popularity after one ask more."""
    return together(popularity, instant / HALF_LIFE)


def value(candidate: Candidate) -> float:
    """The binary logarithm of faded count x tokens / bytes: in the same order at every instant."""
    return candidate.popularity + math.log2(candidate.tokens / candidate.bytes)


def displaced(newcomer: Candidate, room: int, kept: Iterable[tuple[_Name, Candidate]]) -> list[_Name] | None:
    """What goes so that `newcomer` comes, least valuable first; None where it is not worth more than that.

    `room` is what is free now, below zero where more is kept than should be; `kept` comes in order of value.
    """
    gone: list[_Name] = []
    lost = 0.0
    for name, candidate in kept:
        if room >= newcomer.bytes:
            break
        if room >= 0:  # What is too much in any case is not the newcomer's price.
            steps = min(candidate.popularity - newcomer.popularity, _STEEP)
            lost += candidate.tokens * 2.0**steps
        if lost >= newcomer.tokens:
            return None
        gone.append(name)
        room += candidate.bytes
    return gone if room >= newcomer.bytes else None
