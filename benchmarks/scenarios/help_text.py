"""`fieldmate --help` as a whole process, paired with an empty Python process. Knows the command only."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks import measuring, processes
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

_TIMES = 20
_LIMIT_S = 0.25


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Seconds of either process, one after the other so that both see the same machine."""
    commands = {"fieldmate --help": [*plan.command, "--help"], "python -c pass": [sys.executable, "-c", "pass"]}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for round_ in range(_TIMES + 1):
        for name, command in commands.items():
            taken = processes.run(command).seconds
            if round_:  # the first warms the page cache
                seconds[name].append(taken)
    for name, samples in seconds.items():
        target = measuring.at_most(_LIMIT_S) if name != "python -c pass" else None
        yield measuring.median("process", "s", samples, plan.seed, subset=name, target=target)
