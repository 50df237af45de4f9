"""Scenarios that measure other software beside Fieldmate."""

from __future__ import annotations

from benchmarks.entries import Entry

PIPELINES = ("langchain", "llamaindex", "txtai")

ENTRIES = (
    Entry("peer_ingest", "scenarios.peer_ingest:measure", "peers"),
    Entry("pipelines", "peers.compared:measure", "peers", generators=True, parts=PIPELINES),
)
