"""Runs a command and measures the whole process: wall time, first output, peak memory; and is such a process.

Knows no scenario.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from benchmarks.errors import BenchmarkError

T = TypeVar("T")
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""`ru_maxrss` counts KiB on Linux and bytes on macOS."""


def own_peak_mb() -> float:
    """Peak resident set of this process so far, 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well."""

    seconds: float
    """From before it was started until it was reaped."""
    first_output: float | None
    """Seconds until the first byte on standard output; None when there was none."""
    output: bytes
    peak_rss_mb: float
    """Largest resident set, 10^6 bytes, mapped files included. Never below what this process itself has needed so far,
    since a process begins as a copy of the one that starts it."""


def run(command: list[str], environment: Mapping[str, str] | None = None, *, folder: str | None = None) -> Finished:
    """Run `command` to its end, in the current folder or in `folder`.

    Raises:
        BenchmarkError: it could not be started or did not end with 0.
    """
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment,
                cwd=folder,
            )  # fmt: skip
        except OSError as exc:
            raise BenchmarkError(f"{command[0]} cannot be started ({exc.strerror}); see --command.") from exc
        assert process.stdout is not None
        descriptor, pieces, first = process.stdout.fileno(), [], None
        while piece := os.read(descriptor, 1 << 16):
            first = time.perf_counter() - started if first is None else first
            pieces.append(piece)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it again
        process.stdout.close()
        if process.returncode != 0:
            errors.seek(0)
            raise BenchmarkError(_failure(process.returncode, errors.read()))
    return Finished(seconds, first, b"".join(pieces), usage.ru_maxrss * RSS_UNIT / 1e6)


def _failure(code: int, errors: bytes) -> str:
    lines = [line.strip() for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"The command {how}: {lines[-1] if lines else 'it said nothing'}"


def answered(order: str, kind: type[T], work: Callable[[T], object]) -> int:
    """Be a process that carries out one order, given as JSON, and writes its result to standard output as JSON.

    Returns the exit code: 1 where the work failed with a sentence, which goes to standard error.
    """
    with os.fdopen(os.dup(1), "wb") as output:  # libraries may print: only this copy carries the result
        os.dup2(2, 1)
        from assistant.errors import FieldmateError

        try:
            output.write(msgspec.json.encode(work(msgspec.json.decode(order, type=kind))))
        except (BenchmarkError, FieldmateError) as exc:
            print(exc, file=sys.stderr)
            return 1
    return 0
