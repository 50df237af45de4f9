"""Shows a comparison: a line a figure, and what it all comes to. Pure; judges nothing."""

from __future__ import annotations

from benchmarks.compare import Compared, Comparison
from benchmarks.report import number
from benchmarks.tables import Table

_HEADER = (
    "scenario", "metric", "variant", "baseline", "candidate", "unit",
    "change", "95 %", "look", "n", "blocks", "verdict", "",
)  # fmt: skip


def table(found: Comparison) -> Table:
    """All figures, in the order in which the baseline has them."""
    return Table(_HEADER, [_line(item) for item in found.compared])


def _change(item: Compared) -> str:
    """Ratio or difference in words."""
    if item.ratio is not None:
        return f"x {item.ratio:.3f}"
    return "" if item.difference is None else f"{item.difference:+.3f}"


def _between(item: Compared) -> str:
    """The interval in words."""
    low, high = item.interval
    if item.ratio is not None:
        return f"{low:.3f} to {high:.3f}"
    return "" if item.difference is None else f"{low:+.3f} to {high:+.3f}"


def _line(item: Compared) -> tuple[str, ...]:
    value = "{:.3f}".format if item.difference is not None else number
    ends = (value(item.first), value(item.second)) if item.pairs else ("", "")
    counts = (str(item.pairs), str(item.blocks))
    verdict = item.verdict.upper() if item.verdict == "worse" else item.verdict
    named = (item.figure.scenario, item.figure.name, item.variant)
    return (*named, *ends, item.figure.unit, _change(item), _between(item), item.look, *counts, verdict, item.note)


def conclusion(found: Comparison) -> str:
    """The last line: what it all comes to."""
    counts = {
        name: sum(item.verdict == name for item in found.compared) for name in ("worse", "better", "same", "undecided")
    }
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing judged"
    if found.broken:
        said += f", {len(found.broken)} failed"
    return f"{'Regression' if found.regressed else 'No regression shown'}: {said}."
