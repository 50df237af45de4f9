"""Going on with a run that was cut, by the rows that it left and nothing else. Knows rows and jobs; runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.rows import complete, read, rewrite
from benchmarks.runner import Job

_SAME = {
    "suite_sha256": "another suite or other flags", "source_sha256": "another version of Fieldmate",
    "cpu": "another machine", "models": "other model files",
}  # fmt: skip
"""Part of the environment card -> what it means when it differs."""


def remaining(out: Path, card: Mapping[str, Any], jobs: Sequence[Job], new: str) -> tuple[str, list[Job]]:
    """The last run in `out`, and the jobs that have no rows there; what was half written is taken out of the file.

    A job that failed counts as done: its row says why, and repeating it would fail again. A file that is not there, or
    holds no row, begins the run `new`.

    Raises:
        BenchmarkError: the rows come from another suite, version or machine, so that they would not fit together.
    """
    if not out.exists():
        return new, list(jobs)
    rows = read(out)
    whole = complete(rows)
    rewrite(out, whole)
    if not whole:
        return new, list(jobs)
    run = whole[-1].run
    own = [row for row in whole if row.run == run]
    for name, meaning in _SAME.items():
        if own[-1].environment.get(name) != card.get(name):
            raise BenchmarkError(f"The rows of run {run} in {out} were made with {meaning}; begin a new file.")
    done = {row.job for row in own}
    return run, [job for job in jobs if job.name not in done]
