"""Which plots the rows give, as plain data with words for those who do not see them. Pure; draws nothing.

A row that could not be drawn honestly (too few samples, one size only) gives no plot; its figures are in the tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.merging import size
from benchmarks.merits import QUALITY, merits, qualities
from benchmarks.report import number
from benchmarks.rows import Row

STAGE = "stage "
HARNESS = "harness "
"""Begins metrics of the harness itself, which the tables have."""
LEAST_SAMPLES = 8
MOST_SERIES = 8
MOST_OF_A_KIND = 16
_TIMES = {"ms", "s"}


@dataclass(frozen=True, slots=True)
class Series:
    """One line, one set of points or one part of all bars."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    """Ends of the intervals of y; empty: none are drawn."""
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """One plot."""

    kind: Literal["distribution", "pareto", "growth", "stages"]
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    words: str
    """What the plot shows, in sentences: its alternative text."""
    bars: tuple[str, ...] = ()
    """Labels of the bars of stages."""
    front: tuple[int, ...] = ()
    """Indexes of the series on the Pareto front, from the quickest."""
    log_x: bool = False


def charts(rows: Sequence[Row]) -> Iterator[Chart]:
    """All plots of one run's joined rows."""
    measured = [row for row in rows if row.status == "ok" and row.value is not None]
    yield from pareto(measured)
    yield from list(distributions(measured))[:MOST_OF_A_KIND]
    yield from list(stages(measured))[:MOST_OF_A_KIND]
    yield from list(growth(measured))[:MOST_OF_A_KIND]


def pareto(rows: Sequence[Row]) -> Iterator[Chart]:
    """Quality against the wait for the first token, one point a variant; none with fewer than two variants."""
    known = [each for each in merits(rows) if each.scores and each.first_token is not None]
    scored = qualities(known)
    if len(scored) < 2:
        return
    points = [(each.name, (each.first_token or 0.0) * 1000, scored[each.name]) for each in known]
    front = _front([(wait, quality.mean) for _, wait, quality in points])
    series = [Series(name, (wait,), (quality.mean,), (quality.interval[0],), (quality.interval[1],))
              for name, wait, quality in points]  # fmt: skip
    best = ", ".join(
        f"{name} ({number(wait)} ms, {quality.mean:.3f})" for name, wait, quality in (points[index] for index in front)
    )
    asked = f"mean of {points[0][2].questions} questions"
    words = (
        f"Quality ({QUALITY}, {asked}) against the median wait for the first token, {len(points)} variants. "
        f"Nothing is both quicker and better than: {best}."
    )
    yield Chart("pareto", "Quality against latency", "first token, ms (median)", f"{QUALITY}, 95 % interval",
                tuple(series), words, front=front)  # fmt: skip


def _front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Indexes of the points that no other beats in both, from the quickest on."""
    found: list[int] = []
    for index in sorted(range(len(points)), key=lambda place: (points[place][0], -points[place][1])):
        if not found or points[index][1] > points[found[-1]][1]:
            found.append(index)
    return tuple(found)


def distributions(rows: Sequence[Row]) -> Iterator[Chart]:
    """Shares of samples up to a time, one line a variant, subset and state."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.unit in _TIMES and len(row.samples) >= LEAST_SAMPLES and not row.metric.startswith((STAGE, HARNESS)):
            groups.setdefault((row.scenario, row.metric, row.unit), []).append(row)
    for (scenario, metric, unit), own in groups.items():
        shown, more = own[:MOST_SERIES], len(own) - MOST_SERIES
        series = tuple(_steps(_label(row), row.samples) for row in shown)
        medians = "; ".join(f"{_label(row)} {_tails(row)}" for row in shown)
        words = f"Share of {metric} up to a time ({unit}), {scenario}. {medians}."
        words += f" {more} more are in the table only." if more > 0 else ""
        ends = [end for each in series for end in (each.x[0], each.x[-1])]
        yield Chart("distribution", f"{metric}, {scenario}", f"{metric}, {unit}", "share of samples", series, words,
                    log_x=min(ends) > 0 and max(ends) / min(ends) > 20)  # fmt: skip


