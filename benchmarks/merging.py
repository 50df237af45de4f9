"""Joins the rows of a run's blocks: one figure for what was measured several times. Pure; knows rows and statistics.

A figure of several blocks is made again from all samples. Samples of a ratio are the ratios of pairs, so that a joined
ratio is the median of these; of a figure with no samples, or of a statistic that is not known here, the median of the
blocks is given and called so, without an interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from benchmarks import statistics
from benchmarks.rows import Row, complete

Identity = tuple[Any, ...]


def size(row: Row) -> int | None:
    """Passages in the knowledge base, where the row says so: figures of different sizes are different figures."""
    passages = row.detail.get("passages")
    return passages if isinstance(passages, int) and not isinstance(passages, bool) else None


def joined(rows: Sequence[Row]) -> list[Row]:
    """The rows of jobs that are all there, each figure once in a run; failures and what was skipped come once as well.

    In the order in which each figure first came.
    """
    groups: dict[Identity, list[Row]] = {}
    seen: Counter[Identity] = Counter()
    for row in complete(rows):
        # Two rows that one job wrote under the same name are two figures, whatever they are.
        place = (row.run, row.job, row.block, *_identity(row))
        groups.setdefault((row.run, *_identity(row), seen[place]), []).append(row)
        seen[place] += 1
    return [_join(group) for group in groups.values()]


def blocks(row: Row) -> int:
    """How many blocks a joined row was made from."""
    return int(row.detail.get("blocks", 1))


def _identity(row: Row) -> Identity:
    return (
        row.scenario, row.variant, row.status, row.reason, row.metric, row.unit, row.statistic, row.subset, row.state,
        size(row),
    )  # fmt: skip


def _join(rows: list[Row]) -> Row:
    first = rows[0]
    if len(rows) == 1:
        return first
    detail = first.detail | {"blocks": len({row.block for row in rows})}
    if first.status != "ok":
        return msgspec.structs.replace(first, detail=detail)
    samples = [sample for row in rows for sample in row.samples]
    keyed = all(len(row.keys) == len(row.samples) for row in rows)
    keys = [key for row in rows for key in row.keys] if keyed else []
    fields = _figure(rows, samples, keys)
    return msgspec.structs.replace(
        first, samples=samples, keys=keys, summary=statistics.summarize(samples), detail=detail, **fields
    )


_KNOWN: dict[str, tuple[Literal["median", "mean"], str]] = {
    "median": ("median", "median"), "mean": ("mean", "mean"), "ratio of medians": ("median", "median of ratios"),
}  # fmt: skip
"""Statistic of the rows -> what is computed from all samples, and what that is called."""


def _figure(rows: list[Row], samples: list[float], keys: list[str]) -> dict[str, Any]:
    statistic = rows[0].statistic
    if statistic == "largest" and samples:
        return {"value": max(samples), "interval": None}
    if statistic not in _KNOWN or not samples:
        values = [row.value for row in rows if row.value is not None]
        value = statistics.percentile(values, 50) if values else None
        return {"value": value, "interval": None, "statistic": f"median of blocks, {statistic}"}
    computed, name = _KNOWN[statistic]
    places = [row.block for row in rows for _ in row.samples]
    names = keys or [str(number) for number in range(len(samples))]  # nothing is known to be the same question
    seed = int(rows[0].environment.get("seed") or 0)
    summary = statistics.summarize(samples)
    return {
        "value": summary["p50" if computed == "median" else "mean"],
        "interval": statistics.crossed_interval(samples, places, names, computed, seed),
        "statistic": name,
    }


def runs(rows: Sequence[Row]) -> list[str]:
    """The runs in these rows, in the order in which they come."""
    return list(dict.fromkeys(row.run for row in rows))
