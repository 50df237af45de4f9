"""From the start of a process to its first token and to its end, page cache warm. Knows the command only."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import measuring
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement
from benchmarks.scenarios.asking import Asked, asked


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Medians over processes with a question each."""
    runs = asked(plan, variant)
    detail = {
        "load_ms": [run.answer["timings_ms"]["load"] for run in runs],
        "prompt_tokens": [run.answer["usage"]["prompt_tokens"] for run in runs],
        "completion_tokens": [run.answer["usage"]["completion_tokens"] for run in runs],
    }
    first = [_first_token(run) for run in runs]
    whole = [run.finished.seconds for run in runs]
    yield measuring.median("process start to first token", "s", first, plan.seed, detail=detail)
    yield measuring.median("process start to end of ask", "s", whole, plan.seed, detail=detail)


def _first_token(run: Asked) -> float:
    """The object is printed at once when the answer is done, so the first token lay `total - first_token` before it."""
    timings = run.answer["timings_ms"]
    printed = run.finished.first_output
    assert printed is not None
    return printed - (timings["total"] - timings["first_token"]) / 1000
