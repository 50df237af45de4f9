"""Letters that only look like others are read as what they look like, and genuine Russian and Greek stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.characters import latin, plainly, without_marks
from assistant.quantities import fold, identifiers, quantities
from assistant.retrieval.terms import terms


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\u041507", "E07"),  # Cyrillic Е
        ("\u0415-07", "\u0415-07"),  # no code without its parts joined: see identifiers
        ("\u039507", "E07"),  # Greek Ε
        ("р\u0430ssw\u043erd", "password"),
        ("Ｅ０７", "E07"),
        ("\U0001d404\U0001d7ce\U0001d7d5", "E07"),
        ("\u041c4\u044512", "M4x12"),
        ("коф\u0065", "кофе"),  # Latin e
    ],
)
def test_words_of_two_scripts_and_codes_are_read_as_one(written: str, read: str) -> None:
    assert plainly(written) == read


@pytest.mark.parametrize(
    "genuine",
    ["Насос не включается.", "кофе", "сорок", "Η αντλία δεν ξεκινά.", "USB-кабель", "kΩ", "5 μm", "αmax", "ν1", "5 В",
     "Größe", "Ω"],
)  # fmt: skip
def test_genuine_words_stay(genuine: str) -> None:
    assert plainly(genuine) == genuine


@pytest.mark.parametrize(
    "written", ["\u041507", "\u0415-07", "Ｅ０７", "\u0395 07".replace(" ", "-"), "E\u033807\u0338"]
)
def test_a_code_is_found_and_compared_however_its_letters_are_written(written: str) -> None:
    assert "e07" in terms(f"Error {written} means dry run.")


def test_the_gate_compares_codes_and_numbers_in_other_letters_and_digits() -> None:
    assert identifiers("\u041507") == identifiers("E07")
    assert [(one.number, one.unit) for one in quantities("１２ bar")] == [("12", "bar")]


def test_a_different_code_stays_different() -> None:
    assert identifiers("\u041507").isdisjoint(identifiers("E08"))


def test_strokes_through_letters_do_not_hide_a_word() -> None:
    assert terms("p\u0336u\u0336m\u0336p\u0336") == terms("pump")
    assert without_marks("Größe") == "Größe"


def test_an_order_in_letters_of_two_scripts_reads_as_english() -> None:
    assert latin("\u0406gn\u043er\u0435") == "Ignore"


@given(st.text())
def test_reading_again_changes_nothing(text: str) -> None:
    once = plainly(text)
    assert plainly(once) == once


@given(st.text(alphabet="aAeEoOаАеЕоОгГιΙ0７\u0301й", max_size=8))
def test_folding_again_changes_nothing(word: str) -> None:
    assert fold(fold(word)) == fold(word)
