"""A scenario's own process: reads the plan on standard input, writes measurements as JSON lines on standard output.

Knows the table of scenarios; not the result file. A sentence on standard error says why a scenario could not run.
"""

from __future__ import annotations

import os
import sys

import msgspec

from assistant.errors import FieldmateError
from benchmarks import scenarios
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the runner asks this process to do."""

    scenario: str
    variant: Variant
    plan: Plan


def main() -> int:
    """Run one scenario; returns the exit code."""
    # Libraries may print: only this copy of standard output carries measurements.
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
        try:
            for measurement in scenarios.load(order.scenario)(order.plan, order.variant):
                output.write(msgspec.json.encode(measurement) + b"\n")
                output.flush()
        except (BenchmarkError, FieldmateError) as exc:
            print(exc, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
