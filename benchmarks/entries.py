"""One scenario, as the tables of scenarios name it. Knows no scenario; imports nothing heavy.

A scenario is a function of a plan and a variant that yields measurements. One with parts takes the part as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Literal

from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

Scenario = Callable[[Plan, Variant], Iterator[Measurement]]
Suite = Literal["run", "growth", "peers", "quality"]
"""The command that runs it: growth and peers belong to `run` and `peers`, and take long."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One scenario."""

    name: str
    where: str
    """"module:function" below `benchmarks`; empty for one that waits for a part of the product."""
    suite: Suite
    generators: bool = False
    """Whether it is measured with each variant of a generator; otherwise once, with the default settings."""
    parts: tuple[str, ...] = ()
    """Data sets that are measured apart, each in a process of its own."""
    waits_for: str = ""
    """What has to exist before it can be measured: its row says so."""

    def load(self, part: str) -> Scenario:
        """The function, imported now."""
        module, _, attribute = self.where.partition(":")
        function: Any = getattr(import_module(f"benchmarks.{module}"), attribute)
        return partial(function, part=part) if part else function
