"""Runs a command and measures the whole process: wall time, first output, peak memory. Knows no scenario."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError

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
