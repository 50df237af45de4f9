"""One scatter plot of labelled points as SVG text, the same bytes for the same points. Knows no report and no file.

It needs matplotlib, which nothing else here does: imported on use, and its absence is one sentence.
"""

import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from export.errors import ToolchainError

MARKERS = "osD^vP*X<>hp"
STYLE: dict[str, Any] = {
    "svg.hashsalt": "fieldmate",  # ids within the file come from this and not from chance
    "svg.fonttype": "none",  # words stay words: small, searchable, and drawn in the reader's font
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True, slots=True)
class Point:
    """One variant in the plane."""

    label: str
    x: float
    y: float


def check_plotting() -> None:
    """Raise ToolchainError when plots cannot be drawn here: asked before a long measurement, not behind it."""
    _matplotlib()


def scatter(points: Sequence[Point], title: str, x_label: str, y_label: str) -> str:
    """Return the plot as SVG: a mark and a legend entry a point, no date, no machine. Raises ToolchainError."""
    matplotlib, figures = _matplotlib()
    # The defaults of matplotlib and ours, so that a user's own matplotlibrc changes no byte.
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}):
        figure = figures.Figure(figsize=(7.5, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for index, point in enumerate(points):
            marker, colour = MARKERS[index % len(MARKERS)], f"C{index % 10}"
            axes.plot([point.x], [point.y], marker, color=colour, markersize=8, label=point.label)
        axes.set(title=title, xlabel=x_label, ylabel=y_label)
        axes.grid(alpha=0.3)
        axes.ticklabel_format(useOffset=False)
        axes.margins(0.08)
        if points:
            figure.legend(loc="outside right upper", frameon=False)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _matplotlib() -> tuple[Any, Any]:
    try:
        return importlib.import_module("matplotlib"), importlib.import_module("matplotlib.figure")
    except ImportError as exc:
        raise ToolchainError(
            "The report's plots need matplotlib, which is not installed; "
            "install the extra with `pip install 'fieldmate[export]'` and run again."
        ) from exc
