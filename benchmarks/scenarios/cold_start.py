"""From the start of a process to its first token and to its end. Knows the command only.

Each question is asked twice: "cold", after model, embedder and knowledge base were dropped from the page cache, and
"warm" right afterwards. Python and the shared libraries stay in the cache in both: this is a program that starts after
others have run, not a machine that was just switched on. Where pages do not leave the cache, there is no cold figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measuring, pagecache, processes, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement, State
from benchmarks.scenarios.asking import Asked, asked_after

_STAYED = 0.02
"""Largest share of the files that may stay in the cache of a start that is called cold."""


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Medians over processes with a question each; how much stayed in the cache."""
    files = _files(plan, variant)
    try:
        pagecache.drop(files)  # tried before anything is measured
    except BenchmarkError as exc:
        rounds, detail = asked_after(plan, variant, [lambda: None]), {"cold_not_measured": str(exc)}
    else:
        rounds, detail = asked_after(plan, variant, [lambda: pagecache.drop(files), lambda: None]), {}
        yield from _cold(plan, [runs[0] for runs in rounds])
    yield from _rows(plan, [runs[-1] for runs in rounds], "warm", **detail)


def _cold(plan: Plan, runs: Sequence[Asked]) -> Iterator[Measurement]:
    """The starts before which the files had left the cache; the others are counted and not shown."""
    shares = [run.prepared.share for run in runs]
    cold = [run for run in runs if run.prepared.share <= _STAYED]
    detail: dict[str, Any] = {
        "files_mb": runs[-1].prepared.bytes // 10**6,
        "cold_starts": len(cold),
        "starts": len(runs),
    }
    if not cold:
        detail["not_measured"] = (
            f"{min(shares):.0%} or more of the files stayed in the page cache each time: another process has them "
            "open, or the file system keeps them; end other programs that use these models and run it again."
        )
    yield measuring.largest("stayed in the page cache", "share", shares, state="cold", detail=detail)
    if cold:
        yield from _rows(plan, cold, "cold")


def _rows(plan: Plan, runs: Sequence[Asked], state: State, **more: Any) -> Iterator[Measurement]:
    detail = more | {
        "load_ms": [run.answer["timings_ms"]["load"] for run in runs],
        "prompt_tokens": [run.answer["usage"]["prompt_tokens"] for run in runs],
        "completion_tokens": [run.answer["usage"]["completion_tokens"] for run in runs],
    }
    shared: dict[str, Any] = {"keys": [run.question for run in runs], "state": state, "detail": detail}
    yield measuring.median(
        "process start to first token", "s", [_first_token(run) for run in runs], plan.seed, **shared
    )
    yield measuring.median(
        "process start to end of ask", "s", [run.finished.seconds for run in runs], plan.seed, **shared
    )


def _first_token(run: Asked) -> float:
    """The object is printed at once when the answer is done, so the first token lay `total - first_token` before it."""
    timings = run.answer["timings_ms"]
    printed = run.finished.first_output
    assert printed is not None
    return printed - (timings["total"] - timings["first_token"]) / 1000


def _files(plan: Plan, variant: Variant) -> list[Path]:
    """The files of the models and of the knowledge base that a question reads."""
    generator = product.model_file(plan, variant)
    environment = {**product.variables(variant), "FIELDMATE_MODELS_DIR": variant.models or plan.models}
    listed = json.loads(processes.run([*plan.command, "models", "list", "--json"], environment).output)
    embedders = [Path(item["path"]) for item in listed if item["role"] == "embedder" and item["state"] == "ready"]
    return pagecache.files_below([generator.parent, *embedders, product.with_samples(plan)])
