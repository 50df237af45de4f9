"""Runs scenarios one after the other, each in a process of its own, and appends their rows as they come.

Knows neither what a scenario measures nor how rows are shown. A scenario that fails, is killed or runs out of time
leaves a row that says so, and the others still run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from benchmarks import environment
from benchmarks.child import Order
from benchmarks.entries import Entry
from benchmarks.plan import NAMED_DEFAULT, ROOT, Plan, Variant
from benchmarks.rows import Measurement, Row

Say = Callable[[str], None]
CHILD = (sys.executable, "-m", "benchmarks.child")


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario with one variant, in one block."""

    scenario: str
    variant: Variant
    block: int = 0
    waits_for: str = ""

    @property
    def name(self) -> str:
        """Names it within its run; a resumed run leaves out what it finds under this name."""
        return f"{self.block}/{self.scenario}/{self.variant.name}"


def jobs(plan: Plan, entries: Sequence[Entry], blocks: int = 1) -> list[Job]:
    """Every entry with every variant and part, `blocks` times; in every second block the variants come in reverse."""
    return [
        Job(f"{entry.name}/{part}" if part else entry.name, variant, block, entry.waits_for)
        for block in range(blocks)
        for entry in entries
        for part in (entry.parts or ("",))
        for variant in (plan.variants[:: -1 if block % 2 else 1] if entry.generators else [Variant(NAMED_DEFAULT)])
    ]


class Runner:
    """One run: a plan, where its rows go, and the environment that each carries."""

    def __init__(
        self, plan: Plan, run: str, card: dict[str, Any], write: Callable[[Sequence[Row]], None], say: Say,
        *, timeout: float = 3600.0, child: Sequence[str] = CHILD,
    ) -> None:  # fmt: skip
        self._plan = plan
        self._run = run
        self._card = card
        self._write = write
        self._say = say
        self._timeout = timeout
        self._child = list(child)

    def all(self, wanted: Sequence[Job]) -> int:
        """Run the jobs in their order; returns how many failed."""
        failed, began = 0, time.monotonic()
        for number, job in enumerate(wanted, start=1):
            self._say(f"[{number}/{len(wanted)}] {job.scenario} {job.variant.name}".rstrip())
            started = time.monotonic()
            reason = self._one(job)
            failed += reason is not None
            left = (time.monotonic() - began) / number * (len(wanted) - number)
            said = f"failed: {reason}" if reason else "skipped" if job.waits_for else "done"
            rest = f"; about {duration(left)} left" if left >= 1 else ""
            self._say(f"        {said}, {duration(time.monotonic() - started)}{rest}")
        return failed

    def _one(self, job: Job) -> str | None:
        """Run one job and write its rows; returns why it failed."""
        rows: list[Row] = []
        card, reason = self._card, None
        if job.waits_for:
            rows.append(self._row(job, card, status="skipped", reason=f"It waits for {job.waits_for}."))
        else:
            try:
                card = self._card | {"settings": environment.settings_of(job.variant.settings)}
            except Exception as exc:  # noqa: BLE001  # whatever the product says of these settings belongs into the row
                reason = str(exc)
            else:
                reason = self._process(job, card, rows)
            if reason is not None:
                rows.append(self._row(job, card, status="failed", reason=reason))
        self._write([msgspec.structs.replace(row, of=len(rows)) for row in rows])
        return reason

    def _process(self, job: Job, card: dict[str, Any], rows: list[Row]) -> str | None:
        order = msgspec.json.encode(Order(job.scenario, job.variant, self._plan))
        environ = os.environ | {"FIELDMATE_MODELS_DIR": job.variant.models or self._plan.models}
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                self._child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, env=environ,
                start_new_session=True,
            )  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            late = threading.Event()
            timer = threading.Timer(self._timeout, lambda: (late.set(), _end(process)))
            timer.start()
            try:
                _send(process.stdin, order)
                try:
                    self._read(process.stdout, job, card, rows)
                except msgspec.DecodeError as exc:
                    return f"It wrote something that is no measurement ({exc})."
                code = process.wait()
            finally:
                timer.cancel()
                if process.poll() is None:  # it wrote rubbish, or we are being interrupted
                    _end(process)
                    process.wait()
                process.stdout.close()
            errors.seek(0)
            return _reason(code, late.is_set(), len(rows), errors.read().decode("utf-8", "replace"), self._timeout)

    def _read(self, output: IO[bytes], job: Job, card: dict[str, Any], rows: list[Row]) -> None:
        for line in output:
            measured = msgspec.structs.asdict(msgspec.json.decode(line, type=Measurement))
            name = measured.pop("variant") or job.variant.name
            rows.append(self._row(job, card, **{"variant": name, **measured}))

    def _row(self, job: Job, card: dict[str, Any], **fields: Any) -> Row:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        full = card | {"load_average": environment.load_average(), **environment.heat()}
        shared = {"run": self._run, "job": job.name, "block": job.block, "time": now, "scenario": job.scenario}
        return Row(**{**shared, "variant": job.variant.name, "environment": full, **fields})


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes >= 10 else (
        f"{minutes} min {rest} s" if minutes else f"{rest} s"
    )  # fmt: skip


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a scenario with whatever it has started: they are a session of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _send(pipe: IO[bytes], order: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:  # a process that has ended already says why by its exit code
        pipe.write(order)


def _reason(code: int, late: bool, rows: int, errors: str, timeout: float) -> str | None:
    if late:
        return f"It ran longer than {timeout:.0f} s and was ended."
    if code == 0:
        return None if rows else "It ended without a measurement."
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    if code < 0:
        return f"It was ended by signal {-code}."
    return lines[-1] if lines else f"It ended with code {code} and said nothing."
