"""Changing the embedder: vectors of the new one are made beside those that serve, then take over in one step.

Knows an embedder and the store; not who asked for it. Until the step questions are answered from the old vectors, and
stopping at any time loses at most the batch in hand: the next run goes on behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from assistant.protocols import Embedder
from assistant.store.database import Store

_BATCH = 64
"""Passages embedded and stored at a time; sorted by length within."""
_DROPPED = 2_000
"""Vectors of the former embedder removed in one transaction: a few milliseconds in which nobody else can write."""


@dataclass(frozen=True, slots=True)
class ChangeProgress:
    """Where a change stands."""

    done: int
    """Passages with a vector of the new embedder."""
    total: int
    seconds: float
    """Since this run began."""


class EmbedderChange:
    """Gives every passage of one store a vector of one embedder."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder

    @property
    def needed(self) -> bool:
        """Whether answers come from another embedder, or passages lack a vector of this one."""
        live = self._store.live
        if live is None:
            return self._store.passage_count > 0
        return live != self._embedder.fingerprint or bool(self._store.without_vector(live, 1))

    def run(self, progress: Callable[[ChangeProgress], None] = lambda _: None) -> int:
        """Embed what has no vector yet, let answers come from this embedder, and remove what others left.

        Returns:
            How many passages were embedded.
        """
        started, fingerprint, embedded = time.monotonic(), self._embedder.fingerprint, 0
        while True:  # Somebody may add documents meanwhile; what came last is done last.
            waiting = self._store.without_vector(fingerprint, _BATCH)
            if not waiting:
                if self._store.make_live(fingerprint):
                    break
                continue
            ordered = sorted(waiting, key=lambda id_: (len(waiting[id_].text), id_))
            vectors = self._embedder.embed([waiting[id_].searchable() for id_ in ordered])
            embedded += self._store.put_vectors(ordered, vectors, fingerprint)
            total = self._store.passage_count
            progress(ChangeProgress(total - self._missing(), total, time.monotonic() - started))
        while self._store.drop_other_vectors(_DROPPED):
            pass
        return embedded

    def _missing(self) -> int:
        counts = {one.fingerprint: one.vectors for one in self._store.statistics().embedders}
        return self._store.passage_count - counts.get(self._embedder.fingerprint, 0)
