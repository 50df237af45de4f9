"""Scenarios of the product by itself: whole processes, searching, adding, growing."""

from __future__ import annotations

from benchmarks.entries import Entry

ENTRIES = (
    Entry("ceiling", "scenarios.ceiling:measure", "run", generators=True),
    Entry("help", "scenarios.help_text:measure", "run"),
    Entry("retrieve", "scenarios.retrieve:measure", "run"),
    Entry("ingest", "scenarios.ingest:measure", "run"),
    Entry("ask_memory", "scenarios.ask_memory:measure", "run", generators=True),
    Entry("cold_start", "scenarios.cold_start:measure", "run", generators=True),
    Entry("long_lived", "scenarios.long_lived:measure", "growth", generators=True),
    Entry("weights", "scenarios.weights:measure", "run", generators=True),
    Entry("first_token", "scenarios.first_token:measure", "run", generators=True),
    Entry("passage_states", "scenarios.passage_states:measure", "run", generators=True),
    Entry("states_exactness", "scenarios.states_exactness:measure", "run", generators=True),
    Entry("speculation", "scenarios.speculating:measure", "run", generators=True),
    Entry("cancel", "scenarios.cancelling:measure", "run", generators=True),
    Entry("state_budget", "scenarios.state_budget:measure", "growth", generators=True),
    Entry("typing", "scenarios.typing_ahead:measure", "run", generators=True),
    Entry("growth", "scenarios.growth:measure", "growth", parts=("ingest", "search")),
    Entry("upkeep", "scenarios.upkeep:measure", "growth", parts=("sync", "remove", "open")),
    Entry("large_pdf", "scenarios.large_pdf:measure", "growth"),
    Entry("voice_turn", "", "run", waits_for="the voice loop: from the end of speech to the first audible sample"),
)
