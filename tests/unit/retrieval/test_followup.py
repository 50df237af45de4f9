from __future__ import annotations

import pytest

from assistant.retrieval.followup import standalone
from assistant.types import Question, Turn

FILTER = Turn("How do I replace the milk filter?", "Open the cover and pull the filter out.")
PUMP = Turn("Why is the drinking-water pump so loud?", "Air is in the inlet pipe.")
AGAIN = Turn("And how often?", "Every 6 months.")


def asked(text: str, *history: Turn) -> str:
    return standalone(Question(text, history))


@pytest.mark.parametrize(
    "text",
    ["and how often?", "Why?", "How often?", "How long does it take?", "What about cleaning it?", "Is that dangerous?"],
)
def test_a_follow_up_is_searched_with_the_subject_of_the_turn_before(text: str) -> None:
    searched = asked(text, FILTER)
    assert FILTER.question in searched
    assert text in searched


@pytest.mark.parametrize(
    "text",
    [
        "At what temperature does the boiler switch off?",
        "What does E08 mean?",
        "and E08?",
        "And F-220?",
        "How do I drain the heat pump before winter?",
        # A question word in front does not lean on anything when a subject follows.
        "Why is the drinking-water pump so loud?",
        "How much oil does the compressor need?",
        "How often must the inlet strainer be cleaned?",
        "Is there a warranty on the heat exchanger?",
    ],
)
def test_a_question_with_a_subject_of_its_own_is_left_as_it_is(text: str) -> None:
    assert asked(text, FILTER) == text


@pytest.mark.parametrize("text", ["Why?", "and how often?", "It leaks.", ""])
def test_without_history_every_question_is_left_as_it_is(text: str) -> None:
    assert asked(text) == text


def test_the_latest_subject_counts() -> None:
    searched = asked("and how often?", FILTER, PUMP)
    assert PUMP.question in searched
    assert FILTER.question not in searched


def test_a_chain_of_follow_ups_reaches_back_to_its_subject() -> None:
    searched = asked("why?", PUMP, FILTER, AGAIN)
    assert FILTER.question in searched
    assert PUMP.question not in searched


def test_a_long_chain_adds_a_bounded_number_of_questions() -> None:
    history = [Turn(f"and why {number}?", "Because.") for number in range(50)]
    assert len(asked("why?", *history).splitlines()) <= 4


def test_the_question_stands_last() -> None:
    assert asked("and how often?", FILTER).endswith("and how often?")


def test_answers_are_not_searched() -> None:
    assert "pull the filter out" not in asked("and how often?", FILTER)


def test_every_line_is_a_question_that_was_asked() -> None:
    lines = asked("why?", PUMP, FILTER, AGAIN).splitlines()
    assert lines == [FILTER.question, AGAIN.question, "why?"]
