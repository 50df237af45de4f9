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
from typing import IO, Any

import msgspec

from benchmarks import environment
from benchmarks.child import Order
from benchmarks.plan import NAMED_DEFAULT, ROOT, Plan, Variant
from benchmarks.rows import Measurement, Row
from benchmarks.scenarios import Entry

Say = Callable[[str], None]
CHILD = (sys.executable, "-m", "benchmarks.child")


class Runner:
    """One run: a plan, where its rows go, and the environment that each carries."""

    def __init__(
        self, plan: Plan, run: str, card: dict[str, Any], write: Callable[[Row], None], say: Say,
        *, timeout: float = 3600.0, child: Sequence[str] = CHILD,
    ) -> None:  # fmt: skip
        self._plan = plan
        self._run = run
        self._card = card
        self._write = write
        self._say = say
        self._timeout = timeout
        self._child = list(child)

    def all(self, entries: Sequence[Entry]) -> int:
        """Run every entry with every variant and part; returns how many of these failed."""
        jobs = [
            (f"{entry.name}/{part}" if part else entry.name, variant)
            for entry in entries
            for part in (entry.parts or ("",))
            for variant in (self._plan.variants() if entry.generators else [Variant(NAMED_DEFAULT)])
        ]
        failed = 0
        for number, (scenario, variant) in enumerate(jobs, start=1):
            self._say(f"[{number}/{len(jobs)}] {scenario} {variant.name}".rstrip())
            started = time.monotonic()
            reason = self._one(scenario, variant)
            failed += reason is not None
            self._say(f"        {f'failed: {reason}' if reason else 'done'}, {time.monotonic() - started:.0f} s")
        return failed

    def _one(self, scenario: str, variant: Variant) -> str | None:
        """Run one scenario; returns why it failed."""
        try:
            card = self._card | {"settings": environment.settings_of(variant.settings)}
        except Exception as exc:  # noqa: BLE001  # whatever the product says of these settings belongs into the row
            card, reason = self._card, str(exc)
        else:
            reason = self._process(scenario, variant, card)
        if reason is not None:
            self._write(self._row(scenario, variant, card, status="failed", reason=reason))
        return reason

    def _process(self, scenario: str, variant: Variant, card: dict[str, Any]) -> str | None:
        order = msgspec.json.encode(Order(scenario, variant, self._plan))
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                self._child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT,
                env=os.environ | {"FIELDMATE_MODELS_DIR": self._plan.models}, start_new_session=True,
            )  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            late = threading.Event()
            timer = threading.Timer(self._timeout, lambda: (late.set(), _end(process)))
            timer.start()
            try:
                _send(process.stdin, order)
                try:
                    rows = self._rows(process.stdout, scenario, variant, card)
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
            return _reason(code, late.is_set(), rows, errors.read().decode("utf-8", "replace"), self._timeout)

    def _rows(self, output: IO[bytes], scenario: str, variant: Variant, card: dict[str, Any]) -> int:
        count = 0
        for line in output:
            measured = msgspec.structs.asdict(msgspec.json.decode(line, type=Measurement))
            name = measured.pop("variant") or variant.name
            self._write(self._row(scenario, Variant(name, variant.settings), card, **measured))
            count += 1
        return count

    def _row(self, scenario: str, variant: Variant, card: dict[str, Any], **fields: Any) -> Row:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        full = card | {"load_average": environment.load_average()}
        return Row(run=self._run, time=now, scenario=scenario, variant=variant.name, environment=full, **fields)


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
