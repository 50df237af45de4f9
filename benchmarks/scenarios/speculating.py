"""Tokens written a second with guesses from the prompt and without, by how much of the text stands in the prompt.

Two generators of one model take the same prompts in turn: those of the product, and the same ones with a question that
asks for the excerpt's own words, and with one that has nothing to do with it. What was written decides where a sample
belongs: of its runs of three words the share that stands in the passages or in the question. Whether guessing pays is
learned step by step, so that long texts are shown by themselves as well. Knows the product's generator and prompts.

[scenario.speculation]
tokens = 96         # of each text, at most
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from assistant.protocols import Generator
from assistant.types import Prompt
from benchmarks import measuring, prompts
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, metrics
from benchmarks.rows import Measurement

WITH, WITHOUT = "with guesses", "without"
_COPYING = "Question: What does the first excerpt say? Repeat it word for word."
_STRAYING = "Question: Leave the excerpts aside and tell a story about a sailor, a storm and a cat."
_QUOTING, _OWN = 0.6, 0.3
"""Share of runs from which a text quotes, and below which it does not."""
_RUN = 3
_LEAST_TOKENS, _LONG_TOKENS = 8, 32
_LEAST = 5
"""Texts of a group that a median is given of."""
_FASTER, _NEVER_SLOWER = 1.4, 0.97


@dataclass(frozen=True, slots=True)
class Written:
    """One text."""

    text: str
    tokens: int
    decode_ms: float

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return 1000 * self.tokens / self.decode_ms if self.decode_ms else 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt, both ways."""

    key: str
    share: float
    ways: dict[str, Written]


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Rates, their ratio and whether the texts are the same, for texts that quote and for others."""
    most = plan.option("speculation", "tokens", 96)
    home, questions = bases.manual(plan)
    asked = variant.but(answering__wording="generated", answering__caution="low", generator__speculate=True)
    with ExitStack() as stack:
        fieldmate, listener = stack.enter_context(prompts.listening(plan, asked, home))
        plainly = asked.but(generator__speculate=False)
        _, other = stack.enter_context(prompts.listening(plan, plainly, home))
        items = prompts.prompted(fieldmate, listener, questions, plan.questions)
        generators = {WITH: listener.generator, WITHOUT: other.generator}
        pairs = list(_pairs(generators, _prompts(items), most, random.Random(plan.seed)))
    yield from _rows(plan, variant, [pair for pair in pairs if _long(pair)])


def _prompts(items: Sequence[prompts.Prompted]) -> list[tuple[str, Prompt]]:
    own = [(item.question.id, item.prompt) for item in items]
    others = (("copied", _COPYING), ("astray", _STRAYING))
    return own + [(f"{key}/{name}", replace(prompt, question=text)) for name, text in others for key, prompt in own]


def _pairs(
    generators: dict[str, Generator], asked: Sequence[tuple[str, Prompt]], most: int, order: random.Random
) -> Iterator[Pair]:
    for place, (key, prompt) in enumerate([asked[0], *order.sample(list(asked), len(asked))] if asked else []):
        ways = {name: _written(generators[name], prompt, most) for name in order.sample(list(generators), 2)}
        if place:  # the first warms
            yield Pair(key, repeated(ways[WITHOUT].text, prompt), ways)


def _written(generator: Generator, prompt: Prompt, most: int) -> Written:
    text = "".join(step.text for step in generator.generate(prompt, max_tokens=most))
    return Written(text, generator.usage.completion_tokens, generator.stages.get("decode", 0.0))


def repeated(text: str, prompt: Prompt) -> float:
    """Of the runs of three words in a text, the share that stands in the passages or in the question."""
    known = {run for part in (*prompt.passages, prompt.question) for run in _runs(part)}
    runs = _runs(text)
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


def _runs(text: str) -> list[tuple[str, ...]]:
    words = metrics.words(text)
    return [tuple(words[place : place + _RUN]) for place in range(len(words) - _RUN + 1)]


def _long(pair: Pair) -> bool:
    return all(way.tokens >= _LEAST_TOKENS and way.decode_ms for way in pair.ways.values())


def _rows(plan: Plan, variant: Variant, pairs: Sequence[Pair]) -> Iterator[Measurement]:
    aimed = variant.generator in (None, plan.default_generator)
    groups = {
        "quoting": ([pair for pair in pairs if pair.share >= _QUOTING], _FASTER),
        f"quoting, {_LONG_TOKENS} tokens or more": (
            [pair for pair in pairs if pair.share >= _QUOTING and pair.ways[WITHOUT].tokens >= _LONG_TOKENS],
            None,
        ),
        "own words": ([pair for pair in pairs if pair.share < _OWN], _NEVER_SLOWER),
        "in between": ([pair for pair in pairs if _OWN <= pair.share < _QUOTING], None),
    }
    if all(len(group) < _LEAST for group, _ in groups.values()):
        raise BenchmarkError(f"Only {len(pairs)} texts had {_LEAST_TOKENS} tokens; give more with --questions.")
    for name, (group, limit) in groups.items():
        if len(group) < _LEAST:
            continue
        keys = [pair.key for pair in group]
        shared: dict[str, Any] = {"subset": name, "keys": keys}
        detail = {
            "tokens": [pair.ways[WITHOUT].tokens for pair in group],
            "share_of_runs": [round(pair.share, 3) for pair in group],
        }
        rates = {way: [pair.ways[way].rate for pair in group] for way in (WITH, WITHOUT)}
        for way, values in rates.items():
            yield measuring.median(
                "decode", "tokens/s", values, plan.seed, **shared | {"subset": f"{name}, {way}"}, detail=detail
            )
        yield measuring.ratio(
            "decode", rates[WITH], rates[WITHOUT], plan.seed, **shared | {"subset": f"{name}, {WITH} / {WITHOUT}"},
            target=measuring.at_least(limit) if limit and aimed else None,
        )  # fmt: skip
        same = [float(pair.ways[WITH].text == pair.ways[WITHOUT].text) for pair in group]
        yield measuring.mean("same text", "share", same, plan.seed, **shared, target=measuring.at_least(1.0))
