"""How closely a passage keeps together what stands together in a question. Pure.

To both searches a passage on the battery cover of a remote and one on a cover for remote batteries are much alike.
Pairs of neighbouring terms of the question tell them apart (Metzler and Croft: A Markov Random Field Model for Term
Dependencies, 2005): a pair counts when the passage has it as a phrase, and less the further apart its terms are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

_PHRASE = 0.6
"""Share that only a phrase earns (fitted together with the weight in `assistant.retrieval.search`)."""
_FURTHEST = 6
"""Terms between which a pair may stretch; stop words are none."""


def pairs(wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbouring terms of a question, each pair once."""
    return list(dict.fromkeys((a, b) for a, b in pairwise(wanted) if a != b))


def closeness(asked: Sequence[tuple[str, str]], weights: Mapping[str, float], parts: Sequence[Sequence[str]]) -> float:
    """From 0 to 1: 1 where each pair stands as a phrase, 0 where none is near.

    Args:
        asked: see `pairs`.
        weights: inverse document frequencies of the question's terms.
        parts: the passage's terms in their order, heading and text apart.
    """
    total = sum(weights.get(a, 0.0) + weights.get(b, 0.0) for a, b in asked)
    if not total:
        return 0.0
    wanted = {term for pair in asked for term in pair}
    places: dict[str, list[int]] = {}
    start = 0
    for part in parts:
        for place, term in enumerate(part, start):
            if term in wanted:
                places.setdefault(term, []).append(place)
        start += len(part) + _FURTHEST
    return (
        sum((weights.get(a, 0.0) + weights.get(b, 0.0)) * _near(places.get(a), places.get(b)) for a, b in asked) / total
    )


def _near(first: Sequence[int] | None, second: Sequence[int] | None) -> float:
    """A share for a phrase, and the rest divided by the least distance."""
    if not first or not second:
        return 0.0
    apart = [b - a for a in first for b in second]
    least = min(map(abs, apart))
    near = 1 / least if least <= _FURTHEST else 0.0
    return _PHRASE * (1 in apart) + (1 - _PHRASE) * near
