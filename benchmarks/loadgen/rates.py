"""Looks for the highest arrival rate that is held, in a bounded number of tries. Pure: trying is a call."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_CLOSE = 0.05
"""Share of the upper end at which the two ends are close enough."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One rate and what became of it."""

    rate: float
    held: bool


def highest(first: float, most: float, tries: int, holds: Callable[[float], bool]) -> list[Tried]:
    """What was tried, in order: `first`, then twice as much until one is not held, then between the two ends.

    Args:
        first: the rate to begin with, above 0.
        most: a rate above which none is tried, but for `first`.
        tries: at most so many.
        holds: tries a rate.
    """
    tried: list[Tried] = []
    low, high = 0.0, math.inf
    rate = first
    while len(tried) < tries:
        held = holds(rate)
        tried.append(Tried(rate, held))
        low, high = (rate, high) if held else (low, rate)
        if high - low <= _CLOSE * high if high < math.inf else low >= most:
            break
        rate = min(2 * low, most) if high == math.inf else (low + high) / 2
    return tried


def best(tried: Sequence[Tried]) -> float:
    """The highest rate that was held; 0 when none was."""
    return max((each.rate for each in tried if each.held), default=0.0)
