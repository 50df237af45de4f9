"""What the rows say of each variant as a whole: its quality, its wait, its memory, its disk. Pure; knows joined rows.

Names the figures that these words mean; a variant that lacks one of them has none, and nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import statistics
from benchmarks.rows import Row

QUALITY = "word F1"
_QUALITY_FROM = "answers"
_FIRST_TOKEN = (
    ("single_stream", "first token", "", "warm"),
    ("single_stream", "first token", "", ""),
    ("first_token", "first token", "fieldmate", ""),
    ("first_token", "first token", "fieldmate", "warm"),
)
"""Scenario, metric, subset and state, the best source first."""
_MEMORY = "peak memory of ask"
_DISK = "model on disk"
_FILE = "file_mb"
"""Detail that says the same as `_DISK`, of a row about something else."""
_SECONDS = {"ms": 0.001, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Merits:
    """One variant."""

    name: str
    first_token: float | None = None
    """Seconds, at the percentile that was asked for."""
    memory: float | None = None
    """Peak of a whole `fieldmate ask`, bytes."""
    disk: float | None = None
    """The model's file, bytes."""
    scores: dict[tuple[str, str, str, str], float] | None = None
    """Score by scenario, subset, state and key of the question; None: not measured."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The mean score over questions that all of the compared variants were asked."""

    mean: float
    interval: tuple[float, float]
    questions: int


def merits(rows: Sequence[Row], *, quality: str = QUALITY, percentile: str = "p50") -> list[Merits]:
    """Of each variant in the rows, in their order."""
    found = []
    for name in dict.fromkeys(row.variant for row in rows if row.variant):
        own = [row for row in rows if row.variant == name and row.status == "ok"]
        found.append(Merits(name, _first_token(own, percentile), _memory(own), _disk(own), _scores(own, quality)))
    return found


def qualities(variants: Sequence[Merits], seed: int = 0) -> dict[str, Quality]:
    """Of each variant with scores the mean over the questions that all of them have; empty when they share none."""
    scored = [each for each in variants if each.scores]
    common = _common(scored)
    return {
        each.name: Quality(float(np.mean(samples)), statistics.mean_interval(samples, seed), len(samples))
        for each in scored
        if (samples := [(each.scores or {})[key] for key in common])
    }


def difference(first: Merits, second: Merits, among: Sequence[Merits], seed: int = 0) -> tuple[float, float]:
    """Interval of how much better the first is than the second, question by question."""
    common = _common([each for each in among if each.scores])
    return statistics.mean_interval([(first.scores or {})[key] - (second.scores or {})[key] for key in common], seed)


def _common(scored: Sequence[Merits]) -> list[tuple[str, str, str, str]]:
    """Questions that all have; sorted, so that the draws of the bootstrap do not depend on the file's order."""
    return sorted(set.intersection(*(set(each.scores or {}) for each in scored))) if scored else []


def _first_token(rows: Sequence[Row], percentile: str) -> float | None:
    for scenario, metric, subset, state in _FIRST_TOKEN:
        for row in reversed(rows):  # the newest
            same = (row.scenario, row.metric, row.subset, row.state) == (scenario, metric, subset, state)
            if same and row.unit in _SECONDS and percentile in row.summary:
                return row.summary[percentile] * _SECONDS[row.unit]
    return None


def _memory(rows: Sequence[Row]) -> float | None:
    values = [row.value for row in rows if (row.metric, row.unit) == (_MEMORY, "MB") and row.value is not None]
    return max(values) * 1e6 if values else None


def _disk(rows: Sequence[Row]) -> float | None:
    values = [row.value for row in rows if (row.metric, row.unit) == (_DISK, "MB") and row.value is not None]
    told = [value for row in rows if isinstance(value := row.detail.get(_FILE), int | float)]
    found = values or told
    return max(found) * 1e6 if found else None


def _scores(rows: Sequence[Row], quality: str) -> dict[tuple[str, str, str, str], float] | None:
    found: dict[tuple[str, str, str, str], list[float]] = {}
    for row in rows:
        if row.metric != quality or row.unit != "score" or row.scenario.split("/")[0] != _QUALITY_FROM:
            continue
        keys = row.keys if len(row.keys) == len(row.samples) else [f"#{number}" for number in range(len(row.samples))]
        for key, sample in zip(keys, row.samples, strict=True):
            found.setdefault((row.scenario, row.subset, row.state, key), []).append(float(sample))
    return {key: float(np.mean(values)) for key, values in found.items()} or None
