"""Rows become tables, for a terminal or as Markdown. Pure: knows rows alone, no scenario and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.rows import Row
from benchmarks.tables import Table, markdown_table, text_table

_PERCENTILES = ("p50", "p90", "p99")


def render(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """All runs of these rows, oldest first: the machine, a table a scenario, what failed."""
    runs = list(dict.fromkeys(row.run for row in rows))
    if not runs:
        return "There are no rows."
    parts = [_run([row for row in rows if row.run == run], markdown) for run in runs]
    return "\n\n".join(parts)


def _run(rows: list[Row], markdown: bool) -> str:  # private, one caller
    lines = [_heading(f"Run {rows[0].run}", 2, markdown), _environment(rows[0].environment)]
    measured = [row for row in rows if row.status == "ok"]
    for scenario in dict.fromkeys(row.scenario for row in measured):
        own = [row for row in measured if row.scenario == scenario]
        lines.append(_heading(scenario, 3, markdown))
        scores = [row for row in own if row.unit == "score"]
        others = [row for row in own if row.unit != "score"]
        show = markdown_table if markdown else text_table
        lines += [show(table) for table in (_scores(scores), _figures(others)) if table.lines]
    failed = [row for row in rows if row.status == "failed"]
    if failed:
        table = Table(("scenario", "variant", "reason"), [(row.scenario, row.variant, row.reason) for row in failed])
        lines += [_heading("Failed", 3, markdown), markdown_table(table) if markdown else text_table(table)]
    return "\n\n".join(lines)


def _heading(text: str, level: int, markdown: bool) -> str:  # private
    return f"{'#' * level} {text}" if markdown else f"{text}\n{'=-'[level - 2] * len(text)}"


def _environment(card: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in card.get("versions", {}).items() if version)
    commit = str(card.get("commit") or "unknown")[:12]
    return (
        f"{card.get('cpu', 'unknown CPU')}, {card.get('cores', '?')} cores, {card.get('memory_mb', '?')} MB, "
        f"governor {card.get('governor') or 'not shown'}; {card.get('kernel', '?')}, {card.get('python', '?')}; "
        f"commit {commit}, source {str(card.get('source_sha256', '?'))[:12]}, seed {card.get('seed', '?')}. {versions}."
    )


def _scores(rows: Sequence[Row]) -> Table:
    """Scores side by side: one line a variant and subset, one column a metric."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    cells = {(row.variant, row.subset, row.metric): row for row in rows}
    lines = []
    for variant, subset in dict.fromkeys((row.variant, row.subset) for row in rows):
        own = [cells.get((variant, subset, metric)) for metric in metrics]
        counts = sorted({int(row.summary.get("n", 0)) for row in own if row is not None})
        lines.append((variant, subset, *(_score(row) for row in own), "/".join(map(str, counts))))
    return Table(("variant", "subset", *metrics, "n"), lines)


def _score(row: Row | None) -> str:
    if row is None or row.value is None:
        return ""
    between = f" [{row.interval[0]:.3f}, {row.interval[1]:.3f}]" if row.interval else ""
    return f"{row.value:.3f}{between}{_verdict(row)}"


def _verdict(row: Row) -> str:
    if row.target is None:
        return ""
    return f" ({'meets' if row.met else 'MISSES'} {row.target.sense} {row.target.limit:g})"


def _figures(rows: Iterable[Row]) -> Table:
    header = ("variant", "subset", "metric", "value", "95 %", *_PERCENTILES, "n", "unit", "target")
    return Table(header, [_figure(row) for row in rows])


def _figure(row: Row) -> tuple[str, ...]:
    between = f"{number(row.interval[0])} to {number(row.interval[1])}" if row.interval else ""
    given = row.summary if row.unit != "share" else {}  # percentiles of zeros and ones say nothing
    shares = [number(given[name]) if name in given else "" for name in _PERCENTILES]
    value = "" if row.value is None else f"{number(row.value)} ({row.statistic})"
    count = str(int(row.summary.get("n", len(row.samples))))
    return (row.variant, row.subset, row.metric, value, between, *shares, count, row.unit, _verdict(row).strip(" ()"))


def number(value: float) -> str:
    """Three significant digits, and whole numbers from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
