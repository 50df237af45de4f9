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


def closeness(
    asked: Sequence[tuple[str, str]], weights: Mapping[str, float], candidates: Mapping[int, Sequence[Sequence[str]]]
) -> dict[int, float]:
    """A share for each candidate: 1 where all pairs stand as phrases and in no other candidate, 0 where none is near.

    A pair counts less the more of the candidates hold it: a device's name stands in the title above all of its passages
    and says nothing about one of them.

    Args:
        asked: see `pairs`.
        weights: inverse document frequencies of the question's terms.
        candidates: by number, a passage's terms in their order, heading and text apart.
    """
    near = {id: _nearness(asked, parts) for id, parts in candidates.items()}
    counted = [
        (weights.get(a, 0.0) + weights.get(b, 0.0)) * (1 - sum(one[place] for one in near.values()) / len(near))
        for place, (a, b) in enumerate(asked)
        if near
    ]
    total = sum(counted)
    if total <= 0:
        return dict.fromkeys(candidates, 0.0)
    return {
        id: sum(weight * value for weight, value in zip(counted, values, strict=True)) / total
        for id, values in near.items()
    }


def _nearness(asked: Sequence[tuple[str, str]], parts: Sequence[Sequence[str]]) -> list[float]:
    """How near a passage keeps each pair, 0 to 1."""
    wanted = {term for pair in asked for term in pair}
    places: dict[str, list[int]] = {}
    start = 0
    for part in parts:
        for place, term in enumerate(part, start):
            if term in wanted:
                places.setdefault(term, []).append(place)
        start += len(part) + _FURTHEST
    return [_near(places.get(a), places.get(b)) for a, b in asked]


def _near(first: Sequence[int] | None, second: Sequence[int] | None) -> float:
    """A share for a phrase, and the rest divided by the least distance."""
    if not first or not second:
        return 0.0
    apart = [b - a for a in first for b in second]
    least = min(map(abs, apart))
    near = 1 / least if least <= _FURTHEST else 0.0
    return _PHRASE * (1 in apart) + (1 - _PHRASE) * near
