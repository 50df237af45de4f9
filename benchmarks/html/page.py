"""Writes the page from rows alone. Knows the template, charts and the contents of a report; no scenario, no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from benchmarks.errors import BenchmarkError
from benchmarks.html import drawing
from benchmarks.html.charts import charts
from benchmarks.merging import joined
from benchmarks.report import NO_ROWS, Run, contents
from benchmarks.rows import Row
from benchmarks.tables import plain

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def write(rows: Sequence[Row], out: Path) -> str:
    """Write the page in one step; returns a sentence when it has no plots for want of matplotlib, else nothing.

    Raises:
        BenchmarkError: the place cannot be written to.
    """
    temporary = out.with_name(f"{out.name}.partial")
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:  # before the work, not behind it
            file.write(render(rows))
        temporary.replace(out)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise BenchmarkError(f"{out} cannot be written ({exc.strerror}); give a file in a folder that exists.") from exc
    return "" if drawing.available() else drawing.MISSING


def render(rows: Sequence[Row]) -> str:
    """The page as text: every word that comes from rows is escaped."""
    whole = joined(rows)
    runs = [
        _run(run, [row for row in whole if row.run == run.name], f"r{number}")
        for number, run in enumerate(contents(whole), start=1)
    ]
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string(_TEMPLATE.read_text("utf-8"))
    missing = "" if drawing.available() else drawing.MISSING
    return template.render(runs=runs, missing=missing, nothing=NO_ROWS, targets=_targets(whole))


def _run(run: Run, rows: list[Row], ident: str) -> dict[str, Any]:
    plots = []
    for number, chart in enumerate(charts(rows), start=1):
        if svg := drawing.draw(chart, f"{ident}p{number}"):
            # Drawn by us from escaped words: the only thing that goes into the page as it is.
            plots.append({"title": plain(chart.title), "words": plain(chart.words), "svg": Markup(svg)})  # noqa: S704
    return {
        "ident": ident, "name": plain(run.name), "environment": plain(run.environment), "plots": plots,
        "sections": [{"title": plain(section.title), "tables": section.tables} for section in run.sections],
    }  # fmt: skip


def _targets(rows: Sequence[Row]) -> dict[str, int]:
    """How many of the targets are met."""
    judged = [row.met for row in rows if row.met is not None]
    return {"met": sum(judged), "all": len(judged)}
