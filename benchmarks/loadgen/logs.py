"""Reads the files that LoadGen leaves: verdict, percentiles, each sample's latency, each answer's digest.

Knows LoadGen's formats; not how a run was made nor what was asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.errors import BenchmarkError

PREFIX = "mlperf_log_"
_DETAIL = ":::MLLOG "
_PERCENTILE = re.compile(r"result_(50|90|99)\.00_percentile_latency_ns")
_RULES = {
    "result_min_duration_met": "minimum duration",
    "result_min_queries_met": "minimum number of questions",
    "early_stopping_met": "early stopping",
    "result_perf_constraints_met": "p99 within the limit",
}  # fmt: skip
_ESTIMATES = {"p90": "early_stopping_latency_ss", "p99": "early_stopping_latency_ms"}
"""LoadGen calls them by the scenarios that they are used for."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One sample, in the order in which LoadGen issued it."""

    index: int
    """Of the question."""
    delay_ms: float
    """From the moment at which it was to be issued until it was."""
    latency_ms: float
    """From the moment at which it was to be issued until it was completed."""


class _Arguments(msgspec.Struct, frozen=True):
    sample_seq: int
    sample_idx: int
    issue_start_ns: int
    complete_ns: int


class _Begun(msgspec.Struct, frozen=True):
    args: _Arguments


class _Response(msgspec.Struct, frozen=True):
    seq_id: int
    qsl_idx: int
    data: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What LoadGen says of a performance run."""

    values: dict[str, Any]
    """All that its detailed log says, by key; the last word counts."""

    @property
    def not_met(self) -> list[str]:
        """The rules of LoadGen that the run did not meet, in words."""
        return [words for key, words in _RULES.items() if self.values.get(key) is False]

    @property
    def within_limit(self) -> bool:
        """Server: whether LoadGen's p99 kept the limit, with all questions issued."""
        return self.values.get("result_perf_constraints_met") is True and not self.overrun

    @property
    def overrun(self) -> bool:
        """Server: whether LoadGen stopped because too many questions were under way."""
        return "Too many outstanding queries" in str(self.values.get("error_runtime", ""))

    @property
    def percentiles_ms(self) -> dict[str, float]:
        """LoadGen's own p50, p90 and p99 of the full answer."""
        found = {key: _PERCENTILE.fullmatch(key) for key in self.values}
        return {f"p{match[1]}": self.values[key] / 1e6 for key, match in found.items() if match}

    @property
    def estimates_ms(self) -> dict[str, float]:
        """LoadGen's early-stopping estimates of p90 and p99, those that it gives."""
        return {name: self.values[key] / 1e6 for name, key in _ESTIMATES.items() if self.values.get(key)}

    def number(self, key: str) -> float:
        """A figure of the log.

        Raises:
            BenchmarkError: it is not there.
        """
        value = self.values.get(key)
        if not isinstance(value, int | float):
            raise BenchmarkError(f"LoadGen's log has no {key}; this version of mlcommons-loadgen is not known.")
        return float(value)


def verdict(folder: Path) -> Verdict:
    """What the detailed log says.

    Raises:
        BenchmarkError: there is none, or it has no result.
    """
    values: dict[str, Any] = {}
    for line in _lines(folder / f"{PREFIX}detail.txt"):
        if line.startswith(_DETAIL):
            try:
                entry = msgspec.json.decode(line.removeprefix(_DETAIL))
                values[entry["key"]] = entry["value"]
            except (msgspec.DecodeError, LookupError, TypeError):  # texts are written without escapes; figures are not
                continue
    if "result_validity" not in values:
        raise BenchmarkError("LoadGen left no result in its logs; is the disk full?")
    return Verdict(values)


def samples(folder: Path) -> list[Logged]:
    """All samples from LoadGen's trace. The file as a whole is no valid JSON, its lines about samples are.

    Raises:
        BenchmarkError: the trace cannot be read.
    """
    begun = []
    for line in _lines(folder / f"{PREFIX}trace.json"):
        if line.startswith('{"name":"Sample",') and '"ph":"b"' in line:
            try:
                begun.append(msgspec.json.decode(line.rstrip().rstrip(","), type=_Begun).args)
            except msgspec.DecodeError as exc:
                raise BenchmarkError(f"LoadGen's trace has a sample that cannot be read ({exc}).") from exc
    begun.sort(key=lambda item: item.sample_seq)
    return [Logged(item.sample_idx, item.issue_start_ns / 1e6, item.complete_ns / 1e6) for item in begun]


def digests(folder: Path) -> list[tuple[int, str]]:
    """Question and digest of every answer, in the order in which LoadGen issued them.

    Raises:
        BenchmarkError: the accuracy log cannot be read.
    """
    text = "\n".join(_lines(folder / f"{PREFIX}accuracy.json"))
    try:
        found = msgspec.json.decode(text, type=list[_Response])
    except msgspec.DecodeError as exc:
        raise BenchmarkError(f"LoadGen's accuracy log cannot be read ({exc}).") from exc
    return [(item.qsl_idx, item.data.lower()) for item in sorted(found, key=lambda item: item.seq_id)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError as exc:
        raise BenchmarkError(f"LoadGen left no {path.name} ({exc.strerror}); is the disk full?") from exc
