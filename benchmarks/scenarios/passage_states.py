"""Time to the first token and to the whole answer with kept passage states, beside prefill of the same questions.

Arms are assistants over the same knowledge base in one process, which take the questions in turn: in an order without
neighbours that share a passage, those with the same instructions together, so that in every arm the instructions are
left of the question before and nothing else. Each arm has the states in which it can be: its store was emptied
("cold"), it was filled ahead ("stored"), or the same question was asked right before ("warm"). The prompts are looked
at ahead to find that order; what is timed is the public surface.

The floor is memory's: for each call of the model that is needed the weights are read once, and the state of the
prompt. Reading whole passages is bound by arithmetic, so that there the true floor is higher.

[scenario.passage_states]
curve = 30      # questions for time and word F1 by the number of repaired tokens, see `repaired`; 0: none
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from assistant import Assistant
from assistant.types import Answer
from benchmarks import bandwidth, gguf, measuring, product, prompts
from benchmarks.datasets import Question
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.prompts import Filled, Prompted
from benchmarks.quality import bases
from benchmarks.rows import Measurement, State
from benchmarks.scenarios import ceiling, repaired

FULL = "full prefill"
_THREE, _FIRST, _SPECULATED = "kept, three passages", "kept, first passage", "kept, first passage, speculation"
_PASSAGES = 3
_MEDIAN, _P90, _WHOLE = 1 / 12, 1 / 8, 0.4
"""Of full prefill, at most: first token, its p90, whole answer."""
_LEAST = 10
"""Questions that p90 can be given from."""
SHARED: dict[str, Any] = {
    "answering.wording": "generated", "answering.caution": "low", "answering.passages": _PASSAGES,
    "generator.speculate": False, "states.budget_mb": 4000,
}  # fmt: skip
"""Of all arms, unless the variant says otherwise: every question is to reach the generator."""
PREFILLED: dict[str, Any] = {"states.budget_mb": 0, "answering.read_passages": _PASSAGES}
KEPT: dict[str, Any] = {"answering.read_passages": _PASSAGES, "states.repaired_tokens": 0}


@dataclass(frozen=True, slots=True)
class _Turn:
    """What is done with one assistant when a question's turn comes: it is asked once for each state."""

    arm: str
    states: tuple[State, ...]
    calls: tuple[int, ...]
    """Of the model, until the first token, in each state."""
    settings: dict[str, Any]
    emptied: bool = False
    """Whether its store is emptied before."""


_TURNS = (
    _Turn(FULL, ("",), (_PASSAGES + 1,), PREFILLED),
    _Turn(_THREE, ("cold",), (_PASSAGES + 1,), KEPT, emptied=True),
    _Turn(_THREE, ("stored", "warm"), (1, 1), KEPT),
    _Turn(_FIRST, ("cold",), (2,), {}, emptied=True),
    _Turn(_FIRST, ("stored", "warm"), (1, 1), {}),
    _Turn(_SPECULATED, ("stored",), (1,), {"generator.speculate": True}),
)
Name = tuple[str, State]


@dataclass(slots=True)
class _Samples:
    """What was answered, question by question, and what filling took."""

    keys: list[str] = field(default_factory=list)
    answers: dict[Name, list[Answer]] = field(default_factory=dict)
    left_out: int = 0


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """First token, whole answer and stages of all arms, ratios to full prefill, space and time of the states."""
    card = ceiling.card_of(gguf.read(product.model_file(plan, variant)), ceiling.state_type())
    memory = ceiling.memory_of(plan, variant, card)
    home, questions = bases.manual(plan)
    filled, emptied = (bases.copied(plan, home, f"{name}-{variant.name}") for name in ("filled", "emptied"))
    groups, made = _ready(plan, variant, questions, filled)
    yield from _space(plan, made)
    with ExitStack() as stack:
        arms = [
            stack.enter_context(product.opened(plan, with_settings(variant, turn.settings), folder))
            for turn in _TURNS
            for folder in [emptied if turn.emptied else filled]
        ]
        samples = _asked(arms, groups, random.Random(plan.seed))
    if len(samples.keys) < _LEAST:
        raise BenchmarkError(
            f"Only {len(samples.keys)} questions reached the generator in every arm ({samples.left_out} did not); "
            f"{_LEAST} are needed: give more with --questions."
        )
    yield from _results(plan, variant, samples)
    yield from _floors(plan, samples, card, memory)
    if wanted := plan.option("passage_states", "curve", 0):
        yield from repaired.curve(plan, variant, filled, groups, wanted)


def with_settings(variant: Variant, settings: dict[str, Any]) -> Variant:
    """The variant as an arm."""
    return msgspec.structs.replace(variant, settings={**SHARED, **variant.settings, **settings})


