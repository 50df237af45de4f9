"""Scenarios over the public data sets: how good, not how fast."""

from __future__ import annotations

from benchmarks.entries import Entry

ENTRIES = (
    Entry(
        "retrieval", "quality.retrieval:measure", "quality",
        parts=("emanual_tv", "emanual_all", "squad2", "noiseqa", "mtrag"),
    ),
    Entry("languages", "quality.retrieval:languages", "quality", parts=("xquad",)),
    Entry("ranking", "quality.retrieval:ranking", "quality", parts=("vaswani",)),
    Entry("guides", "quality.retrieval:guides", "quality", parts=("myfixit",)),
    Entry("abstention", "quality.abstention:measure", "quality", parts=("emanual", "samples", "squad2", "clinc150")),
    Entry(
        "answers", "quality.answers:measure", "quality", generators=True,
        parts=("samples", "emanual", "squad2", "noiseqa"),
    ),
    Entry(
        "states_quality", "quality.kept_states:measure", "quality", generators=True, parts=("samples", "emanual"),
    ),
    Entry("noise", "quality.noise:measure", "quality", generators=True, parts=("rgb",)),
    Entry("followups", "quality.followups:measure", "quality", generators=True, parts=("mtrag",)),
    Entry("injection", "quality.injection:measure", "quality", generators=True, parts=("bipia", "squad2")),
    Entry("scope", "quality.scope:measure", "quality", generators=True, parts=("clinc150",)),
)  # fmt: skip
