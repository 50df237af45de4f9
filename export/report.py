"""The report of an export: a table to choose from, the same as JSON, and plots. All of it comes from rows alone.

Knows columns, rows and files. It does not know what was measured, or how, or which row is best.
"""

import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from export.errors import SourceError
from export.files import write_json, write_text
from export.plots import Point, check_plotting, scatter

__all__ = ["Column", "Plot", "Report", "check_plotting", "environment", "read_report", "render", "write_report"]

SCHEMA = 1
REPORT = "report.json"
TABLE = "report.md"
NOTHING = "–"
"""Stands where a row has no value."""
LIBRARIES = ("fieldmate", "llama-cpp-python", "onnxruntime", "litert-lm-api", "ai-edge-litert", "tokenizers", "numpy")
FEATURES = ("avx", "fma", "f16c", "amx", "asimd", "i8mm", "sve", "bf16", "neon")
"""Beginnings of the names of the processor's abilities that matrix kernels are chosen by."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a row's value means and how it is shown. The first column of a report names the row."""

    key: str
    """The value's name in a row."""
    heading: str
    unit: str = ""
    """Shown behind the heading; "" for words, counts and shares."""
    decimals: int | None = None
    """Digits behind the point; None shows the value as it is."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A scatter plot of two columns, one mark a row that has both values."""

    x: str
    """Key of the column along the horizontal axis."""
    y: str
    """Key of the column along the vertical axis."""
    title: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, as it is stored."""

    title: str
    environment: Mapping[str, Any]
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]
    """A row may hold more than the columns show."""
    notes: tuple[str, ...] = ()
    """Sentences that the figures cannot be read without."""
    plots: tuple[Plot, ...] = ()


def write_report(
    folder: Path, title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column],
    notes: Sequence[str] = (), plots: Sequence[Plot] = (), *, machine: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write report.md, plot-*.svg and, last, report.json into `folder`; `machine` None means this one.

    Raises ToolchainError before anything is written when there are plots and nothing to draw them with.
    """
    card = environment() if machine is None else machine
    clean = tuple({key: _finite(value) for key, value in row.items()} for row in rows)
    report = Report(title, card, tuple(columns), clean, tuple(notes), tuple(plots))
    pictures = {_file_name(plot): _draw(report, plot) for plot in report.plots}
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        write_text(folder / name, picture)
    write_text(folder / TABLE, render(report))
    write_json(folder / REPORT, {"schema": SCHEMA, **asdict(report)})


def read_report(path: Path) -> Report:
    """Return the report in `path`, a report.json or the folder that holds one. Raises SourceError."""
    file = path / REPORT if path.is_dir() else path
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["schema"] != SCHEMA:
            raise SourceError(f"{file} has schema {stored['schema']}, not {SCHEMA}; measure again with this version.")
        return Report(
            title=str(stored["title"]),
            environment=dict(stored["environment"]),
            columns=tuple(Column(**column) for column in stored["columns"]),
            rows=tuple(dict(row) for row in stored["rows"]),
            notes=tuple(map(str, stored["notes"])),
            plots=tuple(Plot(**plot) for plot in stored.get("plots", ())),
        )
    except OSError as exc:
        raise SourceError(f"There is no report in {path}; name a report.json or the folder that holds one.") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise SourceError(f"{file} is not a report of this exporter; name a report.json that it wrote.") from exc


def render(report: Report) -> str:
    """Return the report as Markdown: title, machine, table, notes, plots. Pure."""
    parts = [f"# {report.title}", _environment_line(report.environment), _table(report)]
    if report.notes:
        parts.append("\n".join(f"- {note}" for note in report.notes))
    parts += [f"![{plot.title}]({_file_name(plot)})" for plot in report.plots]
    return "\n\n".join(part for part in parts if part) + "\n"


def environment() -> dict[str, Any]:
    """Return what the figures depend on: processor, memory, versions. No host, user or path: reports are shared."""
    info = _processor()
    return {
        "cpu": info.get("model name") or info.get("Model") or platform.processor() or "unknown processor",
        "architecture": platform.machine(),
        "cpu_features": _kernel_features(info.get("flags") or info.get("Features") or ""),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def _table(report: Report) -> str:
    headings = [f"{column.heading}, {column.unit}" if column.unit else column.heading for column in report.columns]
    numbers = [any(_is_number(row.get(column.key)) for row in report.rows) for column in report.columns]
    rule = ["---:" if number else "---" for number in numbers]
    lines = [[_cell(row.get(column.key), column) for column in report.columns] for row in report.rows]
    return "\n".join(_line(cells) for cells in (headings, rule, *lines))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _cell(value: Any, column: Column) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and column.decimals is not None:
        return f"{value:,.{column.decimals}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _draw(report: Report, plot: Plot) -> str:
    name, columns = report.columns[0].key, {column.key: column for column in report.columns}
    x, y = columns[plot.x], columns[plot.y]
    both = [row for row in report.rows if row.get(x.key) is not None and row.get(y.key) is not None]
    points = [Point(str(row.get(name)), float(row[x.key]), float(row[y.key])) for row in both]
    return scatter(
        points, plot.title, *(f"{each.heading} ({each.unit})" if each.unit else each.heading for each in (x, y))
    )


def _file_name(plot: Plot) -> str:
    return f"plot-{plot.y}-{plot.x}.svg".replace("_", "-")


def _environment_line(card: Mapping[str, Any]) -> str:
    if not card:
        return ""
    versions = ", ".join(f"{name} {number}" for name, number in card.get("versions", {}).items())
    return (
        f"{card.get('cpu', 'unknown processor')} ({card.get('architecture', '?')}), {card.get('cores', '?')} cores, "
        f"{card.get('memory_mb', '?')} MB; {card.get('system', '?')}, Python {card.get('python', '?')}; {versions}."
    )


def _finite(value: Any) -> Any:
    """JSON has no word for infinity or for what is no number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _processor() -> dict[str, str]:
    """Return the first processor's facts as the system lists them, {} where it lists none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _kernel_features(flags: str) -> list[str]:
    return [flag for flag in flags.split() if flag.startswith(FEATURES)]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