def _ready(
    plan: Plan, variant: Variant, questions: Sequence[Question], filled: Path
) -> tuple[list[list[Prompted]], Filled]:
    """Questions that reach the generator, apart from each other, and the store in `filled` with their states.

    The first of each group only brings the instructions into the caches, and one more is asked for each.
    """
    kept = with_settings(variant, KEPT)
    with prompts.listening(plan, kept, filled) as (fieldmate, listener):
        found = prompts.prompted(fieldmate, listener, questions, max(plan.questions, _LEAST) + 2)
        made = prompts.fill(fieldmate, listener, found)
    return prompts.apart(found, plan.seed), made


def _asked(arms: Sequence[Assistant], groups: Sequence[Sequence[Prompted]], order: random.Random) -> _Samples:
    samples = _Samples(answers={(turn.arm, state): [] for turn in _TURNS for state in turn.states})
    for group in groups:
        for place, item in enumerate(group):
            found: dict[Name, Answer] = {}
            for number in order.sample(range(len(_TURNS)), len(_TURNS)):
                turn, fieldmate = _TURNS[number], arms[number]
                if turn.emptied:
                    fieldmate.clear_states()
                for state in turn.states:
                    found[turn.arm, state] = fieldmate.answer(item.question.text)
            if not place:
                continue
            if any(answer.timings.first_token is None for answer in found.values()):
                samples.left_out += 1
                continue
            samples.keys.append(item.question.id)
            for name, answer in found.items():
                samples.answers[name].append(answer)
    return samples


def _space(plan: Plan, filled: Filled) -> Iterator[Measurement]:
    if not filled.seconds:
        raise BenchmarkError("No state of a passage was kept; see `fieldmate doctor` for the reason.")
    mean = sum(filled.megabytes) / len(filled.megabytes)
    detail = {
        "1,000 states, MB": round(1000 * mean),
        "note": "a passage has a state behind each of the instructions in use: two with wording generated, else one",
    }
    yield measuring.mean("state of a passage", "MB", filled.megabytes, plan.seed, state="stored", detail=detail)
    yield measuring.median("filling, a state", "s", filled.seconds, plan.seed, state="stored")


def _results(plan: Plan, variant: Variant, samples: _Samples) -> Iterator[Measurement]:
    full = samples.answers[FULL, ""]
    aimed = variant.generator in (None, plan.default_generator)
    for (arm, state), answers in samples.answers.items():
        shared: dict[str, Any] = {"subset": arm, "state": state, "keys": samples.keys}
        detail = {
            "prompt_tokens": [one.usage.prompt_tokens for one in answers],
            "reused_tokens": [one.usage.reused_tokens for one in answers],
            "completion_tokens": [one.usage.completion_tokens for one in answers],
            "left_out": samples.left_out,
        }
        yield measuring.median("first token", "ms", first_tokens(answers), plan.seed, detail=detail, **shared)
        yield measuring.median("whole answer", "ms", wholes(answers), plan.seed, **shared)
        for stage in ("restore", "prefill", "keep", "decode"):
            taken = [one.timings.stages.get(stage, 0.0) for one in answers]
            yield measuring.median(stage, "ms", taken, plan.seed, **shared)
        if arm == FULL:
            continue
        aims = aimed and state == "stored" and arm != _SPECULATED
        for metric, values, q, limit in (
            ("first token", first_tokens, 50, _MEDIAN),
            ("first token", first_tokens, 90, _P90),
            ("whole answer", wholes, 50, _WHOLE),
        ):
            target = measuring.at_most(limit) if aims else None
            yield measuring.ratio(
                metric, values(answers), values(full), plan.seed, q=q, target=target,
                **shared | {"subset": f"{arm} / {FULL}"},
            )  # fmt: skip
    stored = samples.answers[_FIRST, "stored"]
    retrieved = [one.timings.retrieve for one in stored]
    judged = [one.timings.stages.get("judge", 0.0) for one in stored]
    yield measuring.median("retrieval", "ms", retrieved, plan.seed, keys=samples.keys)
    yield measuring.median("judging", "ms", judged, plan.seed, keys=samples.keys)


def _floors(plan: Plan, samples: _Samples, card: ceiling.Card, memory: bandwidth.Bandwidth) -> Iterator[Measurement]:
    for turn in _TURNS:
        for state, calls in zip(turn.states, turn.calls, strict=True):
            floors = [
                1000 * calls * card.bytes_at(one.usage.prompt_tokens) / (memory.best * 1e9)
                for one in samples.answers[turn.arm, state]
            ]
            detail = {"calls": calls, "gb_per_s": round(memory.best, 2)}
            yield measuring.median(
                "first token, floor", "ms", floors, plan.seed, subset=turn.arm, state=state, keys=samples.keys,
                detail=detail,
            )  # fmt: skip


def first_tokens(answers: Sequence[Answer]) -> list[float]:
    """Milliseconds from the question to the generator's first token."""
    return [one.timings.first_token or 0.0 for one in answers]


def wholes(answers: Sequence[Answer]) -> list[float]:
    """Milliseconds from the question to the end of the answer."""
    return [one.timings.total for one in answers]
