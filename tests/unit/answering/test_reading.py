from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.reading import MOST_SENTENCES, read, shown, standing
from assistant.answering.tables import is_row
from assistant.types import Evidence, Passage
from tests.unit.answering.passages import TABLE, passage

WEIGHTS = {"relief": 3.0, "valv": 2.0, "open": 1.0}


def half(_: str, texts: Sequence[str]) -> list[float]:
    return [0.5] * len(texts)


def test_a_sentence_has_its_words_its_headings_count_half() -> None:
    inside, below = (
        read("", {"relief": 1.0}, [passage(text, headings=headings)], half)[0]
        for text, headings in (("Relief at 8 bar.", ()), ("Opens at 8 bar.", ("Relief",)))
    )
    assert (inside.covered, below.covered) == (1.0, 0.5)


def test_sentences_come_in_reading_order_with_the_rank_of_their_passage() -> None:
    found = read("", WEIGHTS, [passage("One. Two."), passage("Three.", start=9000)], half)
    assert [(one.text, one.rank) for one in found] == [("One.", 0), ("Two.", 0), ("Three.", 1)]


def test_a_row_is_shown_with_its_columns_and_a_header_is_left_out() -> None:
    assert read("", WEIGHTS, [TABLE], half)[0].shown == "Code: E05; Meaning: Inlet blocked; Limit: 12 bar"
    bare = passage("Code | Meaning\nE06 | Motor too hot")
    assert [one.text for one in read("", WEIGHTS, [bare], half)] == ["E06 | Motor too hot"]


def test_of_a_very_long_passage_some_sentences_are_compared_and_no_more_are_kept_than_said() -> None:
    asked: list[int] = []

    def similarity(_: str, texts: Sequence[str]) -> list[float]:
        asked.append(len(texts))
        return [1.0] * len(texts)

    text = "Nothing here. " * 500 + "The relief valve opens."
    found = read("", WEIGHTS, [passage("The relief valve opens. " + text)], similarity)
    assert len(found) == MOST_SENTENCES
    assert asked == [32]
    assert found[0].cosine == 1.0  # what shares most with the question is compared


def test_without_passages_the_embedder_is_not_asked() -> None:
    def never(_: str, texts: Sequence[str]) -> list[float]:
        raise AssertionError(texts)

    assert read("", WEIGHTS, [], never) == read("", WEIGHTS, [passage(" \n ")], never) == ()


@given(st.lists(st.text("aB. |\n!水8", max_size=60), max_size=4), st.floats(-2, 2))
def test_every_sentence_is_a_stretch_of_its_passage_and_its_fit_a_share(texts: list[str], cosine: float) -> None:
    passages = [passage(text, start=number * 1000) for number, text in enumerate(texts)]
    for one in read("b8", {"b8": 1.0}, passages, lambda _, shown: [cosine] * len(shown)):
        assert one.text
        assert one.text == one.passage.text[one.start : one.end]
        assert 0 <= one.fit <= 1
        assert is_row(one.text) or one.shown == one.text


def evidence(held: Passage, text: str) -> Evidence:
    start = held.start + held.text.index(text)
    return Evidence(held, start, start + len(text), 1.0)


def test_what_is_cited_stands_as_high_as_its_best_sentence() -> None:
    held = passage("The relief valve opens. Lorem ipsum.")
    found = read("", WEIGHTS, [held], half)
    assert standing(evidence(held, "The relief valve opens."), found) == 1.0
    assert standing(evidence(held, held.text), found) == 1.0
    assert 0.0 < standing(evidence(held, "Lorem ipsum."), found) < 0.5


def test_what_was_not_read_stands_nowhere() -> None:
    held = passage("The relief valve opens.")
    assert standing(evidence(held, held.text), read("", WEIGHTS, [passage("Other.", start=9000)], half)) == 0.0
    assert standing(evidence(held, held.text), ()) == 0.0


def test_cited_rows_are_shown_with_their_columns_and_other_text_as_it_stands() -> None:
    found = read("", WEIGHTS, [TABLE], half)
    assert (
        shown(evidence(TABLE, "E06 | Motor too hot | 90 °C"), found)
        == "Code: E06; Meaning: Motor too hot; Limit: 90 °C"
    )
    assert shown(evidence(TABLE, TABLE.text), found) == TABLE.text
