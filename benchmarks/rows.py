"""Rows: what one measurement leaves behind. Knows JSON lines; neither how a figure was measured nor how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchmarks.errors import BenchmarkError

SCHEMA = 1


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit that the project has set itself."""

    sense: Literal["at most", "at least"]
    limit: float

    def met(self, value: float) -> bool:
        """Whether `value` is within the limit."""
        return value <= self.limit if self.sense == "at most" else value >= self.limit


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scenario says of one metric."""

    metric: str
    unit: str
    """"ms", "s", "MB" (10^6 bytes), "passages/s", "score" (0 to 1, higher is better), "share", "ratio"."""
    statistic: str
    """How `value` follows from the samples: "median", "mean", "ratio of medians", "largest"."""
    value: float
    interval: tuple[float, float] | None = None
    """Bootstrap 95 % interval of `value`."""
    samples: Sequence[float] = ()
    """Every raw sample, in the order in which it was measured."""
    summary: dict[str, float] = {}
    subset: str = ""
    """Which part of the questions or which arm of a comparison; empty: all of it."""
    variant: str = ""
    """Replaces the name of the variant where one scenario compares several."""
    target: Target | None = None
    detail: dict[str, Any] = {}
    """What else has to be known to read the figure; plain values only."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a result file: a measurement or a failure, with everything needed to read it alone."""

    schema: int = SCHEMA
    run: str
    time: str
    """When it was written, UTC, ISO 8601."""
    scenario: str
    variant: str
    status: Literal["ok", "failed"] = "ok"
    reason: str = ""
    """One sentence; only when failed."""
    metric: str = ""
    unit: str = ""
    statistic: str = ""
    value: float | None = None
    interval: tuple[float, float] | None = None
    samples: Sequence[float] = ()
    summary: dict[str, float] = {}
    subset: str = ""
    target: Target | None = None
    detail: dict[str, Any] = {}
    environment: dict[str, Any] = {}

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None or self.value is None else self.target.met(self.value)


class RowWriter:
    """Appends rows to a file, each flushed as it is written: a run that is cut keeps what it had."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def write(self, row: Row) -> None:
        """Append one row."""
        self._file.write(msgspec.json.encode(row) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path) -> list[Row]:
    """All rows of a file. A last line without an end belongs to a run that was cut, and is left out.

    Raises:
        BenchmarkError: the file cannot be read, or a line is no row of this schema.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as exc:
        raise BenchmarkError(f"{path} cannot be read ({exc.strerror}); give a file that `run` wrote.") from exc
    rows = []
    for number, line in enumerate(lines[:-1], start=1):
        if not line.strip():
            continue
        try:
            rows.append(msgspec.json.decode(line, type=Row))
        except msgspec.DecodeError as exc:
            raise BenchmarkError(f"Line {number} of {path} is no row ({exc}); give a file that `run` wrote.") from exc
        if rows[-1].schema != SCHEMA:
            raise BenchmarkError(f"Line {number} of {path} has schema {rows[-1].schema}; this version reads {SCHEMA}.")
    return rows
