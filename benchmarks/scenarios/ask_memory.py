"""Peak memory of a whole `fieldmate ask` process. Loads nothing itself: a child inherits its parent's peak."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import measuring, processes
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement
from benchmarks.scenarios.asking import asked

_LIMITS_MB = {"qwen2.5-coder-0.5b-instruct-q4_k_m": 1000, "smollm2-135m-instruct": 450}


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """The peak over several questions for which the generator ran, each in a process of its own."""
    runs = asked(plan, variant)
    limit = _LIMITS_MB.get(variant.name)
    yield measuring.largest(
        "peak memory of ask",
        "MB",
        [run.finished.peak_rss_mb for run in runs],
        target=measuring.at_most(limit) if limit else None,
        detail={
            "prompt_tokens": [run.answer["usage"]["prompt_tokens"] for run in runs],
            "floor_mb": round(processes.own_peak_mb(), 1),
        },
    )
