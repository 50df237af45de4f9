"""Rows become sections of tables: for a terminal, as Markdown, for a page. Pure: knows rows, no scenario or clock.

Blocks of a run are joined and what a cut left half written is left out before anything is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from benchmarks.merging import blocks, joined, runs, size
from benchmarks.rows import Row, State
from benchmarks.tables import Table, escaped, markdown_table, plain, text_table

_PERCENTILES = ("p50", "p90", "p99")
_STATES = tuple(state for state in get_args(State) if state)
NO_ROWS = "There are no rows."


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands below it."""

    title: str
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is shown of one run."""

    name: str
    environment: str
    sections: tuple[Section, ...]


def render(rows: Sequence[Row], *, markdown: bool = False) -> str:
    """All runs of these rows, oldest first: the machine, a table a scenario, what failed."""
    parts = [_run(run, markdown) for run in contents(joined(rows))]
    return "\n\n".join(parts) if parts else NO_ROWS


def contents(rows: Sequence[Row]) -> list[Run]:
    """What is shown of joined rows, run by run."""
    return [_contents([row for row in rows if row.run == run]) for run in runs(rows)]


def _contents(rows: list[Row]) -> Run:
    measured = [row for row in rows if row.status == "ok"]
    sections = []
    for scenario in dict.fromkeys(row.scenario for row in measured):
        own = [row for row in measured if row.scenario == scenario]
        scores = [row for row in own if row.unit == "score"]
        others = [row for row in own if row.unit != "score"]
        stateless = [row for row in others if not row.state]
        tables = (_scores(scores), _by_state([row for row in others if row.state]), _figures(stateless))
        sections.append(Section(scenario, tuple(table for table in tables if table.lines)))
    for status, title in (("failed", "Failed"), ("skipped", "Skipped")):
        lines = [(row.scenario, row.variant, row.reason) for row in rows if row.status == status]
        if lines:
            sections.append(Section(title, (Table(("scenario", "variant", "reason"), lines),)))
    return Run(rows[0].run, environment(rows), tuple(sections))


def _run(run: Run, markdown: bool) -> str:
    show: Callable[[Table], str] = markdown_table if markdown else text_table
    said = escaped(run.environment) if markdown else plain(run.environment)
    lines = [_heading(f"Run {run.name}", 2, markdown), said]
    for section in run.sections:
        lines += [_heading(section.title, 3, markdown), *map(show, section.tables)]
    return "\n\n".join(lines)


def _heading(text: str, level: int, markdown: bool) -> str:
    text = escaped(text) if markdown else plain(text)
    return f"{'#' * level} {text}" if markdown else f"{text}\n{'=-'[level - 2] * len(text)}"


def environment(rows: Sequence[Row]) -> str:
    """The machine, the versions, and how busy it was, in words."""
    card = rows[0].environment
    versions = ", ".join(f"{name} {version}" for name, version in (card.get("versions") or {}).items() if version)
    commit = str(card.get("commit") or "unknown")[:12]
    return (
        f"{card.get('cpu', 'unknown CPU')}, {card.get('cores', '?')} cores, {card.get('memory_mb', '?')} MB, "
        f"governor {card.get('governor') or 'not shown'}; {card.get('kernel', '?')}, {card.get('python', '?')}; "
        f"commit {commit}, source {str(card.get('source_sha256', '?'))[:12]}, seed {card.get('seed', '?')}. {versions}."
        f"{_busy(rows)}"
    )


def _busy(rows: Sequence[Row]) -> str:
    loads = [row.environment["load_average"] for row in rows if row.environment.get("load_average") is not None]
    if not loads:
        return ""
    cores = rows[0].environment.get("cores") or 0
    words = " Above the number of cores, times are too long." if cores and max(loads) > cores else ""
    return f" Load average {min(loads):g} to {max(loads):g}.{words}"


def _scores(rows: Sequence[Row]) -> Table:
    """Scores side by side: one line a variant and subset, one column a metric."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    cells = {(row.variant, _part(row), row.metric): row for row in rows}
    lines = []
    for variant, part in dict.fromkeys((row.variant, _part(row)) for row in rows):
        own = [cells.get((variant, part, metric)) for metric in metrics]
        counts = sorted({int(row.summary.get("n", len(row.samples))) for row in own if row is not None})
        joint = max(blocks(row) for row in own if row is not None)
        lines.append(
            (variant, part, *(_score(row) for row in own), "/".join(map(str, counts)), str(joint) if joint > 1 else "")
        )
    return Table(("variant", "subset", *metrics, "n", "blocks"), lines)


