"""Measures generators on the device's runtime, each step in a process of its own, speeds interleaved.

Knows the order of measurements and what a row holds; knows neither how artifacts are made nor which of them are good
enough.
"""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.environments import Progress
from export.files import sha256_of
from export.measure import children, generator_windows

TIMED = ("speed",)
SPEEDS = ("load", "prefill_rate", "decode_rate", "peak_memory")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, the same for every variant."""

    text: Path
    """UTF-8 text for perplexity and prompts."""
    text_name: str
    """What the report calls it."""
    scratch: Path
    progress: Progress
    windows: int = 32
    window: int = 512
    """Tokens; the second half of each window is scored."""
    rounds: int = 5
    """Interleaved measurements of speed."""
    prompt_tokens: int = 512
    new_tokens: int = 64
    context: int = 2048
    """Context of the engine when speed and memory are measured: the device settings' default."""
    threads: int = 2
    kept_bytes: int = 800_000_000
    """Room for the reference's distributions."""
    debug: bool = False

    @property
    def scored(self) -> int:
        """Tokens of a window that count."""
        return self.window // 2

    @property
    def windows_file(self) -> Path:
        """The chosen windows."""
        return self.scratch / "windows.json"

    @property
    def distributions(self) -> Path:
        """The reference's logarithms of probabilities."""
        return self.scratch / "distributions.npy"

    def ask(self, action: str, **request: Any) -> dict[str, Any]:
        """Run one measurement in its own process."""
        return children.run({"action": action, **request}, self.scratch, debug=self.debug, patient=action not in TIMED)


@dataclass(frozen=True, slots=True)
class Variant:
    """One artifact to measure."""

    id: str
    type: str
    format: str
    model: Path


def choose_windows(plan: Plan, tokenizer: Path) -> dict[str, Any]:
    """Choose the windows by the model's own tokenizer and return what a report says of the text.

    `tokenizer` is a GGUF file or a tokenizer.json.
    """
    chosen = plan.ask(
        "tokens", tokenizer=os.fspath(tokenizer), text=os.fspath(plan.text), windows=os.fspath(plan.windows_file),
        count=plan.windows, window=plan.window, room=plan.kept_bytes, threads=plan.threads,
    )  # fmt: skip
    return {
        "text": plan.text_name,
        "text_sha256": sha256_of(plan.text),
        "window": plan.window,
        "windows": chosen["windows"],
        "tokens": chosen["windows"] * chosen["scored"],
        "compared_tokens": chosen["compared"] * chosen["scored"],
    }


def quality(plan: Plan, variant: Variant) -> dict[str, Any]:
    """Return perplexity and distance of one variant; the first one measured without a reference becomes it."""
    plan.progress(f"Reading {plan.text_name} with {variant.id} …")
    return plan.ask(
        "quality", model=os.fspath(variant.model), format=variant.format, windows=os.fspath(plan.windows_file),
        distributions=os.fspath(plan.distributions), threads=plan.threads,
    )  # fmt: skip


def compared(measured: Mapping[str, Any], baseline: Sequence[float], scored: int) -> dict[str, Any]:
    """Return the columns of quality of a row, given what was measured and the float16 file's surprise by window."""
    rise, margin = generator_windows.increase(measured["nll"], baseline, scored)
    return {
        "perplexity": generator_windows.perplexity(measured["nll"], scored),
        "perplexity_increase": rise,
        "perplexity_margin": margin,
        "kl": measured["kl"],
        "kl_99": measured["kl_99"],
        "agreement": measured["agreement"],
    }


def speeds(plan: Plan, variants: Sequence[Variant]) -> dict[str, dict[str, Any]]:
    """Return the medians of all rounds by variant; one variant after the other in each round, in turning order.

    Whatever else the machine does then falls on all of them alike.
    """
    samples: dict[str, list[dict[str, Any]]] = {variant.id: [] for variant in variants}
    for number in range(plan.rounds):
        plan.progress(f"Measuring speed, round {number + 1} of {plan.rounds} …")
        for variant in [*variants[number % len(variants) :], *variants[: number % len(variants)]]:
            samples[variant.id].append(
                plan.ask(
                    "speed",
                    model=os.fspath(variant.model),
                    format=variant.format,
                    text=os.fspath(plan.text),
                    prompt_tokens=plan.prompt_tokens,
                    new_tokens=plan.new_tokens,
                    context=plan.context,
                    threads=plan.threads,
                )
            )
    return {ident: summary(rounds) for ident, rounds in samples.items()}


def summary(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the medians of the rounds, and the rounds themselves."""
    found: dict[str, Any] = {"prompt_tokens": rounds[0]["prompt_tokens"], "new_tokens": rounds[0]["new_tokens"]}
    for name in SPEEDS:
        values = [each[name] for each in rounds if each[name] is not None]
        found[name] = statistics.median(values) if values else None
    return {**found, "samples": {name: [each[name] for each in rounds] for name in SPEEDS}}
