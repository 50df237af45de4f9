"""How adding and searching change as the knowledge base grows. Knows generated manuals and the public surface only.

Part "ingest": rate, disk and peak memory of each step from one size to the next. Part "search": time of `search` and
recall@10 of the vector search, with every vector compared and with the HNSW index, whichever of them the product uses
at that size; a row says which it is. Generated questions measure speed and agreement of the two, not quality.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks import measuring, product, statistics
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement
from benchmarks.scenarios import generated, growing

if TYPE_CHECKING:
    from assistant import Assistant

_DEPTH = 10
_QUERIES = 200
_WARM_UP = 10
_ARMS = {"exact": 10**9, "hnsw": 1}
"""How vectors are searched -> `retrieval.exact_below` that makes it so."""
Ranking = list[tuple[str, int]]
"""Passages by document and place in it."""


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """The rows of one part, size after size."""
    for grown in growing.steps(plan, variant):
        yield from _ingest(plan, grown) if part == "ingest" else _search(plan, variant, grown)


def _ingest(plan: Plan, grown: growing.Grown) -> Iterator[Measurement]:
    added = grown.added
    detail = {"passages": grown.passages, "added": added.passages, "size": grown.size}
    shared: dict[str, Any] = {"subset": _subset(grown), "detail": detail}
    yield measuring.median("adding", "passages/s", added.rates, plan.seed, **shared)
    yield measuring.median("whole add", "passages/s", [added.passages / added.seconds], plan.seed, **shared)
    yield measuring.median("index after adding", "s", [added.index_s], plan.seed, **shared)
    yield measuring.largest("disk", "bytes/passage", [grown.bytes / grown.passages], **shared)
    floor = {"detail": detail | {"floor_mb": round(grown.floor_mb, 1)}}
    yield measuring.largest("peak memory of add", "MB", [grown.peak_mb], **{**shared, **floor})


def _search(plan: Plan, variant: Variant, grown: growing.Grown) -> Iterator[Measurement]:
    asked = _sections(plan, grown)
    questions = [section.question for section in asked]
    keys = [f"generated-{section.number}" for section in asked]
    _require_index(plan, variant, grown)
    times = _times(plan, variant, grown, questions)
    recalls = _recalls(plan, variant, grown, questions)
    for arm in _ARMS:
        detail = {"passages": grown.passages, "size": grown.size, "used": arm == _used(plan, variant, grown)}
        shared: dict[str, Any] = {"keys": keys, "subset": f"{_subset(grown)}, {arm}", "detail": detail, "state": "warm"}
        yield with_p95(measuring.median("search", "ms", times[arm], plan.seed, **shared))
        yield measuring.mean(f"recall@{_DEPTH}", "score", recalls[arm], plan.seed, **shared)


def _subset(grown: growing.Grown) -> str:
    return f"{grown.size:,} passages"


def with_p95(measurement: Measurement) -> Measurement:
    """The same with the 95th percentile, where there are samples enough for one."""
    if len(measurement.samples) < 20:
        return measurement
    summary = measurement.summary | {"p95": statistics.percentile(measurement.samples, 95)}
    return msgspec.structs.replace(measurement, summary=summary)


def _sections(plan: Plan, grown: growing.Grown) -> list[generated.Section]:
    """Sections to ask about: drawn from all that are in the knowledge base."""
    count = plan.option("growth", "queries", _QUERIES)
    if count < 1:
        raise BenchmarkError(f"queries of [scenario.growth] is {count}; give 1 or more.")
    chosen = random.Random(plan.seed).sample(range(grown.sections), min(count, grown.sections))
    return [generated.section(number, plan.seed) for number in chosen]


def _used(plan: Plan, variant: Variant, grown: growing.Grown) -> str:
    with product.opened(plan, variant, Path(grown.home)) as fieldmate:
        return "exact" if grown.passages < fieldmate.settings.retrieval.exact_below else "hnsw"


def _require_index(plan: Plan, variant: Variant, grown: growing.Grown) -> None:
    """Build the index where the product itself would not have one at this size."""
    home = Path(grown.home)
    with product.opened(plan, variant.but(retrieval__exact_below=_ARMS["hnsw"]), home) as fieldmate:
        fieldmate.add([])
        folder = fieldmate.settings.index
    if not folder.is_dir() or not any(folder.iterdir()):
        raise BenchmarkError("The vector index was not stored; look for free space below the folder for scratch files.")


def _times(plan: Plan, variant: Variant, grown: growing.Grown, questions: list[str]) -> dict[str, list[float]]:
    """Milliseconds of each search; the arms take turns on each question, in seeded order."""
    order = random.Random(plan.seed)
    times: dict[str, list[float]] = {arm: [] for arm in _ARMS}
    with ExitStack() as stack:
        arms = {arm: stack.enter_context(_opened(plan, variant, grown, limit)) for arm, limit in _ARMS.items()}
        for question in questions[:_WARM_UP]:
            for fieldmate in arms.values():
                fieldmate.search(question)
        for question in questions:
            for arm in order.sample(list(arms), len(arms)):
                started = time.perf_counter()
                arms[arm].search(question)
                times[arm].append((time.perf_counter() - started) * 1000)
    return times


def _recalls(plan: Plan, variant: Variant, grown: growing.Grown, questions: list[str]) -> dict[str, list[float]]:
    """Share of the ten nearest passages that each arm finds; the exact arm is the reference, and finds all."""
    rankings: dict[str, list[Ranking]] = {}
    for arm, limit in _ARMS.items():
        # With the whole weight on vectors, the first ten hits are those of the vector search, looked for as hard as
        # ever.
        with _opened(plan, variant.but(retrieval__dense_weight=1.0), grown, limit) as fieldmate:
            rankings[arm] = [nearest(fieldmate, question) for question in questions]
    return {
        arm: [recall(*pair) for pair in zip(found, rankings["exact"], strict=True)] for arm, found in rankings.items()
    }


def _opened(plan: Plan, variant: Variant, grown: growing.Grown, limit: int) -> Any:
    return product.opened(plan, variant.but(retrieval__exact_below=limit), Path(grown.home))


def nearest(fieldmate: Assistant, question: str) -> Ranking:
    """The passages that the vector search ranks first to tenth."""
    hits = fieldmate.search(question, k=_DEPTH)
    return [(hit.passage.document, hit.passage.ordinal) for hit in hits if (hit.dense_rank or _DEPTH + 1) <= _DEPTH]


def recall(found: Ranking, right: Ranking) -> float:
    """Share of `right` that was found; 1 where there is nothing to find."""
    return len(set(found) & set(right)) / len(set(right)) if right else 1.0
