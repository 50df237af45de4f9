"""Answers from kept passage states beside answers from full prefill, over the same questions. Knows arms and scores.

"Full prefill" reads three passages for each question and keeps nothing; the others take the passages from a store that
was filled ahead: three at once, the first exact and the others computed behind the instructions alone, and the
product's own way, the first passage alone and all only if that yields no answer. The arms take turns.

[scenario.states_quality]
notes = "FILE"      # for a long run: what was found is kept there
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from assistant import Assistant
from benchmarks import measuring, product, prompts
from benchmarks.datasets import Question
from benchmarks.notes import Notes, origin
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, citations, metrics, pipelines
from benchmarks.quality.scoring import Asked, Sheet
from benchmarks.rows import Measurement

FULL, THREE, DEFAULT = "full prefill", "kept, three passages", "kept, first passage"
_SHARED: dict[str, Any] = {
    "answering.wording": "generated", "answering.caution": "low", "answering.passages": 3, "states.budget_mb": 4000,
}  # fmt: skip
"""Of all arms, unless the variant says otherwise."""
_ARMS: dict[str, dict[str, Any]] = {
    FULL: {"states.budget_mb": 0, "answering.read_passages": 3},
    THREE: {"answering.read_passages": 3, "states.repaired_tokens": 0},
    DEFAULT: {},
}
_SCORES: dict[str, tuple[str, float | None]] = {
    "word F1": ("score", -1.0), "refused": ("share", None), "generated": ("share", None),
    "right place cited": ("score", -1.0), "citation in right place": ("score", -1.0),
}  # fmt: skip
"""Figure -> its unit, and by how many points a kept state may be worse than full prefill."""
_REFUSED_MORE = 1.0
"""Points, at most."""


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one question."""

    arms: dict[str, dict[str, float | None]]


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """The scores of each arm, and the differences to full prefill."""
    home, questions = _questions(plan, part)
    notes = Notes(plan.option("states_quality", "notes", ""), origin(plan, variant), Scores)
    home = bases.copied(plan, home, f"quality-{variant.name}")
    order = random.Random(plan.seed)
    waiting = [question for question in questions if question.id not in notes.found]
    with prompts.listening(plan, _arm(variant, THREE), home) as (fieldmate, listener):
        prompts.fill(fieldmate, listener, prompts.prompted(fieldmate, listener, waiting))
    with ExitStack() as stack:
        opened = {name: stack.enter_context(product.opened(plan, _arm(variant, name), home)) for name in _ARMS}
        for question in waiting:
            turn = order.sample(list(opened), len(opened))
            notes.add(question.id, Scores({name: _scored(name, opened[name], question) for name in turn}))
    yield from _rows(plan, [(one.id, notes.found[one.id]) for one in questions])


def _arm(variant: Variant, name: str) -> Variant:
    return msgspec.structs.replace(variant, settings={**_SHARED, **variant.settings, **_ARMS[name]})


def _questions(plan: Plan, part: str) -> tuple[Path, list[Question]]:
    if part == "samples":
        home, questions = product.with_samples(plan), bases.of_kind(bases.samples(), "answerable")
    else:
        data, home = bases.built(plan, "emanual_all")
        questions = list(data.questions)
    return home, bases.some(questions, plan.limit, plan.seed)


def _scored(name: str, fieldmate: Assistant, question: Question) -> dict[str, float | None]:
    reply = pipelines.Fieldmate(name, fieldmate).ask(question.text)
    asked = Asked(question, reply)
    return {
        "word F1": metrics.word_f1(reply.answer, question.answers),
        "refused": float(reply.refused),
        "generated": float(reply.outcome == "generated"),
        "right place cited": citations.recall(asked),
        "citation in right place": citations.precision(asked),
        "milliseconds": reply.milliseconds,
    }


def _rows(plan: Plan, found: Sequence[tuple[str, Scores]]) -> Iterator[Measurement]:
    keys = [key for key, _ in found]
    for arm in _ARMS:
        sheet = Sheet(plan.seed, "", arm)
        for metric, (unit, _) in _SCORES.items():
            yield from sheet.mean(metric, keys, [each.arms[arm][metric] for _, each in found], unit=unit)
        taken = [float(each.arms[arm]["milliseconds"] or 0.0) for _, each in found]
        yield measuring.median("whole answer", "ms", taken, plan.seed, keys=keys, subset=arm)
    for arm in (THREE, DEFAULT):
        for metric, (_, worse) in _SCORES.items():
            pairs = [(key, each.arms[arm][metric], each.arms[FULL][metric]) for key, each in found]
            both = [(key, 100 * (one - other)) for key, one, other in pairs if one is not None and other is not None]
            if not both:
                continue
            target = measuring.at_least(worse) if worse is not None else None
            if metric == "refused":
                target = measuring.at_most(_REFUSED_MORE)
            yield measuring.mean(
                f"{metric}, difference", "points", [points for _, points in both], plan.seed,
                keys=[key for key, _ in both], subset=f"{arm} - {FULL}", target=target,
            )  # fmt: skip
