"""One ranking from two. Pure.

A convex combination of scores, each scaled by what it can reach at most for this question, keeps how far ahead the
first is; reciprocal rank fusion forgets it (Bruch, Gai, Ingber: An Analysis of Fusion Functions for Hybrid Retrieval,
2022; confirmed on the open sets, see benchmarks/LOG.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Fused:
    """A passage with its place in both rankings."""

    id: int
    score: float
    dense_rank: int | None
    dense_score: float | None
    lexical_rank: int | None
    lexical_score: float | None


def fuse(dense: Sequence[tuple[int, float]], lexical: Sequence[tuple[int, float]], dense_weight: float) -> list[Fused]:
    """Merge two rankings of (id, score), best first.

    Args:
        dense: cosine similarities.
        lexical: BM25 scores, 0 or more.
        dense_weight: share of the dense score, 0 to 1.

    Returns:
        All ids of both, by falling fused score; ties by id, so that the order never depends on anything else.
    """
    dense_scaled, lexical_scaled = _scaled(dense), _scaled(lexical)
    dense_rank, lexical_rank = _ranks(dense), _ranks(lexical)
    dense_score, lexical_score = dict(dense), dict(lexical)
    fused = [
        Fused(
            id=id,
            score=dense_weight * dense_scaled.get(id, 0.0) + (1 - dense_weight) * lexical_scaled.get(id, 0.0),
            dense_rank=dense_rank.get(id),
            dense_score=dense_score.get(id),
            lexical_rank=lexical_rank.get(id),
            lexical_score=lexical_score.get(id),
        )
        for id in dense_score.keys() | lexical_score.keys()
    ]
    return sorted(fused, key=lambda item: (-item.score, item.id))


def added(
    ranking: Sequence[tuple[int, float]], other: Sequence[tuple[int, float]], share: float
) -> list[tuple[int, float]]:
    """A ranking of (id, score) with a share of another one's scores, best first; ties by id."""
    total = dict(ranking)
    for id, score in other:
        total[id] = total.get(id, 0.0) + share * score
    return sorted(total.items(), key=lambda item: (-item[1], item[0]))


def best_of(items: Sequence[Fused]) -> Fused:
    """The first of them with the best ranks and scores of all: what says the same counts as one passage."""
    if len(items) == 1:
        return items[0]
    return replace(
        items[0],
        score=max(item.score for item in items),
        dense_rank=min((item.dense_rank for item in items if item.dense_rank is not None), default=None),
        dense_score=max((item.dense_score for item in items if item.dense_score is not None), default=None),
        lexical_rank=min((item.lexical_rank for item in items if item.lexical_rank is not None), default=None),
        lexical_score=max((item.lexical_score for item in items if item.lexical_score is not None), default=None),
    )


def _scaled(ranking: Sequence[tuple[int, float]]) -> Mapping[int, float]:
    """Scores divided by the best one; what is not positive counts as nothing."""
    best = max((score for _, score in ranking), default=0.0)
    if best <= 0:
        return {}
    return {id: max(score, 0.0) / best for id, score in ranking}


def _ranks(ranking: Sequence[tuple[int, float]]) -> Mapping[int, int]:
    return {id: rank for rank, (id, _) in enumerate(ranking, 1)}
