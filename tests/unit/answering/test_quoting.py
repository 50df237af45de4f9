from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.quoting import asks_for_explanation, best_quote, wants_explanation
from assistant.answering.reading import read
from assistant.engines.fake import FakeEmbedder
from assistant.retrieval.terms import terms
from tests.unit.answering.passages import TABLE, passage

EMBEDDER = FakeEmbedder(dimensions=4096)
VALVES = passage("The pump is made of steel. The relief valve opens at 8 bar. It weighs 14 kg.", headings=("Valves",))
CARE = passage("Replace the milk filter every 6 months. Rinse it with cold water.", start=5000, ordinal=1)


def similarity(question: str, texts: Sequence[str]) -> list[float]:
    vectors = EMBEDDER.embed([question, *texts])
    return [float(score) for score in vectors[1:] @ vectors[0]]


def weights(question: str) -> dict[str, float]:
    return dict.fromkeys(terms(question), 1.0)


def quoted(question: str, *passages: object):  # type: ignore[no-untyped-def]  # Quote | None
    sentences = read(question, weights(question), [*passages], similarity)  # type: ignore[list-item]
    return best_quote(question, sentences)


def test_the_sentence_that_answers_is_quoted_verbatim() -> None:
    quote = quoted("When does the relief valve open?", VALVES, CARE)
    assert quote.shown == quote.evidence.quote == "The relief valve opens at 8 bar."


def test_it_is_found_in_whichever_passage_it_stands() -> None:
    quote = quoted("How often is the milk filter replaced?", VALVES, CARE)
    assert quote.evidence.passage == CARE
    assert quote.evidence.start == CARE.start
    assert "every 6 months" in quote.shown


def test_a_quote_is_the_documents_text_at_its_offsets() -> None:
    quote = quoted("When does the relief valve open?", CARE, VALVES)
    start = quote.evidence.start - VALVES.start
    assert VALVES.text[start : quote.evidence.end - VALVES.start] == quote.evidence.quote


def test_a_row_is_shown_with_its_columns_and_cited_verbatim() -> None:
    quote = quoted("What does E06 mean?", TABLE)
    assert quote.shown == "Code: E06; Meaning: Motor too hot; Limit: 90 °C"
    assert quote.evidence.quote == "E06 | Motor too hot | 90 °C"


def test_a_tables_header_answers_nothing() -> None:
    table = passage("Code | Meaning | Limit\nE06 | Motor too hot | 90 °C")
    quote = quoted("Which code has which meaning and limit?", table)
    assert quote is None or quote.evidence.quote != "Code | Meaning | Limit"


def test_what_fits_nothing_is_not_quoted() -> None:
    assert quoted("Who reigned in Byzantium?", VALVES, CARE) is None


@pytest.mark.parametrize("passages", [(), (passage(""),), (passage(" \n "),)])
def test_without_sentences_there_is_no_quote(passages: tuple[object, ...]) -> None:
    assert quoted("When does the relief valve open?", *passages) is None


def test_of_equal_sentences_that_of_the_better_passage_is_quoted() -> None:
    first, second = (passage("The relief valve opens at 8 bar.", start=start) for start in (100, 9000))
    quote = quoted("When does the relief valve open?", first, second)
    assert quote.evidence.passage == first


def test_a_very_long_passage_is_no_error() -> None:
    assert quoted("When does the relief valve open?", passage("The relief valve opens at 8 bar. " * 3000)) is not None


@given(st.text(max_size=100), st.lists(st.text("aB. |\n!水8", max_size=60), max_size=3))
def test_every_quote_is_a_stretch_of_its_passage(question: str, texts: list[str]) -> None:
    quote = quoted(question, *(passage(text, start=number * 1000) for number, text in enumerate(texts)))
    if quote is not None:
        held = quote.evidence.passage
        assert held.start <= quote.evidence.start < quote.evidence.end <= held.end
        assert quote.evidence.quote == held.text[quote.evidence.start - held.start : quote.evidence.end - held.start]
        assert 0 <= quote.evidence.score <= 1


# Explanations

GUIDE = passage(
    "Visit our web site. To bleed the pump, stop it first. Open the bleed screw of the pump by one turn. "
    "Close the screw when water comes. Batteries are waste.",
    start=3000,
)


