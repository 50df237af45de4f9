"""Percentiles, summaries and bootstrap intervals. Pure: numbers in, numbers out, the seed is an argument.

Knows nothing of what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
CONFIDENCE = 0.95
_LEAST = {50: 1, 90: 10, 99: 100}
"""Percentile -> fewest samples with which it is given: below, it would only be the largest sample again."""

Floats = npt.NDArray[np.float64]


def percentile(samples: Sequence[float], q: float) -> float:
    """The q-th percentile, linear between neighbours (method 7 of Hyndman and Fan 1996)."""
    return float(np.percentile(np.asarray(samples, dtype=np.float64), q))


def summarize(samples: Sequence[float]) -> dict[str, float]:
    """Count, mean, extremes, and the percentiles that so many samples support."""
    if not samples:
        return {"n": 0}
    values = np.asarray(samples, dtype=np.float64)
    summary = {"n": len(samples), "mean": float(values.mean()), "min": float(values.min()), "max": float(values.max())}
    return summary | {f"p{q}": percentile(samples, q) for q, least in _LEAST.items() if len(samples) >= least}


def median_interval(samples: Sequence[float], seed: int) -> tuple[float, float]:
    """Bootstrap interval of the median."""
    values = np.asarray(samples, dtype=np.float64)
    return _bounds(np.median(values[_draws(len(values), seed)], axis=1))


def mean_interval(samples: Sequence[float], seed: int) -> tuple[float, float]:
    """Bootstrap interval of the mean."""
    values = np.asarray(samples, dtype=np.float64)
    means = np.concatenate([values[part].mean(axis=1) for part in _parts(len(values), seed)])
    return _bounds(means)


def ratio_of_medians(above: Sequence[float], below: Sequence[float]) -> float:
    """Median of `above` over median of `below`."""
    return float(np.median(above) / np.median(below))


def ratio_interval(above: Sequence[float], below: Sequence[float], seed: int) -> tuple[float, float]:
    """Bootstrap interval of the ratio of medians of paired samples: a pair is drawn or left out together."""
    if len(above) != len(below):
        raise ValueError(f"{len(above)} and {len(below)} samples are not pairs")
    first, second = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    draws = _draws(len(first), seed)
    return _bounds(np.median(first[draws], axis=1) / np.median(second[draws], axis=1))


def _draws(count: int, seed: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, count, size=(RESAMPLES, count))


def _parts(count: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """The draws in pieces: a thousand questions make two million numbers at once otherwise."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, count, size=(RESAMPLES // 10, count)) for _ in range(10)]


def _bounds(values: Floats) -> tuple[float, float]:
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
