"""Claims about benchmarks.quality.metrics, against values worked out by hand and by an independent library."""

from __future__ import annotations

import math
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.errors import BenchmarkError
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


def test_average_precision_by_hand():
    # Relevant at ranks 1 and 4, and one that was not found: (1/1 + 2/4 + 0) / 3.
    assert metrics.average_precision(RANKED, frozenset({"a", "d", "x"})) == pytest.approx(0.5)
    assert metrics.average_precision([], frozenset({"a"})) == 0.0


def test_ranking_scores_are_those_of_ir_measures():
    ir_measures = pytest.importorskip("ir_measures", reason="ir-measures is installed where its engine has a wheel")
    draw = random.Random(5)
    documents = [f"d{number}" for number in range(40)]
    relevant = {f"q{number}": frozenset(draw.sample(documents, draw.randint(1, 20))) for number in range(30)}
    ranked = {query: draw.sample(documents, draw.randint(1, 40)) for query in relevant}
    judged = [ir_measures.Qrel(query, doc, 1) for query, docs in relevant.items() for doc in sorted(docs)]
    run = [
        ir_measures.ScoredDoc(query, doc, float(-rank))
        for query, docs in ranked.items()
        for rank, doc in enumerate(docs)
    ]
    ours = {
        "Success@1": lambda got, want: metrics.hit(got, want, 1),
        "Success@5": lambda got, want: metrics.hit(got, want, 5),
        "nDCG@10": metrics.ndcg,
        "RR@10": metrics.reciprocal_rank,
        "AP": metrics.average_precision,
    }
    compared = 0
    for one in ir_measures.iter_calc([ir_measures.parse_measure(name) for name in ours], judged, run):
        mine = ours[str(one.measure)](ranked[one.query_id], relevant[one.query_id])
        assert mine == pytest.approx(one.value), (one, ranked[one.query_id])
        compared += 1
    assert compared == len(ours) * len(relevant)


@pytest.mark.parametrize(
    ("given", "answers", "expected"),
    [
        ("the valve opens at 3 bar", ("the valve opens at 3 bar",), 1.0),
        # The longest common run is "valve at bar": precision 3/4, recall 3/6.
        ("valve closes at bar", ("the valve opens at 3 bar",), 2 * 0.75 * 0.5 / 1.25),
        ("nothing of it", ("3 bar",), 0.0),
        ("3 bar", ("4 psi", "3 bar"), 1.0),
        ("", ("3 bar",), 0.0),
        ("3 bar", (), 0.0),
    ],
)
def test_rouge_l_by_hand(given, answers, expected):
    assert metrics.rouge_l(given, answers) == pytest.approx(expected)


def test_a_missing_rouge_package_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    metrics._rouge.cache_clear()
    try:
        with pytest.raises(BenchmarkError, match="pip install rouge-score"):
            metrics.rouge_l("a", ("a",))
    finally:
        metrics._rouge.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,200.50 euros", {"1200.5"}),
        ("1200,5", {"1200.5"}),
        ("$2 500.00 paid", {"2500"}),
        ("2 500 sheets", {"2", "500"}),  # a space alone joins nothing
        ("E07 and OT-8-1173", {"7", "8", "1173"}),
        ("at -20 °C, from 5-10 mm", {"-20", "5", "10"}),
        ("(−3)", {"-3"}),
        ("version 1.2.3 of 007", {"1.2.3", "7"}),
        ("12,000,000", {"12000000"}),
        ("on the 4th.", {"4"}),
        ("three", set()),
        ("", set()),
    ],
)
def test_numbers_have_one_spelling(text, expected):
    assert metrics.numbers(text) == expected


def test_numbers_right_wants_all_of_one_right_answer():
    right = ("25 ml in 475 ml", "Mix 25 ml with 475 ml at 40 °C")
    assert metrics.numbers_right("Take 25 ml to 475 ml of water.", right) == 1.0
    assert metrics.numbers_right("Take 25 ml.", right) == 0.0
    assert metrics.numbers_right("", right) == 0.0  # a refusal has no number
    assert metrics.numbers_right("Take 25 ml.", ("some of it",)) is None


def test_other_numbers_are_those_of_neither_answer_nor_question():
    assert metrics.no_other_number("E07 means 120 s", ("more than 120 s",), "What is E07?") == 1.0
    assert metrics.no_other_number("It means 130 s", ("more than 120 s",), "What is E07?") == 0.0
    assert metrics.no_other_number("It means much", ("more than 120 s",), "What is E07?") is None
    assert metrics.no_other_number("It means 130 s", ("a fault",), "What is E07?") is None


@pytest.mark.parametrize(
    ("given", "answers", "expected"),
    [
        ("It was won by the Nadia Falk!", ("Nadia Falk",), 1.0),
        ("nadia   falk", ("Nadia Falk",), 1.0),
        ("Falk, Nadia", ("Nadia Falk",), 0.0),
        ("in 20101", ("2010",), 0.0),  # inside of a number is not the number
        ("on May 4, 1999", ("4 May 1999", "May 4, 1999"), 1.0),
        ("", ("Nadia",), 0.0),
        ("anything", ("the",), 0.0),  # an answer of no word is in nothing
    ],
)
def test_an_answer_stands_in_a_reply_word_by_word(given, answers, expected):
    assert metrics.contains(given, answers) == expected


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_a_score_or_leaves_its_range(given_, answer):
    for score in (metrics.word_f1, metrics.exact, metrics.contains, metrics.rouge_l):
        assert 0.0 <= score(given_, (answer,)) <= 1.0
    assert metrics.numbers_right(answer, (answer,)) in (1.0, None)
    assert metrics.no_other_number(answer, (answer,), "") in (1.0, None)


def test_a_wrong_number_is_one_where_the_right_answer_has_another():
    asked = "How many Aquila 220 are there?"
    assert metrics.wrong_number("There are 4.", ("5",), asked) == 1.0
    assert metrics.wrong_number("There are 5, since 2019.", ("5",), asked) == 0.0
    assert metrics.wrong_number("The Aquila 220 is blue.", ("5",), asked) == 0.0  # the question's own number
    assert metrics.wrong_number("Since 2019.", ("some", "5"), asked) == 0.0  # a right answer without a number
    assert metrics.wrong_number("None.", ("5",), asked) == 0.0
    assert metrics.wrong_number("There are 4.", (), asked) == 1.0  # nothing answers
    assert metrics.wrong_number("", (), asked) == 0.0


def test_a_number_has_a_source_or_is_the_questions():
    assert metrics.unsourced_number("9 bar on the 220", ["opens at 9.0 bar"], "And on the 220?") == 0.0
    assert metrics.unsourced_number("8 bar", ["opens at 9.0 bar"], "When?") == 1.0
    assert metrics.unsourced_number("8 bar", [], "When?") == 1.0
    assert metrics.unsourced_number("soon", [], "When?") == 0.0
