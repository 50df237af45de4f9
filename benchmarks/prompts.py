"""The prompts that Fieldmate gives its generator, taken down by something that stands in front of it.

Knows the parts of an assistant, since the public surface shows no prompt. What passes through is not changed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.types import Generated, Prompt, Usage
from benchmarks import product
from benchmarks.datasets import Question
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant

if TYPE_CHECKING:
    from assistant import Assistant
    from assistant.protocols import Generator


class Listener:
    """A generator that hands everything on and remembers the prompts; while `mute`, nothing is written."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.prompts: list[Prompt] = []
        self.mute = False

    @property
    def model(self) -> str:
        """Catalogue id of what is loaded."""
        return self.generator.model

    @property
    def context_tokens(self) -> int:
        """Room for prompt and completion together, in tokens."""
        return self.generator.context_tokens

    @property
    def usage(self) -> Usage:
        """Tokens of the latest `generate`, as far as it has run."""
        return self.generator.usage

    @property
    def stages(self) -> Mapping[str, float]:
        """Milliseconds of the latest `generate` by stage."""
        return self.generator.stages

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens that `prompt` takes, the template's own included."""
        return self.generator.count_tokens(prompt)

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[Generated]:
        """Remember the prompt and hand it on."""
        self.prompts.append(prompt)
        if self.mute:
            return iter(())
        return self.generator.generate(prompt, max_tokens=max_tokens, temperature=temperature, cancelled=cancelled)

    def close(self) -> None:
        """Free what is held."""
        self.generator.close()


@contextmanager
def listening(plan: Plan, variant: Variant, home: Path) -> Iterator[tuple[Assistant, Listener]]:
    """An assistant of this variant over the knowledge base in `home`, with a listener in front of its generator."""
    from assistant import Assistant
    from assistant.wiring import Parts

    parts = Parts(product.settings(plan, variant, home))
    with Assistant(parts) as fieldmate:
        listener = Listener(parts.generator)
        parts.generator = listener
        yield fieldmate, listener


def prompt_of(fieldmate: Assistant, listener: Listener, question: str) -> Prompt | None:
    """The first prompt that answering `question` makes, without any of it being run; None where it makes none."""
    listener.prompts.clear()
    listener.mute = True
    try:
        fieldmate.answer(question)
    finally:
        listener.mute = False
    return listener.prompts[0] if listener.prompts else None


@dataclass(frozen=True, slots=True)
class Prompted:
    """A question for which the generator is given passages."""

    question: Question
    prompt: Prompt


def prompted(
    fieldmate: Assistant, listener: Listener, questions: Iterable[Question], most: int | None = None
) -> list[Prompted]:
    """The questions for which the generator is given whole passages, until there are so many of them.

    Facts are worded from sentences that stand with the question: no state could serve them.
    """
    found: list[Prompted] = []
    for question in questions:
        if most is not None and len(found) >= most:
            break
        prompt = prompt_of(fieldmate, listener, question.text)
        if prompt is not None and prompt.passages:
            found.append(Prompted(question, prompt))
    return found


@dataclass(slots=True)
class Filled:
    """What computing states ahead took, of each that was not there."""

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


def fill(fieldmate: Assistant, listener: Listener, items: Sequence[Prompted]) -> Filled:
    """Have the states of the passages of these prompts, each computed as `Assistant.warming` does.

    That takes documents, and would compute whole manuals here.

    Raises:
        BenchmarkError: the generator keeps no states, or there is no room for them.
    """
    from assistant.protocols import StatefulGenerator

    generator = listener.generator
    if not isinstance(generator, StatefulGenerator) or generator.stateful:
        raise BenchmarkError(f"{generator.model} keeps no states of passages; leave out what needs them.")
    made, front = Filled(), ""
    wanted = sorted({(item.prompt.instructions, passage) for item in items for passage in item.prompt.passages})
    for instructions, passage in wanted:
        size, began = _bytes(fieldmate), time.perf_counter()
        if not generator.warm(instructions, passage):
            raise BenchmarkError("The state of a passage was not kept; `fieldmate doctor` says why.")
        taken, grown = time.perf_counter() - began, _bytes(fieldmate) - size
        if grown and instructions == front:  # else the instructions are computed and kept as well
            made.seconds.append(taken)
            made.megabytes.append(grown / 1e6)
        front = instructions
    return made


def _bytes(fieldmate: Assistant) -> int:
    usage = fieldmate.states()
    return usage.bytes if usage is not None else 0


def apart(items: Sequence[Prompted], seed: int) -> list[list[Prompted]]:
    """The questions by what stands in front of their passages, each group in an order without neighbours that share
    a passage, so that nothing but the instructions is left of the question before; a few may be left out.
    """
    order = random.Random(seed).sample(list(items), len(items))
    return [
        _without_neighbours([item for item in order if item.prompt.instructions == front])
        for front in dict.fromkeys(item.prompt.instructions for item in order)
    ]


def _without_neighbours(waiting: list[Prompted]) -> list[Prompted]:
    placed: list[Prompted] = []
    while waiting:
        before = set(placed[-1].prompt.passages) if placed else set()
        place = next((i for i, one in enumerate(waiting) if before.isdisjoint(one.prompt.passages)), None)
        if place is None:
            break
        placed.append(waiting.pop(place))
    return placed
