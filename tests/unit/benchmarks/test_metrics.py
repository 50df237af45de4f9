"""Claims about benchmarks.quality.metrics, against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from benchmarks.quality import metrics

RANKED = ["a", "b", "c", "d"]


@pytest.mark.parametrize(("relevant", "k", "expected"), [({"a"}, 1, 1.0), ({"b"}, 1, 0.0), ({"b", "x"}, 2, 1.0),
                                                         ({"x"}, 4, 0.0)])  # fmt: skip
def test_hit_looks_at_the_first_k(relevant, k, expected):
    assert metrics.hit(RANKED, frozenset(relevant), k) == expected


def test_reciprocal_rank_is_that_of_the_first_relevant_one_among_ten():
    assert metrics.reciprocal_rank(RANKED, frozenset({"c", "d"})) == pytest.approx(1 / 3)
    assert metrics.reciprocal_rank([*"0123456789", "x"], frozenset({"x"})) == 0.0


def test_ndcg_by_hand():
    # Relevant at ranks 2 and 4 of two relevant documents: (1/log2(3) + 1/log2(5)) / (1/log2(2) + 1/log2(3)).
    expected = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert metrics.ndcg(RANKED, frozenset({"b", "d"})) == pytest.approx(expected)


def test_ndcg_of_a_perfect_ranking_is_one_even_with_more_relevant_documents_than_ranks():
    many = [f"d{number}" for number in range(30)]
    assert metrics.ndcg(many, frozenset(many)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given", "answers", "expected"),
    [
        ("The 32 Nm.", ("32 Nm",), 1.0),  # articles, case and punctuation do not count
        ("tighten to 32 Nm", ("32 Nm",), 2 * (2 / 4) * 1.0 / (2 / 4 + 1.0)),
        ("32 32", ("32 Nm",), 0.5),  # a repeated word is right once
        ("nothing", ("32 Nm", "nothing at all"), 2 * 1.0 * (1 / 3) / (1 + 1 / 3)),  # the best of the answers
        ("", ("32 Nm",), 0.0),
        ("32 Nm", (), 0.0),
    ],
)
def test_word_f1_by_hand(given, answers, expected):
    assert metrics.word_f1(given, answers) == pytest.approx(expected)


def test_exact_match_ignores_what_squad_ignores():
    assert metrics.exact("an Answer!", ("answer",)) == 1.0
    assert metrics.exact("another answer", ("answer",)) == 0.0