def _steps(label: str, samples: Sequence[float]) -> Series:
    ordered = sorted(float(sample) for sample in samples)
    return Series(label, tuple(ordered), tuple((index + 1) / len(ordered) for index in range(len(ordered))))


def _tails(row: Row) -> str:
    known = [f"{name} {number(row.summary[name])}" for name in ("p50", "p90", "p99") if name in row.summary]
    return ", ".join([*known, f"n {len(row.samples)}"])


def _label(row: Row) -> str:
    return ", ".join(part for part in (row.variant, row.subset, row.state) if part) or "default"


def stages(rows: Sequence[Row]) -> Iterator[Chart]:
    """Mean milliseconds of each stage, stacked, a bar a variant and state: means add up where medians do not."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.metric.startswith(STAGE) and row.unit == "ms" and "mean" in row.summary:
            groups.setdefault(row.scenario, []).append(row)
    for scenario, own in groups.items():
        bars = list(dict.fromkeys(_label(row) for row in own))
        names = list(dict.fromkeys(row.metric for row in own))
        cells = {(_label(row), row.metric): row.summary["mean"] for row in own}
        places = tuple(map(float, range(len(bars))))
        series = tuple(
            Series(name.removeprefix(STAGE), places, tuple(cells.get((bar, name), 0.0) for bar in bars))
            for name in names
        )
        sums = "; ".join(f"{bar}: {_parts(bar, names, cells)}" for bar in bars)
        words = f"Mean milliseconds of each stage of the questions that ran it, {scenario}. {sums}."
        yield Chart("stages", f"Stages, {scenario}", "mean, ms", "", series, words, bars=tuple(bars))


def _parts(bar: str, names: Sequence[str], cells: dict[tuple[str, str], float]) -> str:
    return ", ".join(f"{name.removeprefix(STAGE)} {number(cells[bar, name])}" for name in names if (bar, name) in cells)


def growth(rows: Sequence[Row]) -> Iterator[Chart]:
    """A metric against the number of passages, where a series has two sizes or more."""
    groups: dict[tuple[str, str, str], dict[str, dict[int, Row]]] = {}
    for row in rows:
        if (passages := size(row)) is not None and passages > 0:
            lines = groups.setdefault((row.scenario, row.metric, row.unit), {})
            lines.setdefault(_without_size(_label(row)), {})[passages] = row
    for (scenario, metric, unit), lines in groups.items():
        long = {label: points for label, points in lines.items() if len(points) > 1}
        if long:
            yield _growth(scenario, metric, unit, dict(list(long.items())[:MOST_SERIES]))


def _without_size(label: str) -> str:
    """Scenarios write the size into the subset, where every point would be a line of its own."""
    rest = [part for part in label.split(", ") if not re.fullmatch(r"[\d,]+ passages", part)]
    return ", ".join(rest) or "default"


def _growth(scenario: str, metric: str, unit: str, lines: dict[str, dict[int, Row]]) -> Chart:
    series, said = [], []
    for label, points in lines.items():
        ordered = sorted(points.items())
        values = tuple(row.value or 0.0 for _, row in ordered)
        ends = [row.interval or (row.value or 0.0, row.value or 0.0) for _, row in ordered]
        series.append(
            Series(label, tuple(float(passages) for passages, _ in ordered), values,
                   tuple(low for low, _ in ends), tuple(high for _, high in ends))
        )  # fmt: skip
        places = (f"{number(row.value or 0.0)} at {passages:,}" for passages, row in ordered)
        said.append(f"{label}: {', '.join(places)}")
    words = f"{metric} ({unit}) against the number of passages, {scenario}. {'; '.join(said)}."
    title = f"{metric} as the knowledge base grows"
    return Chart("growth", title, "passages", f"{metric}, {unit}", tuple(series), words, log_x=True)
