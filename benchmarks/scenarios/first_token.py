"""Time to the first token, against plain llama-cpp-python with the same prompt, file and settings. Knows two arms only.

Per question, in seeded order: Fieldmate's `ask` from the arrival of the question (search, prompt, prefill, one token),
and the yardstick's prefill and one token, twice: with its cache emptied before, and with the part in front of the
passages kept as Fieldmate keeps it, so that what reuse contributes can be seen. Three passages, all read at once, and
no kept states of passages: what these give is shown by `passage_states`, here it is the engine by itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from assistant import Assistant
from assistant.types import Answer
from benchmarks import measuring, product, prompts
from benchmarks.errors import BenchmarkError
from benchmarks.plain import PlainLlama
from benchmarks.plan import Plan, Variant
from benchmarks.prompts import Listener
from benchmarks.rows import Measurement

_LIMIT = 1.15
_LEAST = 12
_PASSAGES = 3
_ARMS = ("fieldmate", "plain", "plain, head kept")


@dataclass(slots=True)
class _Samples:
    """What was measured, question by question."""

    times: dict[str, list[float]] = field(default_factory=lambda: {arm: [] for arm in _ARMS})
    answers: list[Answer] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)
    not_generated: int = 0
    other_prompt: int = 0
    left_over: int = 0
    """Questions whose passages were there from the question before."""


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """First-token times of the arms and their ratios."""
    home = product.with_samples(plan)
    questions = [item["question"] for item in product.shuffled(plan, product.sample_questions(answerable=True))]
    order = random.Random(plan.seed)
    samples = _Samples()
    alone = variant.but(states__budget_mb=0, answering__wording="generated", answering__read_passages=_PASSAGES,
                        answering__passages=_PASSAGES)  # fmt: skip
    with prompts.listening(plan, alone, home) as (fieldmate, listener):
        plain = PlainLlama(product.model_file(plan, variant), fieldmate.settings.generator)
        try:
            fieldmate.load()
            _one(fieldmate, listener, plain, questions[0], list(_ARMS), _Samples())  # warms both
            for question in questions[1:]:
                _one(fieldmate, listener, plain, question, order.sample(_ARMS, len(_ARMS)), samples)
                if len(samples.answers) == max(plan.questions, _LEAST):
                    break
        finally:
            plain.close()
    if len(samples.answers) < _LEAST:
        raise BenchmarkError(
            f"Only {len(samples.answers)} questions gave a comparable first token; {_LEAST} are needed "
            f"({samples.not_generated} did not reach the generator, {samples.other_prompt} had another prompt, "
            f"{samples.left_over} the passages of the question before)."
        )
    yield from _results(plan, variant, samples)


def _one(
    fieldmate: Assistant, listener: Listener, plain: PlainLlama, question: str, arms: list[str], samples: _Samples
) -> None:
    prompt = prompts.prompt_of(fieldmate, listener, question)
    if prompt is None:
        samples.not_generated += 1
        return
    tokens, head = plain.tokens(prompt), plain.head(prompt)
    times: dict[str, float] = {}
    answer: Answer | None = None
    for arm in arms:
        if arm == "fieldmate":
            answer = fieldmate.answer(question)
            times[arm] = answer.timings.first_token or 0.0
        else:
            times[arm] = plain.first_token_ms(tokens, head if arm == "plain, head kept" else None)
    assert answer is not None
    if answer.timings.first_token is None:
        samples.not_generated += 1
    elif answer.usage.prompt_tokens != len(tokens):
        samples.other_prompt += 1
    elif answer.usage.reused_tokens > len(head):
        samples.left_over += 1
    else:
        samples.answers.append(answer)
        samples.heads.append(len(head))
        for arm, milliseconds in times.items():
            samples.times[arm].append(milliseconds)


def _results(plan: Plan, variant: Variant, samples: _Samples) -> Iterator[Measurement]:
    usage = [answer.usage for answer in samples.answers]
    detail = {
        "prompt_tokens": [item.prompt_tokens for item in usage],
        "reused_tokens": [item.reused_tokens for item in usage],
        "head_tokens": samples.heads,
        "retrieve_ms": [round(answer.timings.retrieve, 2) for answer in samples.answers],
        "not_generated": samples.not_generated,
        "other_prompt": samples.other_prompt,
        "left_over": samples.left_over,
    }
    times = samples.times
    for arm in _ARMS:
        yield measuring.median("first token", "ms", times[arm], plan.seed, subset=arm, detail=detail)
    target = measuring.at_most(_LIMIT) if variant.generator == plan.default_generator else None
    for arm, limit in (("plain", target), ("plain, head kept", None)):
        name = f"fieldmate / {arm}"
        yield measuring.ratio("first token", times["fieldmate"], times[arm], plan.seed, subset=name, target=limit)
    reused = [item.reused_tokens for item in usage]
    yield measuring.median("reused tokens", "tokens", reused, plan.seed, detail=detail)
    totals = [answer.timings.total for answer in samples.answers]
    yield measuring.median("whole answer", "ms", totals, plan.seed)
