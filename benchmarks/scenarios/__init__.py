"""The tables of scenarios, joined: name -> where it is. Knows no scenario's inside; one is imported when it is run."""

from __future__ import annotations

from benchmarks.entries import Scenario
from benchmarks.errors import BenchmarkError
from benchmarks.loadgen.table import ENTRIES as LOADGEN
from benchmarks.peers.table import ENTRIES as PEERS
from benchmarks.quality.table import ENTRIES as QUALITY
from benchmarks.scenarios.table import ENTRIES as OWN

TABLE = (*OWN, *LOADGEN, *PEERS, *QUALITY)


def load(name: str) -> Scenario:
    """The scenario called `name`, or "name/part".

    Raises:
        BenchmarkError: there is none.
    """
    base, _, part = name.partition("/")
    for entry in TABLE:
        if entry.name == base and entry.where and (part in entry.parts if part else not entry.parts):
            return entry.load(part)
    raise BenchmarkError(f"There is no scenario {name}; choose from {', '.join(entry.name for entry in TABLE)}.")
