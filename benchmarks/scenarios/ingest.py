"""Passages per second of adding the sample manuals (HTML, Markdown, PDF) to an empty knowledge base. No generator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measuring, product
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement


@dataclass(frozen=True, slots=True)
class Taken:
    """What some work took."""

    passages: int
    seconds: float
    cpu_seconds: float
    """Of all threads of the process that did it: what other processes on the machine do to it matters less here."""

    @property
    def rate(self) -> float:
        """Passages per second."""
        return self.passages / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Passages per second of processor time."""
        return self.passages / self.cpu_seconds


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """The whole of `Assistant.add`: read, split, embed, store, index; the embedder is loaded before."""
    taken = [
        timed_add(plan, variant, plan.folder(f"ingest-{repetition}"), product.MANUALS)
        for repetition in range(plan.repetitions)
    ]
    detail = {"passages": taken[0].passages}
    yield measuring.median("whole add", "passages/s", [item.rate for item in taken], plan.seed, detail=detail)
    yield measuring.median("whole add", "passages/CPU s", [item.cpu_rate for item in taken], plan.seed, detail=detail)


def timed_add(plan: Plan, variant: Variant, home: Path, documents: Path) -> Taken:
    """Add `documents` to an empty knowledge base in `home`."""
    warm_up = home / "warm-up.txt"
    warm_up.write_text("The embedder is loaded by the first document.\n", "utf-8")
    with product.opened(plan, variant, home) as fieldmate:
        fieldmate.add([warm_up])
        started, worked = time.perf_counter(), time.process_time()
        report = fieldmate.add([documents])
        return Taken(report.passages, time.perf_counter() - started, time.process_time() - worked)
