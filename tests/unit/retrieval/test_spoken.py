"""Codes and quantities in spoken form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval.spoken import readings
from assistant.retrieval.terms import terms


def proposed(text: str) -> list[str]:
    return [one.term for one in readings(text)]


@pytest.mark.parametrize(
    ("spoken", "term"),
    [
        ("error e zero seven", "e07"),
        ("what is E oh seven?", "e07"),
        ("ee oh seven", "e07"),
        ("echo zero seven", "e07"),
        ("error EO7", "e07"),
        ("error E 7", "e07"),
        ("the belt f two twenty", "f220"),
        ("f two hundred twenty belt, f double two zero", "f220"),
        ("code e seventy two", "e72"),
        ("np 4410 dash zero seven", "np441007"),
        ("n p four four one zero zero seven", "np441007"),
        ("M four by twelve screws", "m4x12"),
        ("two point five bar", "2.5bar"),
        ("two point five bars", "2.5bar"),
        ("twenty four volts", "24v"),
        ("two hundred and thirty volts", "230v"),
        ("one thousand two hundred watts", "1200w"),
        ("5,5 kilowatts", "5.5kw"),
        ("minus twenty degrees celsius", "20°c"),
        ("zero point zero five millimetres", "0.05mm"),
        ("ten percent", "10%"),
    ],
)
def test_what_was_spoken_is_among_the_readings(spoken: str, term: str) -> None:
    assert term in proposed(spoken)


@pytest.mark.parametrize("spoken", ["e zero seven", "two point five bars", "n p four four one zero zero seven"])
def test_a_reading_is_written_so_that_its_terms_hold_its_term(spoken: str) -> None:
    for one in readings(spoken):
        assert one.term in terms(one.written)


def test_the_reading_that_takes_in_most_words_comes_first() -> None:
    assert proposed("np 4410 dash zero seven")[0] == "np441007"


@pytest.mark.parametrize(
    "text",
    ["", "?", "How do I clean the filter?", "a 1996 study", "divided by 25", "one or two", "for 2 people", "to be"],
)
def test_ordinary_words_are_no_code(text: str) -> None:
    assert proposed(text) == []


@pytest.mark.parametrize("text", ["E08", "e zero eight"])
def test_one_code_is_never_read_as_another(text: str) -> None:
    assert "e07" not in proposed(text)


@given(
    st.lists(
        st.sampled_from("e oh o O7 double triple zero twenty two hundred thousand point and bar by 4 7.5 1,2".split())
    )
)
def test_no_order_of_spoken_words_is_an_error_or_takes_many_readings(spoken: list[str]) -> None:
    assert len(readings(" ".join(spoken))) <= 400 * (len(spoken) + 1)
