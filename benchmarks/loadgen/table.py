"""Scenarios whose questions MLPerf LoadGen issues."""

from __future__ import annotations

from benchmarks.entries import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry("single_stream", "loadgen.single_stream:measure", "run", generators=True),
    Entry("server", "loadgen.server:measure", "run", generators=True),
    Entry("offline", "loadgen.offline:measure", "run", generators=True),
    Entry("overhead", "loadgen.overhead:measure", "run"),
)
