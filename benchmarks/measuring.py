"""Turns samples into measurements, so that every scenario names its statistic and interval in the same way.

Knows statistics and rows; no scenario.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import statistics
from benchmarks.rows import Measurement, Target


def median(metric: str, unit: str, samples: Sequence[float], seed: int, **more: Any) -> Measurement:
    """The median of `samples` with its interval."""
    return Measurement(
        metric=metric,
        unit=unit,
        statistic="median",
        value=statistics.percentile(samples, 50),
        interval=statistics.median_interval(samples, seed),
        samples=samples,
        summary=statistics.summarize(samples),
        **more,
    )


def mean(metric: str, unit: str, samples: Sequence[float], seed: int, **more: Any) -> Measurement:
    """The mean of `samples` with its interval."""
    summary = statistics.summarize(samples)
    interval = statistics.mean_interval(samples, seed)
    return Measurement(
        metric=metric, unit=unit, statistic="mean", value=summary["mean"], interval=interval, samples=samples,
        summary=summary, **more
    )  # fmt: skip


def largest(metric: str, unit: str, samples: Sequence[float], **more: Any) -> Measurement:
    """The largest of `samples`: what a machine must have room for."""
    summary = statistics.summarize(samples)
    return Measurement(
        metric=metric, unit=unit, statistic="largest", value=max(samples), samples=samples, summary=summary, **more
    )


def ratio(
    metric: str, above: Sequence[float], below: Sequence[float], seed: int, *, q: int = 50, **more: Any
) -> Measurement:
    """The ratio of the medians, or of another percentile, of paired samples; the raw samples are those of the pairs."""
    pairs = [first / second for first, second in zip(above, below, strict=True)]
    return Measurement(
        metric=metric,
        unit="ratio",
        statistic="ratio of medians" if q == 50 else f"ratio of p{q}",
        value=statistics.ratio_of_percentiles(above, below, q),
        interval=statistics.ratio_interval(above, below, seed, q),
        samples=pairs,
        summary=statistics.summarize(pairs),
        **more,
    )


def at_most(limit: float) -> Target:
    """The target `value <= limit`."""
    return Target("at most", limit)


def at_least(limit: float) -> Target:
    """The target `value >= limit`."""
    return Target("at least", limit)
