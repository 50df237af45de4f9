"""Pairs samples of two selections of rows: same scenario, subset, state, metric, key and block. Pure; judges nothing.

Two variants of one run are paired within its blocks, where they took turns. Two runs are paired block by block in their
order, which says nothing about what changed between them: whoever compares them has to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean as mean
from typing import NamedTuple

import numpy as np

from benchmarks.merging import size
from benchmarks.rows import Row
from benchmarks.statistics import Floats
from benchmarks.units import is_score, worse


class Figure(NamedTuple):
    """What is compared: everything that names a figure but the variant."""

    scenario: str
    subset: str
    state: str
    metric: str
    unit: str
    passages: int | None
    """Size of the knowledge base, where figures of several sizes stand side by side."""

    @property
    def name(self) -> str:
        """The figure in one line."""
        passages = None if self.passages is None else f"{self.passages:,} passages"
        return ", ".join(str(part) for part in (self.metric, self.subset, self.state, passages) if part)


@dataclass(frozen=True, slots=True)
class Paired:
    """The samples of one figure, as two tables blocks x keys; NaN where a side has no sample."""

    figure: Figure
    variant: str
    """The candidate's."""
    statistic: str
    first: Floats
    second: Floats
    sign: int
    """1 where more is worse, -1 where less is worse, 0 where neither is known."""

    @property
    def pairs(self) -> int:
        """Samples that have a partner."""
        return int((~np.isnan(self.first) & ~np.isnan(self.second)).sum())

    @property
    def blocks(self) -> int:
        """Blocks in which anything is paired."""
        return len(self.first)


def paired(first: Sequence[Row], second: Sequence[Row]) -> Iterator[Paired]:
    """Every figure that both have, in the order of the first; figures without a common sample are left out."""
    ours, theirs = _by_figure(first, second)
    for figure, rows in ours.items():
        if figure in theirs and (found := _pair(figure, rows, theirs[figure])) is not None:
            yield found


def alone(first: Sequence[Row], second: Sequence[Row]) -> list[Figure]:
    """The figures of the first that the second lacks."""
    ours, theirs = _by_figure(first, second)
    return [figure for figure in ours if figure not in theirs]


def _by_figure(*sides: Sequence[Row]) -> list[dict[Figure, list[Row]]]:
    """Of each side the measured rows by figure."""
    named: dict[tuple[str, ...], set[int | None]] = {}
    measured = [[row for row in rows if row.status == "ok" and row.value is not None] for rows in sides]
    for rows in measured:
        for name, sizes in _sizes(rows).items():
            # One size is a fact of the scenario, not a part of the figure's name: two versions may split otherwise.
            named.setdefault(name, set()).update(sizes if len(sizes) > 1 else ())
    found: list[dict[Figure, list[Row]]] = [{} for _ in sides]
    for rows, figures in zip(measured, found, strict=True):
        for row in rows:
            name = _name(row)
            figures.setdefault(Figure(*name, size(row) if named[name] else None), []).append(row)
    return found


def _name(row: Row) -> tuple[str, str, str, str, str]:
    return row.scenario, row.subset, row.state, row.metric, row.unit


def _sizes(rows: Sequence[Row]) -> dict[tuple[str, ...], set[int | None]]:
    found: dict[tuple[str, ...], set[int | None]] = {}
    for row in rows:
        found.setdefault(_name(row), set()).add(size(row))
    return found


def _pair(figure: Figure, first: list[Row], second: list[Row]) -> Paired | None:
    rows = [*first, *second]
    keyed = all(row.keys and len(row.keys) == len(row.samples) for row in rows)
    sense = next((row.target.sense for row in rows if row.target is not None), "")
    sign = worse(figure.unit, sense)
    ours, theirs = _samples(first, keyed, sign), _samples(second, keyed, sign)
    blocks = sorted({block for block, _ in ours} & {block for block, _ in theirs})
    keys = sorted({key for _, key in ours} & {key for _, key in theirs})
    if not blocks or not keys:
        return None
    first_table, second_table = (
        np.array([[side.get((block, key), np.nan) for key in keys] for block in blocks], dtype=np.float64)
        for side in (ours, theirs)
    )
    return Paired(figure, second[0].variant, second[0].statistic, first_table, second_table, sign)


def _samples(rows: list[Row], keyed: bool, sign: int) -> dict[tuple[int, str], float]:
    """Samples by block and key. A question that a block repeats counts once: its best time or rate, its mean score.

    Without keys the n-th sample of a block is paired with the n-th.
    """
    found: dict[tuple[int, str], list[float]] = {}
    counts: Counter[int] = Counter()
    for row in rows:
        for number, sample in enumerate(row.samples or ((row.value or 0.0),)):
            key = row.keys[number] if keyed else f"#{counts[row.block]}"
            counts[row.block] += 1
            found.setdefault((row.block, key), []).append(float(sample))
    reduce = mean if is_score(rows[0].unit) else max if sign < 0 or rows[0].statistic == "largest" else min
    return {place: float(reduce(samples)) for place, samples in found.items()}
