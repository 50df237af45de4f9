from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval.terms import STOP_WORDS, terms


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("f220", "F-220"),
        ("F 220", "F-220"),
        ("F-220", "the F220 filter"),
        ("e07", "Error E07: dry"),
        ("E 07", "E07"),
        ("E-07", "E07"),
        ("m4x12", "four M4x12 screws"),
        ("M4X12", "M4x12"),
        ("NP-4410-07", "part NP-4410-07"),
        ("np441007", "NP-4410-07"),
        ("4410", "NP-4410-07"),
        ("5.5 kW", "5.5kW"),
        ("5,5 kW", "rated 5.5 kW"),
        ("1,200 rpm", "1200 rpm"),
        ("wifi", "Wi-Fi"),
        ("Ünïts", "units"),
        ("café", "CAFE"),
        ("cafe\u0301", "café"),
        ("ﬁlter", "filter"),
        ("Ｅ０７", "E07"),
        ("pumps", "pump"),
        ("tightened", "tighten"),
        ("pump's", "pump"),
        ("pump’s", "pump"),
        ("Straße", "STRASSE"),
        ("泵", "泵"),
    ],
)
def test_what_is_asked_meets_what_is_written(asked: str, written: str) -> None:
    assert set(terms(asked)) & set(terms(written))


@pytest.mark.parametrize(
    ("one", "other"),
    [("E07", "E08"), ("E07", "07"), ("F-220", "F-22"), ("5.5 kW", "5.5 bar"), ("M4x12", "M4x16"), ("on", "off")],
)
def test_what_differs_has_a_term_of_its_own(one: str, other: str) -> None:
    assert set(terms(one)) - set(terms(other))


@pytest.mark.parametrize("text", ["E 07", "E-07", "E – 07", "e-07"])
def test_the_scraps_of_a_short_code_are_no_terms(text: str) -> None:
    assert set(terms(text)) == {"e07"}


def test_a_longer_part_of_a_code_still_finds_it() -> None:
    assert {"f220", "220"} <= set(terms("F-220"))
    assert {"np441007", "4410", "7"} <= set(terms("NP-4410-07"))


def test_a_quantity_is_one_term_beside_its_number() -> None:
    assert {"5.5kw", "5.5"} <= set(terms("5.5 kW"))


@pytest.mark.parametrize("text", ["", "?!… — ;", "\n", "the of and", "—", "…"])
def test_what_says_nothing_has_no_terms(text: str) -> None:
    assert terms(text) == []


@pytest.mark.parametrize("word", ["no", "not", "off", "on", "up", "down", "never", "without"])
def test_words_that_turn_a_meaning_round_are_terms(word: str) -> None:
    assert terms(word)


def test_a_term_is_repeated_as_often_as_it_is_said() -> None:
    assert terms("valve valve valve").count("valv") == 3


def test_a_hundred_thousand_characters_are_taken() -> None:
    assert len(terms("relief valve " * 7700)) == 2 * 7700


@given(st.text(max_size=200))
def test_terms_hold_no_white_space_and_are_not_empty(text: str) -> None:
    # The store's full-text rows are terms joined by spaces.
    for term in terms(text):
        assert term
        assert not any(character.isspace() for character in term)


@given(st.text(max_size=200))
def test_the_normal_form_of_a_text_does_not_matter(text: str) -> None:
    composed = terms(unicodedata.normalize("NFC", text))
    assert terms(unicodedata.normalize("NFD", unicodedata.normalize("NFC", text))) == composed


@given(st.text(max_size=100))
def test_the_same_text_has_the_same_terms(text: str) -> None:
    assert terms(text) == terms(text)


def test_no_stop_word_turns_a_meaning_round() -> None:
    assert not STOP_WORDS & {"no", "not", "off", "on", "up", "down", "never", "without", "nor", "against"}
