from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval.fusion import added, fuse

Ranking = list[tuple[int, float]]


def rankings(lowest: float) -> st.SearchStrategy[Ranking]:
    """Rankings as searches give them: each id once, scores falling."""
    scores = st.floats(lowest, 50, allow_nan=False).map(lambda score: round(score, 3))
    return st.dictionaries(st.integers(0, 30), scores, max_size=15).map(
        lambda found: sorted(found.items(), key=lambda item: (-item[1], item[0]))
    )


dense, lexical, weights = rankings(-1), rankings(0), st.floats(0, 1)


def test_the_arithmetic_can_be_done_in_the_head() -> None:
    fused = fuse([(1, 0.8), (2, 0.4)], [(2, 10.0), (3, 5.0)], 0.5)
    assert [(one.id, one.score) for one in fused] == [(2, 0.75), (1, 0.5), (3, 0.25)]


def test_nothing_fused_with_nothing_is_nothing() -> None:
    assert fuse([], [], 0.5) == []


@given(dense, lexical, weights)
def test_every_id_of_both_is_there_once(one: Ranking, other: Ranking, weight: float) -> None:
    ids = [item.id for item in fuse(one, other, weight)]
    assert sorted(ids) == sorted({id for id, _ in [*one, *other]})


@given(dense, lexical, weights)
def test_scores_fall_between_one_and_nought_and_ties_go_by_id(one: Ranking, other: Ranking, weight: float) -> None:
    fused = fuse(one, other, weight)
    assert all(-1e-9 <= item.score <= 1 + 1e-9 for item in fused)
    keys = [(-item.score, item.id) for item in fused]
    assert keys == sorted(keys)


@given(dense, lexical, weights, st.floats(0.01, 100))
def test_the_scale_of_a_search_does_not_matter(one: Ranking, other: Ranking, weight: float, factor: float) -> None:
    scaled = fuse(one, [(id, score * factor) for id, score in other], weight)
    before = {item.id: item.score for item in fuse(one, other, weight)}
    assert {item.id: item.score for item in scaled} == pytest.approx(before, abs=1e-6)


@given(dense, lexical, weights)
def test_ranks_and_scores_are_those_of_the_searches(one: Ranking, other: Ranking, weight: float) -> None:
    for item in fuse(one, other, weight):
        for ranking, rank, score in (
            (one, item.dense_rank, item.dense_score),
            (other, item.lexical_rank, item.lexical_score),
        ):
            if rank is None:
                assert score is None
                assert item.id not in dict(ranking)
            else:
                assert ranking[rank - 1] == (item.id, score)


@given(dense, lexical)
def test_at_a_weight_of_one_the_order_of_what_is_similar_is_the_dense_one(one: Ranking, other: Ranking) -> None:
    positive = [id for id, score in one if score > 0]
    assert [item.id for item in fuse(one, other, 1.0)][: len(positive)] == positive


@given(dense, lexical)
def test_at_a_weight_of_nought_the_order_of_what_holds_a_term_is_the_lexical_one(one: Ranking, other: Ranking) -> None:
    positive = [id for id, score in other if score > 0]
    assert [item.id for item in fuse(one, other, 0.0)][: len(positive)] == positive


@given(dense, lexical, weights)
def test_who_leads_both_searches_leads(one: Ranking, other: Ranking, weight: float) -> None:
    one, other = [(99, 51.0), *one], [(99, 51.0), *other]
    assert fuse(one, other, weight)[0].id == 99


def test_scores_that_are_not_positive_add_nothing() -> None:
    fused = fuse([(1, -0.2), (2, -0.9)], [(3, 1.0)], 0.5)
    assert [(item.id, item.score) for item in fused] == [(3, 0.5), (1, 0.0), (2, 0.0)]


def test_a_share_of_another_ranking_is_added_to_one() -> None:
    assert added([(1, 2.0), (2, 1.0)], [(2, 4.0), (3, 2.0)], 0.5) == [(2, 3.0), (1, 2.0), (3, 1.0)]
    assert added([], [(2, 1.0), (1, 1.0)], 1.0) == [(1, 1.0), (2, 1.0)]
    assert added([(1, 2.0)], [], 0.5) == [(1, 2.0)]
