"""Scenarios whose questions MLPerf LoadGen issues."""

from __future__ import annotations

from benchmarks.entries import Entry

ENTRIES: tuple[Entry, ...] = ()
