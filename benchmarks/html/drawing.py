"""Draws charts as SVG text with matplotlib, the same bytes for the same chart. Knows charts; neither rows nor the page.

Colours are names that the page's style sheet gives a value, for light and dark. Without matplotlib nothing is drawn.
"""

from __future__ import annotations

import html
import importlib
import io
import re
from collections.abc import Sequence
from typing import Any

from benchmarks.html.charts import Chart
from benchmarks.tables import plain

MISSING = "The plots need matplotlib; install it with `pip install 'fieldmate[bench]'` and write the page again."
INK, GRID, PAPER = "#010101", "#020202", "#030303"
SERIES = tuple(f"#0405{number:02x}" for number in range(8))
"""Stand-ins: matplotlib wants colours and not names; each is replaced by a variable of the style sheet."""
_VARIABLES = {INK: "--ink", GRID: "--grid", PAPER: "--paper"} | {
    tone: f"--s{place}" for place, tone in enumerate(SERIES)
}
_LINES = ("-", "--", "-.", ":", "-", "--", "-.", ":")
_MARKERS = "osD^vP*X"
_WIDTH = 4.2
"""Inches: at 360 pixels the page shows the words of the plot at about three quarters of their size."""
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # words stay words: small, searchable, and drawn in the reader's font
    "text.parse_math": False,  # names from rows hold dollars that are no formula
    "font.family": "sans-serif", "font.size": 10,
    "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "grid.color": GRID, "grid.linewidth": 0.8,
    "axes.grid": True, "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False,
}  # fmt: skip
_NAME = 34


def available() -> bool:
    """Whether plots can be drawn here."""
    return _matplotlib() is not None


def draw(chart: Chart, ident: str) -> str:
    """The chart as an `svg` element with a name; empty where matplotlib is missing. `ident` begins its ids."""
    modules = _matplotlib()
    if modules is None:
        return ""
    matplotlib, figures = modules
    # The defaults of matplotlib and ours, so that a user's own matplotlibrc changes no byte.
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE, "svg.hashsalt": ident}):
        rows = -(-_legend_entries(chart) // 2) if chart.kind == "stages" else _legend_entries(chart)
        body = 0.55 + 0.42 * len(chart.bars) if chart.kind == "stages" else 2.9
        figure = figures.Figure(figsize=(_WIDTH, body + 0.21 * rows + 0.3), layout="constrained")
        axes = figure.add_subplot()
        {"distribution": _distribution, "pareto": _pareto, "growth": _growth, "stages": _stages}[chart.kind](
            axes, chart
        )
        axes.set(xlabel=chart.x_label, ylabel=chart.y_label)
        if rows:
            figure.legend(loc="outside lower left", ncols=2 if chart.kind == "stages" else 1, borderpad=0)
        out = io.StringIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(out, format="svg", metadata=nothing)
    return _inline(out.getvalue(), chart, ident)


def _legend_entries(chart: Chart) -> int:
    return len(chart.series) + (chart.kind == "pareto")


def _distribution(axes: Any, chart: Chart) -> None:
    for place, series in enumerate(chart.series):
        start = (series.x[0], *series.x), (0.0, *series.y)
        axes.step(
            *start,
            where="post",
            color=SERIES[place],
            linestyle=_LINES[place],
            linewidth=1.8,
            label=_short(series.label),
        )
    axes.set_ylim(0, 1.02)
    if chart.log_x:
        _logarithmic(axes, [x for series in chart.series for x in series.x])
    else:
        axes.set_xlim(left=0)


def _pareto(axes: Any, chart: Chart) -> None:
    front = [chart.series[index] for index in chart.front]
    for place, series in enumerate(chart.series):
        apart = [[series.y[0] - series.low[0]], [series.high[0] - series.y[0]]]
        tone = SERIES[place % len(SERIES)]
        marker = _MARKERS[place % len(_MARKERS)]
        axes.errorbar(series.x, series.y, yerr=apart, fmt=marker, color=tone, markersize=8, elinewidth=1.2, capsize=3,
                      label=_short(series.label))  # fmt: skip
    # Always a mark around each, so that a front of a single point is seen as well.
    x, y = [series.x[0] for series in front], [series.y[0] for series in front]
    axes.plot(x, y, linestyle="--", marker="o", markersize=15, markerfacecolor="none", markeredgewidth=1.2, linewidth=1,
              color=INK, label="Pareto front")  # fmt: skip
    axes.margins(0.15)


def _growth(axes: Any, chart: Chart) -> None:
    for place, series in enumerate(chart.series):
        apart = [
            [max(0.0, value - low) for value, low in zip(series.y, series.low, strict=True)],
            [max(0.0, high - value) for value, high in zip(series.y, series.high, strict=True)],
        ]
        axes.errorbar(series.x, series.y, yerr=apart, color=SERIES[place], marker=_MARKERS[place], markersize=6,
                      linestyle=_LINES[place], capsize=3, label=_short(series.label))  # fmt: skip
    sizes = sorted({x for series in chart.series for x in series.x})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{int(value):,}" for value in sizes])
    axes.set_xticks([], minor=True)
    axes.set_ylim(bottom=0)


def _stages(axes: Any, chart: Chart) -> None:
    left = [0.0] * len(chart.bars)
    for place, series in enumerate(chart.series):
        tone = SERIES[place % len(SERIES)]
        axes.barh(series.x, series.y, left=left, height=0.62, color=tone, edgecolor=PAPER, linewidth=0.6,
                  label=_short(series.label))  # fmt: skip
        left = [before + value for before, value in zip(left, series.y, strict=True)]
    axes.set_yticks(range(len(chart.bars)), [_short(bar, 22) for bar in chart.bars])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def _logarithmic(axes: Any, values: Sequence[float]) -> None:
    ticker = importlib.import_module("matplotlib.ticker")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0) if max(values) < 100 * min(values) else (1.0,)))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())


def _short(label: str, most: int = _NAME) -> str:
    """A label that leaves room for the plot; matplotlib leaves out of legends what begins with an underscore."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in label)
    cut = plain if len(plain) <= most else f"{plain[: most // 2]}…{plain[-(most // 2 - 1) :]}"
    return f"\u200b{cut}" if cut.startswith("_") else cut


def _inline(svg: str, chart: Chart, ident: str) -> str:
    """The bare element: names of its own, colours of the page, a name and a description for those who do not see it."""
    element = svg[svg.index("<svg") :]
    for tone, variable in _VARIABLES.items():
        element = element.replace(tone, f"var({variable})")
    element = re.sub(r'\b(id|xlink:href)="(#?)', rf'\1="\2{ident}-', element).replace("url(#", f"url(#{ident}-")
    opening, rest = element.split(">", 1)
    opening = re.sub(r'\s(?:width|height|version)="[^"]*"', "", opening)
    named = f'{opening} role="img" aria-labelledby="{ident}-title {ident}-words">'
    title, said = (html.escape(plain(words)) for words in (chart.title, chart.words))
    words = f'<title id="{ident}-title">{title}</title><desc id="{ident}-words">{said}</desc>'
    return named + words + "".join(line.rstrip() + "\n" for line in rest.splitlines())


def _matplotlib() -> tuple[Any, Any] | None:
    try:
        return importlib.import_module("matplotlib"), importlib.import_module("matplotlib.figure")
    except ImportError:
        return None
