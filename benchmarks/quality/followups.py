"""Questions that lean on what was said before: what the product's own memory of a conversation gains.

A conversation is held as a user would hold it: each earlier message is asked in a session and answered before the next,
then the last message is asked and its passages are looked at. Fieldmate remembers the turns that it answered, not those
that it refused, so how many it remembered is put beside the scores. The last message alone shows what there is to gain,
the message rewritten to stand alone what is possible; all messages joined are what a simple pipeline would search with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from assistant import Assistant
from assistant.types import Retrieved
from benchmarks import datasets, product
from benchmarks.datasets import Conversation, Question
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.quality import bases, pipelines
from benchmarks.quality.retrieval import Found, documents, scored
from benchmarks.rows import Measurement

_HITS = 10
"""What an answer carries; the baselines get as many."""
_ALONE, _SESSION, _JOINED, _REWRITTEN = "last turn alone", "in its session", "all turns joined", "rewritten"
_FORMS: dict[str, Callable[[Conversation], str]] = {
    _ALONE: lambda item: item.turns[-1],
    _JOINED: lambda item: " ".join(item.turns),
    _REWRITTEN: lambda item: item.rewritten,
}


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """Scores of the passages found for the last message, in each way of asking it."""
    later = [item for item in datasets.conversations(plan) if len(item.turns) > 1]
    if not later:
        raise BenchmarkError("No conversation of mtrag has an earlier turn; get the data set mtrag again.")
    asked = Random(plan.seed).sample(later, min(plan.questions, len(later)))
    _, home = bases.built(plan, "mtrag")
    with product.opened(plan, variant, home) as fieldmate:
        held, remembered = _held(fieldmate, asked)
        ways = {form: [_asked(fieldmate, item, text(item)) for item in asked] for form, text in _FORMS.items()}
        baseline = {form: [_nearest(fieldmate, item, text(item)) for item in asked] for form, text in _FORMS.items()}
    turns = sum(len(item.turns) - 1 for item in asked)
    detail = {"earlier_turns": turns, "earlier_turns_answered": remembered}
    better = ways[_REWRITTEN]
    yield from scored(plan, variant.name, _SESSION, held, against=better, over=ways[_ALONE], detail=detail)
    for form, found in ways.items():
        yield from scored(plan, variant.name, form, found, against=better if form != _REWRITTEN else ())
    if variant == plan.variants[0]:  # it has no generator: once is enough
        for form, found in baseline.items():
            yield from scored(plan, "dense only", form, found)


def _held(fieldmate: Assistant, asked: Sequence[Conversation]) -> tuple[list[Found], int]:
    """What was found for each last message in its session, and how many earlier turns were answered in all."""
    found, answered = [], 0
    for item in asked:
        for turn in item.turns[:-1]:
            answered += fieldmate.answer(turn, session=item.id).status == "answered"
        found.append(_asked(fieldmate, item, item.turns[-1], session=item.id))
        fieldmate.forget(item.id)
    return found, answered


def _asked(fieldmate: Assistant, item: Conversation, text: str, session: str | None = None) -> Found:
    """The passages of the first event; nothing is generated for it."""
    events = fieldmate.ask(text, session)
    first = next(events)
    events.close()  # type: ignore[attr-defined]  # a generator: the answer itself is not looked at
    if not isinstance(first, Retrieved):
        raise BenchmarkError("An answer began with another event than its passages.")
    return Found(_question(item, text), documents(first.hits))


def _nearest(fieldmate: Assistant, item: Conversation, text: str) -> Found:
    return Found(_question(item, text), documents(pipelines.nearest(fieldmate, text, _HITS)))


def _question(item: Conversation, text: str) -> Question:
    return Question(item.id, text, "conversation", item.relevant)
