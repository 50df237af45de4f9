"""Computes states of passages before a question needs them; see `assistant.engines.llama_cache`.

Knows all parts of an assistant. What is asked for most comes first, then what was added last: a manual that has just
come is the one that questions are about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from assistant.answering.prompt import render
from assistant.errors import UsageError
from assistant.protocols import Cancelled, StatefulGenerator
from assistant.types import Warming

if TYPE_CHECKING:
    from assistant.states.store import FileStates
    from assistant.store.vectors import Ids
    from assistant.wiring import Parts

_AT_ONCE = 200
"""Passages that are read from the knowledge base together."""


def warming(parts: Parts, allowed: Ids | None, cancelled: Cancelled) -> Iterator[Warming]:
    """See `Assistant.warming`."""
    generator, store = _able(parts)
    wanted = _wanted(parts, generator, allowed, cancelled)
    order = sorted(wanted, key=lambda one: (-store.asked(one.key), -one.id))
    kept = there = size = 0
    before = store.usage().bytes if order else 0
    for done, one in enumerate(order, 1):
        if cancelled():
            return
        full = False
        if store.holds(one.key):
            there += 1
        elif (passage := parts.store(create=False).passage([one.id]).get(one.id)) is not None:
            if generator.warm(one.instructions, render(passage), cancelled):
                kept += 1
                size += max(0, store.usage().bytes - before)
            elif cancelled():
                return
            else:
                full = True
            before = store.usage().bytes
        yield Warming(done, len(order), kept, there, size, full)
        if full:
            return


class _Wanted(NamedTuple):
    """A state that may be asked for."""

    id: int
    """Number of the passage."""
    instructions: str
    """What stands in front of it."""
    key: str
    """What the state is kept under."""


def _able(parts: Parts) -> tuple[StatefulGenerator, FileStates]:
    if not parts.answerer.instructions():
        raise UsageError(
            "Answers are quoted here, without a generator, so that there is nothing to compute ahead; choose another "
            "with --generator, or set answering.wording to generated."
        )
    store, generator = parts.states, parts.generator
    if store is None:
        raise UsageError(
            "The settings or the disk give passage states no room; set states.budget_mb to the megabytes they may take."
        )
    if not isinstance(generator, StatefulGenerator) or generator.stateful:
        why = generator.stateful if isinstance(generator, StatefulGenerator) else "its engine has no way to"
        raise UsageError(
            f"{generator.model} keeps no states of passages ({why}) and reads them for each question; choose another "
            "with --generator."
        )
    return generator, store


def _wanted(parts: Parts, generator: StatefulGenerator, allowed: Ids | None, cancelled: Cancelled) -> list[_Wanted]:
    store, fronts = parts.store(create=False), parts.answerer.instructions()
    ids = store.passage_ids() if allowed is None else [int(id) for id in allowed]
    wanted: list[_Wanted] = []
    for begin in range(0, len(ids), _AT_ONCE):
        if cancelled():
            return []
        passages = store.passage(ids[begin : begin + _AT_ONCE])
        texts = {id: render(passage) for id, passage in passages.items()}
        wanted += [_Wanted(id, front, generator.key(front, text)) for id, text in texts.items() for front in fronts]
    return wanted