@pytest.mark.parametrize(
    ("question", "explains"),
    [
        ("How do I bleed the pump?", True),
        ("Can I run the pump dry?", True),
        ("Why does the pump stop?", True),
        ("What should I do when it leaks?", True),
        ("How many bars does the pump give?", False),
        ("At what pressure does the relief valve open?", False),
        ("What does E07 mean?", False),
        ("Where do I find the serial number?", True),
        ("Where can you see the fault log?", True),
        ("Where to put the anode", True),
        ("Where is the relief valve?", False),
        ("My pump leaks at the seal.", True),
        ("I have just cut the power. How long until I may open it?", False),
    ],
)
def test_an_explanation_is_told_from_a_fact(question: str, explains: bool) -> None:
    assert asks_for_explanation(question) is explains


BLEEDING = passage("Stop the pump. Open the screw. It takes 3 minutes at 2 bar.", headings=("Bleeding the pump",))


@pytest.mark.parametrize(
    ("question", "wants"),
    [
        ("Bleeding the pump", True),
        ("What is bleeding of a pump?", True),
        ("What is a bleeding pump?", True),
        ("Which screw holds the foot of the motor?", False),  # nothing of it stands in the heading
        ("How long does bleeding the pump take?", False),
        ("Bleeding the pump: when?", False),
        ("What is the pressure of bleeding the pump?", False),
        ("At what water pressure is bleeding the pump done?", False),
        ("Which part number for bleeding the pump?", False),
        ("Pressure of bleeding the pump in bar", False),
        ("Who is bleeding the pump?", False),
        ("Bleeding the pump P-07", False),
        ("What do I do when the motor hums?", True),
        ("Is there a way to stop the motor?", True),
        ("What is the purpose of the screw?", True),
        ("What does the screw hold?", False),
        ("How do I paint a fence?", True),  # asks for a way, whatever was found
    ],
)
def test_who_names_a_section_wants_what_it_says_unless_a_value(question: str, wants: bool) -> None:
    sentences = read(question, weights(question), [BLEEDING, CARE], similarity)
    assert wants_explanation(question, sentences) is wants


def test_only_the_best_passages_heading_counts() -> None:
    question = "Bleeding the pump"
    assert not wants_explanation(question, read(question, weights(question), [CARE, BLEEDING], similarity))
    assert not wants_explanation(question, ())


def test_who_names_a_section_is_quoted_more_of_it_than_a_sentence() -> None:
    quote = quoted("Bleeding the pump", BLEEDING, CARE)
    assert quote.evidence.passage == BLEEDING
    assert len(quote.shown) > len("Stop the pump.")


def test_the_support_of_a_stretch_is_that_of_its_best_sentence() -> None:
    question = "How do I bleed the pump?"
    sentences = read(question, weights(question), [GUIDE, CARE], similarity)
    quote = best_quote(question, sentences)
    assert quote is not None
    held = quote.evidence.passage
    inside = [
        one.value
        for one in sentences
        if one.passage is held
        and quote.evidence.start <= held.start + one.start
        and held.start + one.end <= quote.evidence.end
    ]
    assert quote.evidence.score == pytest.approx(max(inside))


def test_an_explanation_is_quoted_as_one_stretch_without_what_is_beside_the_point() -> None:
    quote = quoted("How do I bleed the pump?", GUIDE)
    assert "stop it first" in quote.shown
    assert "Open the bleed screw" in quote.shown
    assert "Batteries" not in quote.shown
    assert quote.shown == quote.evidence.quote


def test_an_explanation_stays_inside_its_passage() -> None:
    quote = quoted("How do I bleed the pump?", GUIDE, passage("Bleed the pump with the bleed screw.", start=9000))
    assert quote.evidence.passage.start <= quote.evidence.start < quote.evidence.end <= quote.evidence.passage.end


def test_a_row_is_quoted_alone_also_where_an_explanation_is_asked_for() -> None:
    assert quoted("Why does it show E06 Motor too hot?", TABLE).evidence.quote == "E06 | Motor too hot | 90 °C"


def test_a_question_in_a_document_answers_nothing_and_what_stands_behind_it_does() -> None:
    held = passage("When does the relief valve open? At 8 bar. Lorem ipsum dolor sit amet.")
    quote = quoted("When does the relief valve open?", held)
    assert quote is not None
    assert "At 8 bar." in quote.shown
    alone = passage("When does the relief valve open?")
    assert quoted("When does the relief valve open?", alone) is None


@pytest.mark.parametrize("question", ["The pump is noisy. What can I do?", "Pump noisy"])
def test_what_only_repeats_the_question_is_quoted_with_what_stands_behind_it(question: str) -> None:
    held = passage("The pump is noisy. Bleed the inlet line. The label is red.")
    assert "Bleed the inlet line." in quoted(question, held).shown
