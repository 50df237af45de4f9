"""Scenarios that measure other software beside Fieldmate."""

from __future__ import annotations

from benchmarks.entries import Entry

ENTRIES = (Entry("peer_ingest", "scenarios.peer_ingest:measure", "peers"),)
