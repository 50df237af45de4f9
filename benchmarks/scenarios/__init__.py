"""The table of scenarios: name -> where it is. Knows no scenario's inside; each is imported in its own process.

A scenario is a function of a plan and a variant that yields measurements. "name/part" calls it with the part as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Literal

from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

Scenario = Callable[[Plan, Variant], Iterator[Measurement]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One scenario."""

    name: str
    where: str
    """"module:function" below `benchmarks`."""
    suite: Literal["run", "peers", "quality"]
    generators: bool = False
    """Whether it is measured with each generator."""
    parts: tuple[str, ...] = ()
    """Data sets that are measured apart, each in a process of its own."""


TABLE = (
    Entry("help", "scenarios.help_text:measure", "run"),
    Entry("retrieve", "scenarios.retrieve:measure", "run"),
    Entry("ingest", "scenarios.ingest:measure", "run"),
    Entry("ask_memory", "scenarios.ask_memory:measure", "run", generators=True),
    Entry("cold_start", "scenarios.cold_start:measure", "run", generators=True),
    Entry("first_token", "scenarios.first_token:measure", "run", generators=True),
    Entry("peer_ingest", "scenarios.peer_ingest:measure", "peers"),
    Entry(
        "retrieval", "quality.retrieval:measure", "quality",
        parts=("emanual_tv", "emanual_all", "squad2", "noiseqa", "mtrag"),
    ),
    Entry("abstention", "quality.abstention:measure", "quality", parts=("emanual", "samples", "squad2")),
    Entry("answers", "quality.answers:measure", "quality", generators=True, parts=("samples", "emanual", "squad2")),
)  # fmt: skip


def load(name: str) -> Scenario:
    """The scenario called `name`, or "name/part".

    Raises:
        BenchmarkError: there is none.
    """
    base, _, part = name.partition("/")
    for entry in TABLE:
        if entry.name == base and (part in entry.parts if part else not entry.parts):
            module, _, attribute = entry.where.partition(":")
            function: Any = getattr(import_module(f"benchmarks.{module}"), attribute)
            return partial(function, part=part) if part else function
    raise BenchmarkError(f"There is no scenario {name}; choose from {', '.join(entry.name for entry in TABLE)}.")
