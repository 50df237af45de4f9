"""Scenarios over the public data sets: how good, not how fast."""

from __future__ import annotations

from benchmarks.entries import Entry

ENTRIES = (
    Entry(
        "retrieval", "quality.retrieval:measure", "quality",
        parts=("emanual_tv", "emanual_all", "squad2", "noiseqa", "mtrag"),
    ),
    Entry("abstention", "quality.abstention:measure", "quality", parts=("emanual", "samples", "squad2")),
    Entry("answers", "quality.answers:measure", "quality", generators=True, parts=("samples", "emanual", "squad2")),
)  # fmt: skip
