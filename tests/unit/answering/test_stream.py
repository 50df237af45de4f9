from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.stream import sentences

TEXT = (
    "Open valve Y1. Wait approx. 5 min. until the pressure is 2.5 bar! Is it? Then close it.\n"
    "E07 | Pump dry | 0.4 bar\n1. First step.\n2. Second step, e.g. the lid.\n\n„Gut.“ 关闭阀门。然后等待。Done"
)


def cut(text: str, places: list[int]) -> list[str]:
    bounds = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in pairwise(bounds)]


def test_each_sentence_comes_with_the_white_space_behind_it() -> None:
    assert list(sentences(["Open it. ", "Wait", ".\nClose it."])) == ["Open it. ", "Wait.\n", "Close it."]


def test_a_sentence_comes_as_soon_as_the_next_one_begins() -> None:
    heard: list[str] = []

    def pieces() -> Iterator[str]:
        for piece in ("Open", " it.", " ", "Wait", " now."):
            heard.append(piece)
            yield piece

    assert next(sentences(pieces())) == "Open it. "
    assert heard == ["Open", " it.", " ", "Wait"]


@pytest.mark.parametrize("text", ["Wait approx. 5 min. Then go.", "It has 2.5 bar.", "See Fig. 3 for details."])
def test_an_abbreviation_or_a_decimal_point_ends_nothing_whatever_the_pieces(text: str) -> None:
    assert list(sentences(iter(text))) == list(sentences([text]))


@given(st.lists(st.integers(0, 10**6), max_size=40))
def test_the_pieces_do_not_matter(places: list[int]) -> None:
    assert list(sentences(cut(TEXT, places))) == list(sentences([TEXT]))


@given(st.text("aB1.!? \n|…。“”)e.g", max_size=60), st.lists(st.integers(0, 10**6), max_size=20))
def test_the_pieces_of_no_text_matter(text: str, places: list[int]) -> None:
    assert list(sentences(cut(text, places))) == list(sentences([text]))


@given(st.text(max_size=200))
def test_joined_again_the_sentences_are_the_text(text: str) -> None:
    joined = "".join(sentences([text]))
    assert joined.strip() == text.strip()


@given(st.text(max_size=200))
def test_every_sentence_says_something(text: str) -> None:
    assert all(sentence.strip() for sentence in sentences(iter(text)))


@pytest.mark.parametrize("pieces", [[], [""], [" ", "\n"], ["", "", ""]])
def test_a_stream_of_nothing_has_no_sentences(pieces: list[str]) -> None:
    assert list(sentences(pieces)) == []


def test_what_a_limit_cut_off_is_not_a_sentence() -> None:
    # "The valve opens at 8" may be about to say 80.
    assert list(sentences(["Open it. The valve opens at 8"], lambda: True)) == ["Open it. "]
    assert list(sentences(["Open it. The valve opens at 8"], lambda: False)) == ["Open it. ", "The valve opens at 8"]


def test_a_limit_behind_the_end_of_a_sentence_cuts_nothing_off() -> None:
    assert list(sentences(["Open it. Wait now."], lambda: True)) == ["Open it. ", "Wait now."]
