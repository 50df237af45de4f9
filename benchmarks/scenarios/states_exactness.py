"""Whether a kept state gives the very text that reading the passage gives, at temperature 0; one passage a question.

Four ways to the same prompt: Fieldmate's generator, which takes instructions and passage from the store; and plain
llama-cpp-python, which computes the same pieces in calls of their own, all in one batch, and in batches of another
size. How the rows of a matrix are put together changes the last bits of a float, and now and then a token; so the two
plain ways that cut the prompt differently are the yardstick for what differs from one batch.

Texts are compared, not shown. Knows the product's generator and prompts.

[scenario.states_exactness]
tokens = 40         # of each text, at most
batch = 128
notes = "FILE"      # for a long run: what was found is kept there
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path

import msgspec

from assistant.protocols import Generator
from assistant.settings import GeneratorSettings
from assistant.types import Prompt
from benchmarks import measuring, product, prompts
from benchmarks.errors import BenchmarkError
from benchmarks.notes import Notes, origin
from benchmarks.plain import PlainLlama
from benchmarks.plan import Plan, Variant
from benchmarks.prompts import Prompted
from benchmarks.quality import bases
from benchmarks.rows import Measurement

KEPT, PIECES, ONE = "kept", "same pieces", "one batch"
_ELSEWHERE = Prompt("Elsewhere.", (), "Nothing?")
"""Takes instructions and passage out of the live cache, so that both come from the store."""


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one question."""

    texts: dict[str, str]
    """Way -> digest of the text."""
    tokens: int
    """That the generator wrote."""


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Share of questions whose text is the same, for each pair of ways."""
    most = plan.option("states_exactness", "tokens", 40)
    batch = plan.option("states_exactness", "batch", 128)
    kept = variant.but(
        answering__wording="generated", answering__caution="low", answering__passages=1, states__budget_mb=4000,
        generator__speculate=False,
    )  # fmt: skip
    notes = Notes(plan.option("states_exactness", "notes", ""), origin(plan, kept), Found)
    home, questions = bases.manual(plan)
    home = bases.copied(plan, home, f"exact-{variant.name}")
    with prompts.listening(plan, kept, home) as (fieldmate, listener):
        items = prompts.prompted(fieldmate, listener, questions, plan.questions)
        waiting = [item for item in items if item.question.id not in notes.found]
        prompts.fill(fieldmate, listener, waiting)
        with ExitStack() as stack:
            model, settings = product.model_file(plan, variant), fieldmate.settings.generator
            plains = {
                name: _opened(stack, model, settings, size)
                for name, size in ((ONE, settings.context_tokens), (_batches(batch), batch))
            }
            for item in waiting:
                notes.add(item.question.id, _found(listener.generator, plains, item, most))
    found = {item.question.id: notes.found[item.question.id] for item in items}
    yield from _rows(plan, found, _batches(batch))


def _batches(size: int) -> str:
    return f"batches of {size}"


def _opened(stack: ExitStack, model: Path, settings: GeneratorSettings, batch: int) -> PlainLlama:
    plain = PlainLlama(model, settings, batch_tokens=batch, writing=settings.decode_threads)
    stack.callback(plain.close)
    return plain


def _found(generator: Generator, plains: Mapping[str, PlainLlama], item: Prompted, most: int) -> Found:
    prompt = item.prompt
    texts = {}
    for name, plain in plains.items():
        texts[name] = plain.written([plain.tokens(prompt)], most)
    pieces = plains[ONE].pieces(prompt)
    texts[PIECES] = plains[ONE].written(pieces, most)
    _text(generator, _ELSEWHERE, 1)
    texts[KEPT] = _text(generator, prompt, most)
    if generator.usage.reused_tokens != sum(map(len, pieces[:-1])):
        raise BenchmarkError(
            f"Of {sum(map(len, pieces[:-1]))} tokens in front of a question {generator.usage.reused_tokens} came from "
            "the store: what was compared would not be kept states."
        )
    return Found({name: _digest(text) for name, text in texts.items()}, generator.usage.completion_tokens)


def _text(generator: Generator, prompt: Prompt, most: int) -> str:
    return "".join(step.text for step in generator.generate(prompt, max_tokens=most))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _rows(plan: Plan, found: Mapping[str, Found], batches: str) -> Iterator[Measurement]:
    keys = list(found)
    if not keys:
        raise BenchmarkError("No question reached the generator; try another model.")

    def same(one: str, other: str) -> list[float]:
        return [float(each.texts[one] == each.texts[other]) for each in found.values()]

    detail = {"tokens": [each.tokens for each in found.values()]}
    for one, other in combinations((KEPT, PIECES, ONE, batches), 2):
        target = measuring.at_least(1.0) if (one, other) == (KEPT, PIECES) else None
        yield measuring.mean(
            "same text", "share", same(one, other), plan.seed, subset=f"{one} = {other}", keys=keys, detail=detail,
            target=target,
        )  # fmt: skip
    apart = _points(same(KEPT, ONE), same(batches, ONE))
    yield measuring.mean(
        "same text as one batch, more often", "points", apart, plan.seed, subset=f"{KEPT} - {batches}", keys=keys,
        target=measuring.at_least(0.0),
    )  # fmt: skip


def _points(ones: Sequence[float], others: Sequence[float]) -> list[float]:
    return [100 * (one - other) for one, other in zip(ones, others, strict=True)]
