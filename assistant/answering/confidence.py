"""How far to trust an answer: evidence strength before a token is spent, confidence after. Pure but for one data file.

The numbers are logistic regressions fitted on labelled questions and kept, with the error rates they gave, in
`calibration.toml` beside this module.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal

import msgspec

from assistant.quantities import identifiers, quantities
from assistant.retrieval.terms import terms
from assistant.types import Hit

Caution = Literal["low", "normal", "high"]
_LOOKED_AT = 3
"""Hits whose fit is measured: what the prompt can hold."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of `calibration.toml`."""

    version: int
    features: dict[str, float]
    """Weight of each feature of `features()`."""
    bias: float
    thresholds: dict[str, float]
    """Least evidence strength at which a question is answered, by caution."""
    measured: dict[str, str | float]
    """What the file was fitted on and the error rates it gave."""


@lru_cache(maxsize=1)
def calibration() -> Calibration:
    """The calibration that ships with this version."""
    text = resources.files(__package__).joinpath("calibration.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Calibration)


def features(question: str, hits: Sequence[Hit], weights: Mapping[str, float]) -> dict[str, float]:
    """What says whether `hits` hold an answer.

    Args:
        question: the text that was searched for.
        hits: best first.
        weights: the question's terms with their inverse document frequencies.
    """
    top = hits[:_LOOKED_AT]
    found = [_hit_terms(hit) for hit in top]
    dense = [hit.dense_score or 0.0 for hit in top]
    everything = frozenset[str]().union(*found)
    total = sum(weights.values()) or 1.0
    exact = _exact(question)
    return {
        "cosine": max(dense, default=0.0),
        "coverage_best": max((_covered(weights, held) for held in found), default=0.0) / total,
        "coverage_all": _covered(weights, everything) / total,
        "missing_exact": sum(name not in everything for name in exact) / max(len(exact), 1),
        "rarest_missing": _rarest_missing(weights, everything),
    }


def strength(question: str, hits: Sequence[Hit], weights: Mapping[str, float]) -> float:
    """Estimated probability that `hits` hold an answer to `question`, 0 to 1; 0 without hits."""
    if not hits:
        return 0.0
    numbers = calibration()
    values = features(question, hits, weights)
    return _logistic(numbers.bias + sum(weight * values[name] for name, weight in numbers.features.items()))


def threshold(caution: Caution) -> float:
    """Least strength at which a question is answered."""
    return calibration().thresholds[caution]


def confidence(evidence_strength: float, support: Sequence[float]) -> float:
    """Probability that an answer is right: that its passages are the right ones, and that they say what it says."""
    return evidence_strength * (sum(support) / len(support)) if support else 0.0


def _hit_terms(hit: Hit) -> frozenset[str]:
    return frozenset(terms(hit.passage.searchable()))


def _exact(question: str) -> set[str]:
    """Identifiers and quantities of the question, as terms."""
    measured = {one.number.lstrip("-") + one.unit.casefold() for one in quantities(question)}
    return identifiers(question) | measured


def _covered(weights: Mapping[str, float], held: frozenset[str]) -> float:
    return sum(weight for term, weight in weights.items() if term in held)


def _rarest_missing(weights: Mapping[str, float], held: frozenset[str]) -> float:
    """Weight of the rarest term that no hit holds, as a share of the rarest term's."""
    missing = [weight for term, weight in weights.items() if term not in held]
    return max(missing, default=0.0) / max(weights.values(), default=1.0)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, value))))
