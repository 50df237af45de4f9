"""Orders what a search found.

Pure: arrays in, arrays out.
"""

from __future__ import annotations

import numpy as np

from assistant.store.vectors import Ids, Vectors

_DECIMALS = 6
# Equal vectors may differ in the last bits of their scores, depending on where they stand in a matrix.
# Compared to six decimals they tie, and the order does not change from machine to machine.


def best(ids: Ids, scores: Vectors, k: int) -> tuple[Ids, Vectors]:
    """The `k` highest scores with their ids, best first; ties by id."""
    scores = np.asarray(np.round(scores, _DECIMALS), dtype=np.float32)
    if 0 < k < len(scores):
        # Everything that ties with the last place must take part, or chance would decide who has it.
        last = np.partition(scores, len(scores) - k)[len(scores) - k]
        candidates = np.flatnonzero(scores >= last)
        ids, scores = ids[candidates], scores[candidates]
    order = np.lexsort((ids, -scores))[: max(k, 0)]
    return ids[order], scores[order]


def merged(first: tuple[Ids, Vectors], second: tuple[Ids, Vectors], k: int) -> tuple[Ids, Vectors]:
    """The `k` best of two results."""
    return best(np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]]), k)
