"""Knowledge bases of generated manuals, each grown out of the one before it; what growing took is kept beside them.

A step is added by a process of its own, which this module is as well (`python -m benchmarks.scenarios.growing`): its
peak memory is that of adding and of nothing else. Knows the public surface; not what is reported of a step.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import processes
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan, Variant

DEFAULT_SIZES = [1000, 10_000]
"""Passages, about; 100,000 take most of an hour on a small computer and have to be asked for."""
_MOST = 2_000_000
_SLICES = 10
"""Parts of a step whose rate is given by itself."""
_DONE = "grown.json"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the process of one step is told."""

    plan: Plan
    variant: Variant
    home: str
    documents: str


class Added(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the process of one step says."""

    passages: int
    """Added by it."""
    rates: list[float]
    """Passages per second of equal parts of it, one after the other: read, split, embed, store."""
    index_s: float
    """From the last file until `add` returned: the vector index, where there is one."""
    seconds: float
    """Of the whole `add`, with the index; the embedder is loaded before."""


class Grown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A knowledge base of about `size` passages, and the step that led to it."""

    size: int
    home: str
    passages: int
    sections: int
    """Of the generated manuals: numbers below this one are in it."""
    added: Added
    peak_mb: float
    floor_mb: float
    """Below this the peak of a process cannot be seen: see `benchmarks.processes`."""
    bytes: int
    """On disk, database and index."""


def sizes(plan: Plan) -> list[int]:
    """The sizes wanted, in ascending order.

    Raises:
        BenchmarkError: they are no numbers of passages.
    """
    given: list[Any] = plan.option("growth", "sizes", DEFAULT_SIZES)
    if not given or not all(type(size) is int and 0 < size <= _MOST for size in given):
        raise BenchmarkError(
            f"sizes of [scenario.growth] is {given!r}; give numbers of passages from 1 to {_MOST:,}, "
            f"like {DEFAULT_SIZES}."
        )
    return sorted(set(given))


def steps(plan: Plan, variant: Variant) -> list[Grown]:
    """The knowledge base of each size, smallest first; what this run has made already is not made again."""
    found: list[Grown] = []
    for before, size in pairwise([0, *sizes(plan)]):
        home = plan.folder(f"growth-{size}")
        if not (home / _DONE).exists():
            grown = _grow(plan, variant, home, size, found[-1] if before else None)
            (home / _DONE).write_bytes(msgspec.json.encode(grown))  # written last: its existence means complete
        found.append(msgspec.json.decode((home / _DONE).read_bytes(), type=Grown))
    return found


def _grow(plan: Plan, variant: Variant, home: Path, size: int, before: Grown | None) -> Grown:
    from benchmarks.scenarios import generated

    shutil.rmtree(home)  # what a killed process left
    if before is None:
        home.mkdir()
    else:
        shutil.copytree(before.home, home, ignore=shutil.ignore_patterns(_DONE))
    first = before.sections // generated.SECTIONS if before else 0
    # At least one manual more than before, however close together the sizes are.
    last = max(first + 1, round(size / generated.PASSAGES))
    documents = plan.folder(f"growth-documents-{size}")
    for number in range(first, last):
        (documents / f"manual-{number:06d}.md").write_text(generated.manual(number, plan.seed), "utf-8")
    done = _in_a_process(Order(plan, variant, str(home), str(documents)))
    added = msgspec.json.decode(done.output, type=Added)
    shutil.rmtree(documents)
    return Grown(
        size, str(home), (before.passages if before else 0) + added.passages, last * generated.SECTIONS, added,
        done.peak_rss_mb, processes.own_peak_mb(), used(home),
    )  # fmt: skip


def _in_a_process(order: Order) -> processes.Finished:
    text = msgspec.json.encode(order).decode()
    return processes.run([sys.executable, "-m", "benchmarks.scenarios.growing", text], os.environ, folder=str(ROOT))


def used(home: Path) -> int:
    """Bytes of the files below `home`."""
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())


def slices(moments: list[tuple[float, int]], began: float, count: int = _SLICES) -> list[float]:
    """Passages per second of at most `count` parts of about as many passages.

    Args:
        moments: when a file was stored, in seconds, and its passages.
        began: when the first was begun.
        count: of parts.
    """
    wanted = sum(passages for _, passages in moments) / count
    usual = (moments[-1][0] - began) / len(moments)
    following = [moment for moment, _ in moments[1:]] + [math.inf]
    rates: list[float] = []
    passed, since = 0, began
    for (moment, passages), after in zip(moments, following, strict=True):
        passed += passages
        # Files are stored in bunches, quickly one after the other: a part ends with a bunch, so that none gets work for
        # which another paid.
        if passed >= wanted and after - moment >= usual and moment > since:
            rates.append(passed / (moment - since))
            passed, since = 0, moment
    return rates or [passed / (moments[-1][0] - began)]


def add(order: Order) -> Added:
    """Add the documents of one step; the embedder is loaded before."""
    from benchmarks import product

    home, moments = Path(order.home), []
    warm_up = Path(order.documents).with_suffix(".txt")
    warm_up.write_text("The embedder is loaded by the first document.\n", "utf-8")
    with product.opened(order.plan, order.variant, home) as fieldmate:
        fieldmate.add([warm_up])
        began = time.perf_counter()
        report = fieldmate.add(
            [order.documents], each=lambda file: moments.append((time.perf_counter(), file.passages))
        )
        ended = time.perf_counter()
    if report.count("added") != len(report.files) or not report.files:
        reasons = [file.reason for file in report.files if file.reason]
        raise BenchmarkError(f"Generated manuals were not added: {reasons[0] if reasons else 'there are none'}")
    return Added(report.passages, slices(moments, began), ended - moments[-1][0], ended - began)


def main() -> int:
    """The process of one step; returns the exit code."""
    return processes.answered(sys.argv[1], Order, add)


if __name__ == "__main__":
    sys.exit(main())