def _part(row: Row) -> str:
    """The subset, with the state where there is one."""
    return ", ".join(part for part in (row.subset, row.state) if part)


def _score(row: Row | None) -> str:
    if row is None or row.value is None:
        return ""
    between = f" [{row.interval[0]:.3f}, {row.interval[1]:.3f}]" if row.interval else ""
    return f"{row.value:.3f}{between}{_verdict(row)}"


def _verdict(row: Row) -> str:
    if row.target is None:
        return ""
    return f" ({'meets' if row.met else 'MISSES'} {row.target.sense} {row.target.limit:g})"


def _by_state(rows: Sequence[Row]) -> Table:
    """Cold, stored and warm side by side: one line a variant, subset and metric."""
    cells: dict[tuple[str, ...], dict[str, Row]] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        name = (row.variant, row.subset, row.metric, row.statistic, row.unit)
        again = seen[*name, row.state, str(size(row))] = seen[*name, row.state, str(size(row))] + 1
        # What would fall on a cell that is taken gets a line of its own: nothing that was measured is hidden.
        cells.setdefault((*name, f"{size(row)} {again}"), {})[row.state] = row
    header = [f"{state}{words}" for state in _STATES for words in ("", " p90", " p99", " n")]
    lines = []
    for named, states in cells.items():
        found = [cell for state in _STATES for cell in _state(states.get(state))]
        targets = "; ".join(_verdict(row).strip(" ()") for row in states.values() if row.target)
        joint = max(map(blocks, states.values()))
        lines.append((*named[:3], *found, str(joint) if joint > 1 else "", named[4], named[3], targets))
    return Table(("variant", "subset", "metric", *header, "blocks", "unit", "statistic", "target"), lines)


def _state(row: Row | None) -> tuple[str, str, str, str]:
    if row is None or row.value is None:
        return "", "", "", ""
    between = f" [{number(row.interval[0])} to {number(row.interval[1])}]" if row.interval else ""
    tails = [number(row.summary[name]) if name in row.summary else "" for name in ("p90", "p99")]
    return f"{number(row.value)}{between}", tails[0], tails[1], str(int(row.summary.get("n", len(row.samples))))


def _figures(rows: Iterable[Row]) -> Table:
    rows = list(rows)
    # The size is worth a column only where there are several of them.
    several = len({size(row) for row in rows} - {None}) > 1
    named, counts = ("variant", "subset", "passages", "metric"), ("n", "blocks", "unit", "target")
    header = (*named, "value", "95 %", *_PERCENTILES, *counts)
    return Table(header, [_figure(row, several) for row in rows])


def _figure(row: Row, several: bool) -> tuple[str, ...]:
    between = f"{number(row.interval[0])} to {number(row.interval[1])}" if row.interval else ""
    given = row.summary if row.unit != "share" else {}  # percentiles of zeros and ones say nothing
    shares = [number(given[name]) if name in given else "" for name in _PERCENTILES]
    value = "" if row.value is None else f"{number(row.value)} ({row.statistic})"
    count = str(int(row.summary.get("n", len(row.samples))))
    passages = f"{size(row):,}" if several and size(row) is not None else ""
    joint = str(blocks(row)) if blocks(row) > 1 else ""
    return (row.variant, row.subset, passages, row.metric, value, between, *shares, count, joint, row.unit,
            _verdict(row).strip(" ()"))  # fmt: skip


def number(value: float) -> str:
    """Three significant digits, and whole numbers from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
