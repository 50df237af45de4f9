from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.answering.conflicts import conflict, meanings
from assistant.types import Evidence, Passage
from tests.unit.answering.passages import TABLE, passage

OLD = replace(passage("The relief valve opens at 8 bar. It weighs 14 kg."), document="a.md", dated="2019-05-01")
ASKED = {"relief": 3.0, "valv": 2.0, "open": 1.0}


def said(text: str, *, document: str = "b.md", title: str = "Pump unit", dated: str | None = "2024-02-03") -> Passage:
    return replace(passage(text, start=7000), document=document, title=title, dated=dated)


def evidence(passage_: Passage, length: int = 32) -> Evidence:
    return Evidence(passage_, passage_.start, passage_.start + length, 1.0)


def test_the_same_statement_with_another_number_is_shown_with_both_documents_and_dates_the_newest_first() -> None:
    found = conflict([evidence(OLD)], [OLD, said("The relief valve opens at 6 bar.")], ASKED)
    assert found is not None
    assert found.told() == (
        "The documents differ: b.md (2024-02-03) says “The relief valve opens at 6 bar.”; "
        "a.md (2019-05-01) says “The relief valve opens at 8 bar.”."
    )
    assert (found.first.quote, found.other.quote) == (
        "The relief valve opens at 8 bar.",
        "The relief valve opens at 6 bar.",
    )


def test_without_a_date_none_is_claimed() -> None:
    found = conflict([evidence(OLD)], [said("The relief valve opens at 6 bar.", dated=None)], ASKED)
    assert found is not None
    assert "b.md says" in found.told()


@pytest.mark.parametrize(
    "text",
    [
        "The relief valve opens at 8 bar.",
        "The relief valve opens at 8.0 bar.",  # the same number
        "The relief valve weighs 6 kg.",  # another statement
        "The safety switch opens at 6 bar.",
        "The relief valve does not open at 6 bar.",  # a denial is not another value
        "The relief valve opens after 6 min.",  # another kind of quantity
        "The relief valve opens.",
        "Relief valve | opens | 6 bar",
        "",
    ],
)
def test_what_does_not_say_the_same_thing_with_another_number_is_no_conflict(text: str) -> None:
    assert conflict([evidence(OLD)], [OLD, said(text)], ASKED) is None


def test_a_document_does_not_contradict_itself() -> None:
    assert conflict([evidence(OLD)], [said("The relief valve opens at 6 bar.", document="a.md")], ASKED) is None


def test_a_statement_that_the_answer_does_not_rest_on_is_not_looked_at() -> None:
    assert conflict([evidence(OLD)], [said("It weighs 16 kg.")], ASKED) is None


def test_a_device_that_the_question_names_is_not_held_against_another() -> None:
    own = replace(OLD, title="Aquila pump")
    other = said("The relief valve opens at 6 bar.", title="Corvus pump")
    assert conflict([evidence(own)], [other], {**ASKED, "aquila": 5.0}) is None
    assert conflict([evidence(own)], [other], ASKED) is not None


BOILER = replace(
    passage("E06 | No flame. Check the gas.\nE07 | Fan blocked. Clean it.", start=5000, context="Code | Meaning"),
    document="boiler.md", title="Boiler", dated="2024-02-03",
)  # fmt: skip
MEANS = {"e07": 5.0, "mean": 1.0}


def row(text: str) -> Evidence:
    start = TABLE.start + TABLE.text.index(text)
    return Evidence(TABLE, start, start + len(text), 1.0)


RUNS_DRY = row("E07 | Pump runs dry | 0.4 bar")


def test_a_code_that_another_document_lists_too_is_shown_with_both_meanings() -> None:
    found = meanings("What does E07 mean?", [RUNS_DRY], [TABLE, BOILER], MEANS)
    assert found is not None
    assert found.told() == (
        "E07 has other meanings: boiler.md (2024-02-03) lists “Code: E07; Meaning: Fan blocked. Clean it.”."
    )
    (other,) = found.others
    assert BOILER.text[other.start - BOILER.start : other.end - BOILER.start] == other.quote


@pytest.mark.parametrize(
    ("question", "answered", "weights"),
    [
        ("What does E05 mean?", row("E05 | Inlet blocked | 12 bar"), {"e05": 5.0}),  # the boiler has no E05
        ("What runs dry?", RUNS_DRY, {"run": 1.0}),  # no code is asked for
        ("What do E06 and E07 mean?", RUNS_DRY, {"e06": 5.0, "e07": 5.0}),  # two are
        ("What does E07 mean?", row("E06 | Motor too hot | 90 °C"), MEANS),  # the answer is about another one
        ("What does E07 of the pump mean?", RUNS_DRY, {**MEANS, "pump": 2.0}),  # the device is named
    ],
)
def test_where_one_code_has_one_meaning_nothing_is_added(
    question: str, answered: Evidence, weights: dict[str, float]
) -> None:
    assert meanings(question, [answered], [TABLE, BOILER], weights) is None


def test_a_sentence_that_mentions_the_code_is_no_meaning_of_it() -> None:
    text = replace(BOILER, text="After E07 the fan | E07 | is cleaned.")
    assert meanings("What does E07 mean?", [RUNS_DRY], [TABLE, text], MEANS) is None


def test_a_code_with_many_meanings_shows_two_others() -> None:
    others = [replace(BOILER, document=f"{n}.md") for n in range(5)]
    found = meanings("What does E07 mean?", [RUNS_DRY], [TABLE, *others], MEANS)
    assert found is not None
    assert [one.passage.document for one in found.others] == ["0.md", "1.md"]
