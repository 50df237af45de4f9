"""Percentiles, summaries and bootstrap intervals. Pure: numbers in, numbers out, the seed is an argument.

Knows nothing of what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
DRAWS = 10_000
"""Where a small chance is read off the draws, not only an interval."""
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
    return bounds(np.median(values[_draws(len(values), seed)], axis=1))


def mean_interval(samples: Sequence[float], seed: int) -> tuple[float, float]:
    """Bootstrap interval of the mean."""
    values = np.asarray(samples, dtype=np.float64)
    means = np.concatenate([values[part].mean(axis=1) for part in _parts(len(values), seed)])
    return bounds(means)


def ratio_of_percentiles(above: Sequence[float], below: Sequence[float], q: float = 50) -> float:
    """The q-th percentile of `above` over that of `below`."""
    return percentile(above, q) / percentile(below, q)


def ratio_interval(above: Sequence[float], below: Sequence[float], seed: int, q: float = 50) -> tuple[float, float]:
    """Bootstrap interval of the ratio of percentiles of paired samples: a pair is drawn or left out together."""
    if len(above) != len(below):
        raise ValueError(f"{len(above)} and {len(below)} samples are not pairs")
    first, second = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    draws = _draws(len(first), seed)
    return bounds(np.percentile(first[draws], q, axis=1) / np.percentile(second[draws], q, axis=1))


def crossed_interval(
    samples: Sequence[float],
    blocks: Sequence[int],
    keys: Sequence[str],
    statistic: Literal["median", "mean"],
    seed: int,
) -> tuple[float, float]:
    """Bootstrap interval of samples that share blocks and keys: both are drawn, and a sample counts as both did.

    What a block has in common (the machine was busy) and what a key has in common (the question is long) then widens
    the interval, as it must: the same question asked in five blocks is not five questions. Errs on the wide side (Owen
    2007, "The pigeonhole bootstrap"). Fewer than two blocks or keys are not drawn.
    """
    values = np.asarray(samples, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    generator = np.random.default_rng(seed)
    parts = []
    for _ in range(10):
        weights = np.ones((RESAMPLES // 10, len(values)))
        for groups in (blocks, keys):
            weights *= _counts(generator, groups, len(weights))
        weights = weights[weights.sum(axis=1) > 0]  # blocks and keys that never met leave nothing
        if statistic == "mean":
            parts.append(weights @ values / weights.sum(axis=1))
        else:
            parts.append(_weighted_medians(values[order], weights[:, order]))
    return bounds(np.concatenate(parts))


def _counts(generator: np.random.Generator, groups: Sequence[int] | Sequence[str], rows: int) -> Floats:
    """How often each sample's group was drawn, in each of so many resamples."""
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return np.ones((rows, len(index)))
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=rows)
    return drawn[:, index].astype(np.float64)


def _weighted_medians(ordered: Floats, weights: Floats) -> Floats:
    """In each row the value at which half of the weight is reached, or the middle of two when it is reached between."""
    sums = np.cumsum(weights, axis=1)
    half = sums[:, -1:] / 2
    low, high = np.argmax(sums >= half, axis=1), np.argmax(sums > half, axis=1)
    return np.asarray((ordered[low] + ordered[high]) / 2)


def best_of_blocks(samples: Floats, *, largest: bool = False) -> Floats:
    """Of a table blocks x keys the smallest (or largest) of each key; a key with no sample at all is NaN."""
    reduce = np.fmax if largest else np.fmin
    return np.asarray(reduce.reduce(samples, axis=0))


def paired_draws(
    first: Floats, second: Floats, reduce: Callable[[Floats], Floats], seed: int, resamples: int = DRAWS
) -> Floats:
    """Bootstrap draws of the mean over keys of `reduce(second) - reduce(first)`, from two tables blocks x keys.

    Blocks are drawn (the same ones on both sides, since neighbours in time are compared) and keys are drawn; NaN is a
    sample that is not there. With one block only keys are drawn, so that drift between the two sides is not seen.
    """
    blocks, keys = first.shape
    generator = np.random.default_rng(seed)
    parts = []
    for count in np.diff(np.linspace(0, resamples, 1 + max(1, resamples * first.size // 2_000_000)).astype(int)):
        if blocks == 1:  # nothing to draw from
            apart = np.broadcast_to(reduce(second) - reduce(first), (count, keys))
        else:
            chosen = generator.integers(0, blocks, size=(count, blocks))
            # Axis 0 holds the blocks, as `reduce` expects it.
            apart = reduce(second[chosen].swapaxes(0, 1)) - reduce(first[chosen].swapaxes(0, 1))
        drawn = np.take_along_axis(apart, generator.integers(0, keys, size=(count, keys)), axis=1)
        there = ~np.isnan(drawn)
        kept = there.any(axis=1)
        parts.append(np.where(there, drawn, 0.0)[kept].sum(axis=1) / there[kept].sum(axis=1))
    return np.concatenate(parts)


def pooled_draws(apart: Floats, seed: int, resamples: int = DRAWS) -> Floats:
    """Bootstrap draws of the median of a table blocks x keys, both drawn; NaN is a sample that is not there."""
    blocks, keys = apart.shape
    generator = np.random.default_rng(seed)
    parts = []
    for count in np.diff(np.linspace(0, resamples, 1 + max(1, resamples * apart.size // 2_000_000)).astype(int)):
        rows, columns = (generator.integers(0, size, size=(count, size)) for size in (blocks, keys))
        drawn = apart[rows[:, :, None], columns[:, None, :]].reshape(count, -1)
        drawn = drawn[~np.isnan(drawn).all(axis=1)]
        whole = not np.isnan(drawn).any()
        parts.append(np.median(drawn, axis=1) if whole else np.nanmedian(drawn, axis=1))
    return np.concatenate(parts)


def bounds(draws: Floats, looks: int = 1) -> tuple[float, float]:
    """The middle of bootstrap draws: of so many looks at the same thing, all hold together with 95 % (Bonferroni)."""
    tail = 50 * (1 - CONFIDENCE) / looks
    low, high = np.percentile(draws, [tail, 100 - tail])
    return float(low), float(high)


def holm(chances: Sequence[float], level: float) -> list[bool]:
    """Which of several hypotheses fall, so that the chance of one wrong among them all stays below `level`.

    Holm 1979, "A simple sequentially rejective multiple test procedure"; holds for tests that depend on each other.
    """
    fallen = [False] * len(chances)
    for rank, index in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        if chances[index] > level / (len(chances) - rank):
            break
        fallen[index] = True
    return fallen


def _draws(count: int, seed: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, count, size=(RESAMPLES, count))


def _parts(count: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """The draws in pieces: a thousand questions make two million numbers at once otherwise."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, count, size=(RESAMPLES // 10, count)) for _ in range(10)]
