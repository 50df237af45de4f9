"""Claims about which stretch explains: it is the best by its own measure, in one passage, and follows the chances."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.reading import Sentence, read
from assistant.answering.stretch import best_stretch, features
from assistant.retrieval.terms import terms
from tests.unit.answering.passages import TABLE, passage

QUESTION = "How do I bleed the pump?"
WEIGHTS = dict.fromkeys(terms(QUESTION), 1.0)


def sentences_of(*lengths: Sequence[int]) -> tuple[Sentence, ...]:
    """Of one passage for each group; each sentence with as many words as its number says."""
    passages = [
        passage("\n".join(" ".join(["word"] * count) + "." for count in group), start=number * 10_000, ordinal=number)
        for number, group in enumerate(lengths)
    ]
    found = read(QUESTION, WEIGHTS, passages, lambda _, texts: [0.5] * len(texts))
    assert [len(one.text.split()) for one in found] == [count for group in lengths for count in group]
    return found


def value(sentences: Sequence[Sentence], chances: Sequence[float], first: int, last: int) -> float:
    words = [len(one.text.split()) for one in sentences]
    belonging = [chance * count for chance, count in zip(chances, words, strict=True)]
    return 2 * sum(belonging[first : last + 1]) / (sum(words[first : last + 1]) + sum(belonging))


chances_and_sentences = (
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=5), min_size=1, max_size=3)
    .map(lambda groups: sentences_of(*groups))
    .flatmap(
        lambda some: st.tuples(st.just(some), st.lists(st.floats(0.001, 1), min_size=len(some), max_size=len(some)))
    )
)


@given(chances_and_sentences)
def test_no_stretch_of_one_passage_has_a_larger_value(drawn: tuple[tuple[Sentence, ...], list[float]]) -> None:
    sentences, chances = drawn
    first, last = best_stretch(sentences, chances)
    assert 0 <= first <= last < len(sentences)
    assert sentences[first].passage is sentences[last].passage
    most = value(sentences, chances, first, last)
    for start in range(len(sentences)):
        for end in range(start, len(sentences)):
            if sentences[start].passage is sentences[end].passage:
                assert value(sentences, chances, start, end) <= most + 1e-9


@given(chances_and_sentences, st.integers(0, 20))
def test_what_is_surer_to_belong_is_not_left_out_for_it(
    drawn: tuple[tuple[Sentence, ...], list[float]], chosen: int
) -> None:
    sentences, chances = drawn
    first, last = best_stretch(sentences, chances)
    raised = first + chosen % (last - first + 1)
    surer = [1.0 if index == raised else chance for index, chance in enumerate(chances)]
    again = best_stretch(sentences, surer)
    if not again[0] <= raised <= again[1]:  # only where both are as good
        assert value(sentences, surer, *again) == pytest.approx(value(sentences, surer, first, last))


@given(chances_and_sentences)
def test_both_ends_are_worth_having(drawn: tuple[tuple[Sentence, ...], list[float]]) -> None:
    """With a chance below half of the value a sentence at an end costs more than it brings (Lipton et al. 2014)."""
    sentences, chances = drawn
    first, last = best_stretch(sentences, chances)
    least = value(sentences, chances, first, last) / 2
    if first < last:
        assert min(chances[first], chances[last]) >= least - 1e-9


@given(st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=5), min_size=1, max_size=3), st.data())
def test_where_one_sentence_only_can_belong_it_is_quoted_alone(groups: list[list[int]], data: st.DataObject) -> None:
    sentences = sentences_of(*groups)
    only = data.draw(st.integers(0, len(sentences) - 1))
    chances = [float(index == only) for index in range(len(sentences))]
    assert best_stretch(sentences, chances) == (only, only)


def test_where_all_belong_the_longest_passage_is_taken_whole() -> None:
    assert best_stretch(sentences_of([5, 5], [5, 9, 5], [3]), [1.0] * 6) == (2, 4)


def test_where_nothing_can_belong_there_is_a_stretch_all_the_same() -> None:
    assert best_stretch(sentences_of([5, 5], [9]), [0.0] * 3) == (0, 0)


def test_a_doubtful_sentence_between_two_sure_ones_is_taken_along_and_a_long_one_is_not() -> None:
    assert best_stretch(sentences_of([10, 4, 10]), [0.9, 0.1, 0.9]) == (0, 2)
    assert best_stretch(sentences_of([10, 90, 10]), [0.9, 0.0, 0.8]) == (0, 0)


# What is seen of a sentence

GUIDE = passage("To bleed the pump, stop it. Open the screw. Close it again.", headings=("Bleeding",))
OTHER = passage("Batteries are waste.", start=9000, ordinal=1, headings=("Disposal",))


def seen(*passages: object) -> list[dict[str, float]]:
    def similarity(_: str, texts: Sequence[str]) -> list[float]:
        return [0.9 if "bleed" in text else 0.1 for text in texts]

    return features(read(QUESTION, WEIGHTS, [*passages], similarity))  # type: ignore[list-item]


def test_each_sentence_is_seen_in_its_place() -> None:
    first, second, third, other = seen(GUIDE, OTHER)
    assert (first["best"], first["behind"], first["opens"], first["away"]) == (1, 0, 1, 0)
    assert (second["best"], second["beside"], second["opens"]) == (0, 1, 0)
    assert second["neighbour"] == pytest.approx(first["passage_best"])
    assert 0 < second["away"] < third["away"] < other["away"] == 1
    assert (first["first_passage"], other["first_passage"], other["opens"], other["beside"]) == (1, 0, 1, 0)
    assert first["named"] == third["named"] > other["named"] == 0


def test_the_neighbour_in_another_passage_is_none() -> None:
    *_, alone = seen(GUIDE, OTHER)
    assert alone["neighbour"] == 0
    assert alone["passage_best"] == alone["passage_mean"]


@given(st.lists(st.text("aB. |\n!水8", max_size=60), max_size=3))
def test_every_feature_is_a_number_from_0_to_1_of_every_sentence(texts: list[str]) -> None:
    passages = [passage(text, start=number * 1000) for number, text in enumerate(texts)]
    sentences = read(QUESTION, WEIGHTS, passages, lambda _, texts: [0.5] * len(texts))
    found = features(sentences)
    assert len(found) == len(sentences)
    assert all(0 <= number <= 1 + 1e-9 for one in found for number in one.values())


def test_rows_of_a_table_are_seen_as_sentences_are() -> None:
    assert len(seen(TABLE)) == len(read(QUESTION, WEIGHTS, [TABLE], lambda _, texts: [0.0] * len(texts)))
    assert features(()) == []
