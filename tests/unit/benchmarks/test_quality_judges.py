"""Claims about benchmarks.quality.judges: refusals and support, with the cases that lie next to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality import judges


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I don't know.",
        "I do not know the answer to that.",
        "I’m sorry, but the context says nothing about it.",
        "Sorry, that is not in there.",
        "The context does not mention the colour of the lid.",
        "The provided text doesn't explicitly state when it was built.",
        "The answer is not given in the context.",
        "The colour of the lid is not mentioned in the passages.",
        "There is no information about the lid.",
        "There is not enough information to tell.",
        "Unknown.",
        "The answer is unknown",
        "I cannot answer this from the passages.",
        "The document cannot be found to say so. Ask the maker.",
        "The lid has a colour. However, the manual does not specify which.",
    ],
)
def test_refusals_in_words(text):
    assert judges.refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "Do not open the lid.",
        "The kit does not contain screws.",
        "The pump does not start when the float switch is up.",
        "Use 32 Nm.",
        "If you do not know the code, read it from the plate.",
        "The valve is not included in the delivery.",
        "An unknown device was found: E09.",
        "The reader cannot be opened while it is warm.",
        "It opens. It is blue. It is round. The context does not mention the weight.",  # it did answer
    ],
)
def test_answers_that_are_no_refusals(text):
    assert not judges.refuses(text)


QUOTE = "Filters\nRinse the blue filter with 2 litres of cold water every 14 days, and never use soap."


@pytest.mark.parametrize(
    ("sentence", "held"),
    [
        ("Rinse the filter with 2 litres of water.", True),
        ("The blue filters are rinsed every 14 days.", True),  # other forms of the words
        ("Never use soap.", True),
        ("Rinse the filter with 3 litres of water.", False),  # a number that is not there
        ("Rinse the filter every 14 weeks with hot vinegar and a brush.", False),
        ("14 days.", True),
        ("15 days.", False),
    ],
)
def test_support_is_a_matter_of_numbers_and_words(sentence, held):
    assert judges.supports(QUOTE, sentence) is held


def test_a_negation_needs_one_in_the_quote():
    assert not judges.supports("Open the lid while it runs.", "Do not open the lid while it runs.")
    assert judges.supports("Don’t open the lid while it runs.", "The lid is not opened while it runs.")


def test_the_heading_above_a_quote_counts_as_read():
    assert judges.supports("Filters\nRinse them with water.", "Rinse the filters with water.")
    assert not judges.supports("Rinse them.", "Rinse the filters with warm water.")


def test_what_the_rule_cannot_see():
    assert judges.supports("The red lamp follows the green lamp.", "The green lamp follows the red lamp.")


@given(st.text(max_size=80))
def test_every_sentence_supports_itself_and_no_text_is_lost(text):
    assert "".join("".join(judges.sentences(text)).split()) == "".join(text.split())
    assert judges.supports(text, text)
    judges.refuses(text)
