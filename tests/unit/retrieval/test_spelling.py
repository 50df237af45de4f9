"""Which word a slip of the finger or the ear was meant to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval import spelling
from assistant.retrieval.spelling import Vocabulary, best, candidates, cost, replaced, words
from assistant.retrieval.terms import term

KNOWN = {
    term(word): count
    for word, count in {
        "pump": 40, "filter": 30, "pressure": 25, "temperature": 20, "compressor": 12, "display": 18, "stator": 3,
        "proceedings": 2, "cantor": 1, "valve": 9, "boiler": 11, "refrigerant": 6, "screen": 14, "maintenance": 8,
    }.items()
}  # fmt: skip
VOCABULARY = Vocabulary([*KNOWN, "e07", "12", "é"])


def meant(typed: str) -> str | None:
    (word,) = words(typed)
    return best(candidates(word, VOCABULARY), KNOWN)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("filtre", "filter"),  # two letters in the wrong order
        ("presdure", "pressure"),  # a neighbouring key
        ("temperture", "temperature"),  # one too few
        ("compresssor", "compressor"),  # one too many
        ("cpmprwssor", "compressor"),  # two slips in a long word
        ("Staters", "stators"),  # heard
        ("proceedinhs", "proceedings"),  # a slip in the ending, which the stemmer does not know then
        ("refridgerant", "refrigerant"),
        ("maintainance", "maintenance"),
        ("BOILR", "boiler"),
    ],
)
def test_a_slip_leads_to_the_word_that_was_meant(typed: str, expected: str) -> None:
    assert meant(typed) == term(expected)


@pytest.mark.parametrize("typed", ["zirconium", "pumpkin", "kettle", "wardrobe", "fit", "cpu", "x" * 400])
def test_a_word_that_no_slip_leads_to_is_left(typed: str) -> None:
    assert meant(typed) is None


def test_a_mistyped_function_word_leads_to_no_subject() -> None:
    assert meant("tje") == "the"
    assert meant("whicj") == "which"


def test_of_words_as_near_the_one_of_more_passages_is_meant() -> None:
    known = {"vent": 500, "vest": 1}
    (word,) = words("vept")
    found = candidates(word, Vocabulary(known))
    assert {one for _, one in found} >= {"vent", "vest"}
    assert best(found, known) == "vent"
    assert best(found, {"vest": 3}) == "vest"
    assert best(found, {}) is None


@pytest.mark.parametrize("text", ["E07", "E-07", "NP-4410-07", "5.5 kW", "M4x12", "12", "?", "", "Wi-Fi"])
def test_codes_numbers_and_compounds_are_no_words_to_mend(text: str) -> None:
    assert [word.text for word in words(text) if word.text != "kW"] == []


@given(
    st.text(alphabet="abcdeflmnoprstuvw", min_size=1, max_size=12), st.text(alphabet="abcdeflmnoprstuvw", max_size=12)
)
def test_what_slips_cost_is_the_same_in_either_direction_and_nothing_between_equal_words(a: str, b: str) -> None:
    assert cost(a, a, 99) == 0
    assert cost(a, b, 99) == pytest.approx(cost(b, a, 99))
    assert (cost(a, b, 99) == 0) == (a == b)


@given(st.sampled_from(sorted(KNOWN)), st.integers(0, 30), st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
def test_the_quick_search_misses_no_word_that_is_one_slip_away(word: str, place: int, letter: str) -> None:
    place %= len(word)
    typed = word[:place] + letter + word[place + 1 :]
    price = cost(typed, word, 2)
    assert (price, word) in VOCABULARY.near(typed, price)


def test_words_are_replaced_where_they_stand_whole() -> None:
    assert replaced("Filtre the filtres, Filtre!", {"Filtre": "filter"}) == "filter the filtres, filter!"


def test_an_empty_vocabulary_knows_no_candidate_but_function_words() -> None:
    (word,) = words("filtre")
    assert best(candidates(word, Vocabulary([])), {}) is None


def test_the_shortest_word_that_is_mended_has_four_letters() -> None:
    assert spelling.best(spelling.candidates(next(words("pmp")), VOCABULARY), KNOWN) is None
    assert meant("pmup") == "pump"
