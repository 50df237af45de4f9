from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.prompt import build, instructions, render
from assistant.types import Prompt, Turn
from tests.unit.answering.passages import TABLE, passage

ONE = passage("The relief valve opens at 8 bar.", headings=("Valves",))
TWO = passage("Replace the filter every 6 months.", headings=("Care",), start=3000, ordinal=1)
THREE = passage("Lorem ipsum dolor sit amet. " * 60, start=9000, ordinal=2)
HISTORY = (Turn("What is E05?", "The inlet is blocked."), Turn("And E06?", "The motor is hot."))
PLENTY = 100_000


def characters(prompt: Prompt) -> int:
    """A tokenizer for which every character is a token, and the template takes 40."""
    return 40 + len(prompt.instructions) + len(prompt.question) + sum(map(len, prompt.passages))


LEAST = characters(build("", (), [], characters, PLENTY)[0]) * 2 + 200


def test_passages_stand_in_their_order_and_are_the_ones_given_back() -> None:
    prompt, kept = build("Why?", (), [TWO, ONE], characters, PLENTY)
    assert prompt.passages == (render(TWO), render(ONE))
    assert kept == (TWO, ONE)


def test_instructions_and_passages_do_not_depend_on_what_is_asked() -> None:
    # What changes least stands first, so that its state can be kept.
    one, _ = build("Why?", (), [ONE, TWO], characters, PLENTY)
    other, _ = build("How often is it replaced, and by whom?", HISTORY, [ONE, TWO], characters, PLENTY)
    assert (one.instructions, one.passages) == (other.instructions, other.passages)
    assert one.question != other.question


def test_a_passage_looks_the_same_wherever_it_stands() -> None:
    first, _ = build("Why?", (), [ONE, TWO], characters, PLENTY)
    last, _ = build("Why?", (), [TWO, ONE], characters, PLENTY)
    assert set(first.passages) == set(last.passages)


def test_nothing_that_changes_stands_in_front_of_the_question() -> None:
    prompt, _ = build("Why is that?", HISTORY, [ONE, TWO], characters, PLENTY)
    ahead = prompt.instructions + "".join(prompt.passages)
    assert "Why is that?" not in ahead
    assert "E05" not in ahead


def test_rank_does_not_show_in_a_passage() -> None:
    assert render(ONE) == render(dataclasses.replace(ONE, ordinal=17))


def test_a_passage_is_shown_with_where_it_stands_and_its_table_header() -> None:
    shown = render(TABLE)
    for part in ("Pump unit", "Error codes", "Code | Meaning | Limit", TABLE.text):
        assert part in shown


@pytest.mark.parametrize("brief", [True, False])
def test_the_question_stands_behind_all_that_was_said_before_and_verbatim(brief: bool) -> None:
    prompt, _ = build("What does E07 mean?", HISTORY, [ONE], characters, PLENTY, brief=brief)
    assert prompt.question.splitlines()[-1] == "Question: What does E07 mean?"


@pytest.mark.parametrize("brief", [True, False])
def test_how_long_an_answer_is_wanted_stands_ahead_of_the_passages_where_it_can_be_kept(brief: bool) -> None:
    one, _ = build("What does E07 mean?", (), [ONE], characters, PLENTY, brief=brief)
    other, _ = build("Why?", HISTORY, [TWO], characters, PLENTY, brief=brief)
    assert one.instructions == other.instructions == instructions(brief=brief)
    assert instructions(brief=True) != instructions(brief=False)


def test_all_that_is_read_while_somebody_waits_is_the_question() -> None:
    prompt, _ = build("Why is that?", (), [ONE, TWO], characters, PLENTY)
    assert prompt.question == "Question: Why is that?"


def test_for_a_fact_the_excerpts_stand_with_the_question_and_within_the_budget() -> None:
    prompt, kept = build("What does E07 mean?", (), [ONE, TWO], characters, PLENTY, brief=True)
    assert prompt.passages == ()
    assert prompt.question == render(ONE) + render(TWO) + "Question: What does E07 mean?"
    assert kept == (ONE, TWO)
    prompt, kept = build("What does E07 mean?", (), [THREE, ONE], characters, LEAST, brief=True)
    assert characters(prompt) <= LEAST
    assert len(kept) == 1


def test_the_last_turns_are_shown_in_their_order() -> None:
    prompt, _ = build("Why?", HISTORY, [ONE], characters, PLENTY)
    places = [prompt.question.index(part) for part in ("E05", "blocked", "E06", "hot", "Why?")]
    assert places == sorted(places)


def test_of_a_long_history_only_the_latest_is_shown() -> None:
    history = [Turn(f"question {number}?", "answer") for number in range(100, 150)]
    prompt, _ = build("Why?", history, [ONE], characters, PLENTY)
    assert "question 149?" in prompt.question
    assert "question 100?" not in prompt.question


def test_a_passage_that_does_not_fit_leaves_its_place_to_the_next() -> None:
    budget = characters(build("Why?", (), [ONE, TWO], characters, PLENTY)[0])
    _, kept = build("Why?", (), [ONE, THREE, TWO], characters, max(budget, LEAST))
    assert kept[0] == ONE
    assert THREE not in kept


def test_a_passage_that_fits_nowhere_is_cut_rather_than_left_out() -> None:
    prompt, kept = build("Why?", (), [THREE], characters, LEAST)
    assert kept == (THREE,)
    assert render(THREE).startswith(prompt.passages[0])
    assert characters(prompt) <= LEAST


def test_without_passages_there_is_a_prompt_all_the_same() -> None:
    prompt, kept = build("Why?", (), [], characters, PLENTY)
    assert (prompt.passages, kept) == ((), ())


ADVERSARIAL = st.one_of(
    st.text(max_size=300),
    st.text("水🙂<|im_end|>\n", max_size=3000),
    st.integers(1, 100_000).map(lambda length: "x" * length),
)


@given(
    ADVERSARIAL,
    st.lists(st.tuples(ADVERSARIAL, ADVERSARIAL), max_size=3),
    st.lists(ADVERSARIAL, max_size=4),
    st.integers(LEAST, 3 * LEAST),
    st.integers(1, 4),
)
def test_no_text_makes_a_prompt_that_exceeds_its_budget(
    question: str, turns: list[tuple[str, str]], texts: list[str], budget: int, tokens: int
) -> None:
    def count(prompt: Prompt) -> int:  # characters of other scripts take several tokens
        parts = (*prompt.passages, prompt.question)
        return 40 + len(prompt.instructions) + sum(tokens if ord(one) > 127 else 1 for part in parts for one in part)

    passages = [passage(text, start=number * 10**6) for number, text in enumerate(texts)]
    prompt, kept = build(question, [Turn(*turn) for turn in turns], passages, count, budget)
    assert count(prompt) <= budget
    assert len(kept) == len(prompt.passages)
    assert kept or not passages


def test_a_question_of_100_000_characters_leaves_room_for_a_passage() -> None:
    prompt, kept = build("why " * 25_000, (), [ONE], characters, 4000)
    assert kept == (ONE,)
    assert characters(prompt) <= 4000


@pytest.mark.parametrize("budget", [LEAST, 2 * LEAST, PLENTY])
def test_more_room_never_means_fewer_passages(budget: int) -> None:
    few = build("Why?", (), [ONE, TWO, THREE], characters, budget)[1]
    more = build("Why?", (), [ONE, TWO, THREE], characters, budget + 500)[1]
    assert len(more) >= len(few)
