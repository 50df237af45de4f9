"""Rows: what one measurement leaves behind. Knows JSON lines; neither how a figure was measured nor how it is shown."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchmarks.errors import BenchmarkError

SCHEMA = 2

State = Literal["", "cold", "stored", "warm"]
"""What was there before a question came: nothing ("cold"), passage states from index time ("stored"), or what earlier
questions left ("warm"). Empty where it makes no difference."""


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
    keys: Sequence[str] = ()
    """What each sample was measured on (a question's id), so that two runs can be compared pair by pair; as many as
    samples, or none."""
    state: State = ""
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
    job: str = ""
    """The scenario, variant and block whose process wrote it."""
    of: int = 1
    """Rows that this job wrote: with fewer in the file, writing was cut."""
    block: int = 0
    """Which repetition of the whole suite; variants take turns within each, so that drift falls on all alike."""
    time: str
    """When it was written, UTC, ISO 8601."""
    scenario: str
    variant: str
    status: Literal["ok", "failed", "skipped"] = "ok"
    reason: str = ""
    """One sentence; only when failed or skipped."""
    metric: str = ""
    unit: str = ""
    statistic: str = ""
    value: float | None = None
    interval: tuple[float, float] | None = None
    samples: Sequence[float] = ()
    keys: Sequence[str] = ()
    state: State = ""
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
    """Appends the rows of a job to a file, on disk when `write` returns: a run that is cut keeps what it had."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def write(self, rows: Sequence[Row]) -> None:
        """Append the rows of one job, together."""
        self._file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        self._file.flush()
        os.fsync(self._file.fileno())

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


def complete(rows: Sequence[Row]) -> list[Row]:
    """The rows of jobs that are all there; the others are of a job whose writing was cut."""
    counts = Counter((row.run, row.job) for row in rows)
    return [row for row in rows if counts[row.run, row.job] >= row.of]


def rewrite(path: Path, rows: Sequence[Row]) -> None:
    """Replace the file's content in one step: at any instant it holds the old rows or the new ones."""
    temporary = path.with_name(f"{path.name}.partial")
    temporary.unlink(missing_ok=True)
    writer = RowWriter(temporary)
    try:
        writer.write(rows)
    finally:
        writer.close()
    temporary.replace(path)
