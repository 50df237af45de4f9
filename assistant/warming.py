"""Computes states of passages before a question needs them; see `assistant.engines.llama_cache`.

Knows all parts of an assistant. What is asked for most comes first, then what was added last: a manual that has just
come is the one that questions are about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

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
    front = parts.answerer.passages_behind
    if not front:
        return
    generator, store = _able(parts)
    keys = _keys(parts, generator, front, allowed, cancelled)
    order = sorted(keys, key=lambda one: (-store.asked(keys[one]), -one))
    kept = there = size = 0
    before = store.usage().bytes if order else 0
    for done, one in enumerate(order, 1):
        if cancelled():
            return
        full = False
        if store.holds(keys[one]):
            there += 1
        elif (passage := parts.store(create=False).passage([one]).get(one)) is not None:
            if generator.warm(front, render(passage), cancelled):
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


def _able(parts: Parts) -> tuple[StatefulGenerator, FileStates]:
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


def _keys(
    parts: Parts, generator: StatefulGenerator, front: str, allowed: Ids | None, cancelled: Cancelled
) -> dict[int, str]:
    """What the state of each passage behind `front` is kept under, by the passage's number."""
    store = parts.store(create=False)
    ids = store.passage_ids() if allowed is None else [int(id) for id in allowed]
    keys: dict[int, str] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        if cancelled():
            return {}
        passages = store.passage(ids[begin : begin + _AT_ONCE])
        keys |= {id: generator.key(front, render(passage)) for id, passage in passages.items()}
    return keys
