"""What keeping a knowledge base costs: a sync after one edit, removing a large document, the first search of a process.

Whole processes of the command, start included, but for removing, which is timed in an open assistant. The documents
are generated; each part's knowledge base is made once in a run.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import measuring, processes, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement
from benchmarks.scenarios import generated, growing

_PASSAGES = 10_000
_SYNC_S = 3.0
_REMOVE_S = 1.0
_FIRST_SEARCH_S = 1.5
_LARGE = 100_000
"""Passages from which the targets of opening and searching hold."""


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """The rows of one part."""
    yield from {"sync": _sync, "remove": _remove, "open": _open}[part](plan, variant)


def _passages(plan: Plan) -> int:
    passages: int = plan.option("upkeep", "passages", _PASSAGES)
    if type(passages) is not int or passages < 1:
        raise BenchmarkError(f"passages of [scenario.upkeep] is {passages!r}; give a number of 1 or more.")
    return passages


def _manuals(plan: Plan) -> Iterator[str]:
    for number in range(math.ceil(_passages(plan) / generated.PASSAGES)):
        yield generated.manual(number, plan.seed)


def _command(plan: Plan, variant: Variant, home: Path, name: str, *arguments: str) -> list[str]:
    return [*plan.command, name, "--json", *product.arguments(plan, home, variant), *arguments]


def _added(plan: Plan, variant: Variant, home: Path, documents: Path) -> int:
    done = processes.run(_command(plan, variant, home, "add", str(documents)), product.variables(variant))
    report = json.loads(done.output)
    if report["refused"]:
        raise BenchmarkError("Generated manuals were refused; look at `fieldmate add` of the folder for scratch files.")
    return int(report["passages"])


def _sync(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    home = plan.folder("upkeep-sync")
    documents = home / "documents"
    documents.mkdir(exist_ok=True)
    for number, text in enumerate(_manuals(plan)):
        (documents / f"manual-{number:06d}.md").write_text(text, "utf-8")
    passages = _added(plan, variant, home / "data", documents)
    edited, seconds, embedded = documents / "manual-000000.md", [], []
    text = edited.read_text("utf-8")
    for number in range(plan.repetitions + 1):
        edited.write_text(f"{text}\n\nNote {number}: check the seal of the drain once more.\n", "utf-8")
        done = processes.run(_command(plan, variant, home / "data", "sync"), product.variables(variant))
        report = json.loads(done.output)
        if report["replaced"] != 1:
            raise BenchmarkError("The edited manual was not replaced by `fieldmate sync`.")
        if number:  # the first warms the page cache
            seconds.append(done.seconds)
            embedded.append(report["embedded"])
    detail = {"passages": passages, "files": sum(1 for _ in documents.iterdir()), "embedded": embedded}
    target = measuring.at_most(_SYNC_S) if _passages(plan) == _PASSAGES else None
    yield measuring.median("sync after one edit", "s", seconds, plan.seed, target=target, detail=detail)


def _remove(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    home = plan.folder("upkeep-remove")
    document = home / "large.md"
    document.write_text("\n\n".join(_manuals(plan)), "utf-8")
    passages = _added(plan, variant, home / "kept", document)
    seconds = []
    for _ in range(plan.repetitions):
        copy = home / "data"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(home / "kept", copy)
        with product.opened(plan, variant, copy) as fieldmate:
            fieldmate.documents()  # opened before the clock runs
            started = time.perf_counter()
            removed = fieldmate.remove(document.name)
            seconds.append(time.perf_counter() - started)
        if len(removed) != 1:
            raise BenchmarkError("The generated document was not removed.")
    target = measuring.at_most(_REMOVE_S) if _passages(plan) == _PASSAGES else None
    detail = {"passages": passages}
    yield measuring.median("removing a large document", "s", seconds, plan.seed, target=target, detail=detail)


def _open(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    for grown in growing.steps(plan, variant):
        chosen = [generated.section(number, plan.seed).question for number in range(plan.repetitions + 1)]
        taken = []
        for question in chosen:
            done = processes.run(
                _command(plan, variant, Path(grown.home), "search", question), product.variables(variant)
            )
            if not json.loads(done.output)["hits"]:
                raise BenchmarkError("A search of the generated manuals found nothing.")
            taken.append(done.seconds)
        yield measuring.median(
            "process with its first search",
            "s",
            taken[1:],
            plan.seed,
            subset=f"{grown.size:,} passages",
            target=measuring.at_most(_FIRST_SEARCH_S) if grown.size >= _LARGE else None,
            detail={"passages": grown.passages},
        )
