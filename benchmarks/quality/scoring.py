"""Scores of replies become measurements: one sample a question, with the question's id as its key.

Knows replies and metrics; no data set and no pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import measuring
from benchmarks.datasets import Question
from benchmarks.quality.pipelines import Reply
from benchmarks.rows import Measurement
from benchmarks.statistics import mean_interval


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what came back for it."""

    question: Question
    reply: Reply


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where scores belong: all of one variant and one group of questions."""

    seed: int
    variant: str
    subset: str

    def mean(
        self, metric: str, keys: Sequence[str], values: Sequence[float | None], *, unit: str = "score", **more: Any
    ) -> list[Measurement]:
        """The mean over the questions that have a value; nothing when none has.

        `unit` is "score" where more is better, and "share" where a figure says how often without saying whether that
        is good.
        """
        kept = [(key, float(value)) for key, value in zip(keys, values, strict=True) if value is not None]
        if not kept:
            return []
        detail = dict(more.pop("detail", {}))
        if len(kept) < len(values):
            detail["left_out"] = len(values) - len(kept)
        return [
            measuring.mean(
                metric, unit, [value for _, value in kept], self.seed, keys=[key for key, _ in kept],
                variant=self.variant, subset=self.subset, detail=detail, **more,
            )
        ]  # fmt: skip


def lost(seed: int, keys: Sequence[str], values: Sequence[float], better: Mapping[str, float]) -> dict[str, Any]:
    """By how much the same questions in a better form score higher, with the interval of the paired difference.

    Args:
        seed: of the bootstrap.
        keys: the questions.
        values: their scores in this form.
        better: scores in the better form by question; those that are missing there are passed over.
    """
    differences = [better[key] - value for key, value in zip(keys, values, strict=True) if key in better]
    if not differences:
        return {}
    low, high = mean_interval(differences, seed)
    mean = sum(differences) / len(differences)
    return {"lost": round(mean, 4), "lost_interval": [round(low, 4), round(high, 4)], "lost_pairs": len(differences)}
