"""How far to trust an answer: evidence strength before a token is spent, confidence after. Pure but for one data file.

A question is refused where the evidence is too weak to begin with, or where what was found to say is likely wrong.
The numbers are logistic regressions fitted on labelled questions by `python -m benchmarks calibrate` and kept, with
what they were fitted on and the error rates they gave, in `calibration.toml` beside this module.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal

import msgspec

Caution = Literal["low", "normal", "high"]
CAUTIONS: tuple[Caution, ...] = ("low", "normal", "high")
VERSION = 3
"""Of the file's form."""


class Regression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A logistic regression."""

    bias: float
    weights: dict[str, float]

    def __call__(self, values: Mapping[str, float]) -> float:
        """The probability that these values give, 0 to 1."""
        value = self.bias + sum(weight * values[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, value))))


class ReadOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of one set of questions the choice of stretches was fitted on."""

    documents: str
    questions: int
    """That want an explanation."""
    sentences: int
    belonging: int
    """Sentences that belong to a right answer."""


class Stretches(Regression, frozen=True, forbid_unknown_fields=True):
    """The regression that explanations are chosen by, with what it was fitted on."""

    fitted: list[ReadOf]


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often questions of one kind were refused, by threshold or floor, of those that nothing was fitted on."""

    documents: str
    questions: str
    answerable: bool
    fitted: int
    """Questions that the file was fitted on."""
    held_out: int
    """Questions that the rates are of."""
    rates: dict[Caution, float]


class Calibrated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the numbers rest on."""

    date: str
    embedder: str
    """Fingerprint of the embedder: another one gives other similarities."""
    generator: str
    """What wrote the answers that confidence was fitted on."""
    seed: int
    ece: float
    """Expected calibration error of confidence in answers, in ten bins, of held-out questions."""
    ece_interval: list[float]
    answers: int
    """Held-out answers that `ece` is of."""
    right: float
    """Share of them that were right."""
    refused: list[Refused]


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of `calibration.toml`."""

    version: int
    thresholds: dict[Caution, float]
    """Least evidence strength at which a question is answered, by caution."""
    floors: dict[Caution, float]
    """Least confidence at which an answer is shown, by caution."""
    evidence: Regression
    """Over `assistant.answering.signals`; positive: the passages hold the answer."""
    answer: Regression
    """Over `outcome`; positive: what was answered is right."""
    stretch: Stretches
    """Over `assistant.answering.stretch`; positive: a sentence belongs to the explanation."""
    measured: Calibrated


@lru_cache(maxsize=1)
def calibration() -> Calibration:
    """The calibration that ships with this version."""
    return parsed(resources.files(__package__).joinpath("calibration.toml").read_text("utf-8"))


def parsed(text: str) -> Calibration:
    """The calibration that a file of this text holds.

    Raises:
        ValueError: it is none.
    """
    return msgspec.convert(tomllib.loads(text), Calibration)


def strength(signals: Mapping[str, float]) -> float:
    """Estimated probability that the passages hold an answer, 0 to 1; 0 without signals, which no hits give."""
    return calibration().evidence(signals) if signals else 0.0


def threshold(caution: Caution | None) -> float:
    """Least strength at which a question is answered; None: whatever was found, which only calibrating asks for."""
    return calibration().thresholds[caution] if caution is not None else 0.0


def floor(caution: Caution | None) -> float:
    """Least confidence at which an answer is shown; None: see `threshold`."""
    return calibration().floors[caution] if caution is not None else 0.0


def outcome(
    evidence_strength: float, support: Sequence[float], logprobs: Sequence[float], *, generated: bool
) -> dict[str, float]:
    """What says whether an answer is right, once it is there.

    Args:
        evidence_strength: see `strength`.
        support: how well what each sentence cites supports it, or for a quotation fits the question.
        logprobs: of the tokens that a generator wrote, where it tells them.
        generated: whether a generator wrote it; else it is a quotation.
    """
    doubt = -sum(logprobs) / len(logprobs) if logprobs else 0.0
    mean = sum(support) / len(support) if support else 0.0
    return {
        "strength": evidence_strength,
        "support": mean,
        "generated": float(generated),
        "doubt": min(1.0, doubt) if generated else 0.0,
    }


def confidence(outcome: Mapping[str, float]) -> float:
    """Probability that an answer is right: that its passages are the right ones, and that they say what it says."""
    return calibration().answer(outcome)


def table(numbers: Calibration) -> str:
    """How often each caution refuses, as a Markdown table: what `--caution` trades."""
    lines = ["| questions | to | low | normal | high |", "| --- | --- | --- | --- | --- |"]
    for one in sorted(numbers.measured.refused, key=lambda one: not one.answerable):
        name = f"{one.questions} ({'answerable' if one.answerable else 'not answerable'}, {one.held_out})"
        rates = " | ".join(f"{one.rates[caution]:.0%}" for caution in CAUTIONS)
        lines.append(f"| {name} | {one.documents} | {rates} |")
    return "\n".join(lines)
