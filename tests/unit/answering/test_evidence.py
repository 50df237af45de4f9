from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.evidence import Gate, Verdict, mistakable
from tests.unit.answering.passages import TABLE, passage

PUMP = passage(
    "The pump P-12 delivers 5.5 kW at 2.5 bar. The relief valve opens at 8 bar. Do not open the cover while the "
    "motor runs. Tighten the M8 bolts with 25 Nm. Replace the filter NP-4410-07 every 6 months. "
    "Supply: 230V/50Hz (max. 16 A)."
)


def judge(sentence: str, *passages: object) -> Verdict:
    return Gate([*(passages or (PUMP,))]).judge(sentence)  # type: ignore[list-item]


@pytest.mark.parametrize(
    "sentence",
    [
        "The pump P-12 delivers 5.5 kW at 2.5 bar.",
        "The pump P 12 delivers 5,5 kW at 2.5bar.",
        "The relief valve opens at 8 bar.",
        "The valve opens at 8 bar.",
        "Tighten the M8 bolts with 25 Nm.",
        "Replace the filter NP-4410-07 every 6 months.",
        "Do not open the cover while the motor runs.",
        "Supply: 230V/50Hz, max. 16 A.",
        "1. Tighten the M8 bolts with 25 Nm.",
        "- The relief valve opens at 8 bar.",
    ],
)
def test_what_the_passage_says_is_supported(sentence: str) -> None:
    verdict = judge(sentence)
    assert verdict.supported, verdict.reason
    assert verdict.reason == ""


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("The relief valve opens at 9 bar.", "9 bar"),
        ("The relief valve opens at 80 bar.", "80 bar"),
        ("The relief valve opens at 0.8 bar.", "0.8 bar"),
        ("The relief valve opens at 8 mbar.", "8 mbar"),
        ("The relief valve opens at 8 psi.", "8 psi"),
        ("The pump P-12 delivers 55 kW at 2.5 bar.", "55 kw"),
        ("The pump P-12 delivers 5.5 W at 2.5 bar.", "5.5 w"),
        ("The pump P-12 delivers 5.5 kW at 25 bar.", "25 bar"),
        ("Tighten the M8 bolts with 26 Nm.", "26 nm"),
        ("Replace the filter NP-4410-07 every 6 weeks.", "6 week"),
        ("Replace the filter NP-4410-07 every 12 months.", "12 month"),
        ("Supply: 230V/60Hz (max. 16 A).", "60 hz"),
        ("Supply: 110V/50Hz (max. 16 A).", "110 v"),
        ("Supply: 230V/50Hz (max. 10 A).", "10 a"),
    ],
)
def test_a_wrong_number_or_unit_is_withheld_and_named(sentence: str, wrong: str) -> None:
    verdict = judge(sentence)
    assert not verdict.supported
    assert wrong in verdict.reason


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("The pump P-13 delivers 5.5 kW at 2.5 bar.", "p13"),
        ("Tighten the M10 bolts with 25 Nm.", "m10"),
        ("Replace the filter NP-4410-08 every 6 months.", "np441008"),
        ("Replace the filter NP-4410 every 6 months.", "np4410"),
    ],
)
def test_a_wrong_identifier_is_withheld_and_named(sentence: str, wrong: str) -> None:
    verdict = judge(sentence)
    assert not verdict.supported
    assert wrong in verdict.reason


def test_a_number_of_another_sentence_does_not_support() -> None:
    # 25 stands in the passage, but of the bolts; the two sentences are not neighbours.
    assert not judge("The pump P-12 delivers 25 kW.").supported
    assert not judge("The relief valve opens at 6 bar.").supported


@pytest.mark.parametrize(
    "sentence",
    [
        "Open the cover while the motor runs.",
        "The relief valve does not open at 8 bar.",
        "Never replace the filter NP-4410-07 every 6 months.",
        "The pump P-12 cannot deliver 5.5 kW at 2.5 bar.",
    ],
)
def test_a_sentence_that_turns_its_evidence_round_is_withheld(sentence: str) -> None:
    assert not judge(sentence).supported


def test_without_negated_neighbours_a_negated_claim_is_withheld() -> None:
    held = passage("The relief valve opens at 8 bar. The pump has a cover of steel.")
    assert not judge("The relief valve does not open at 8 bar.", held).supported


@pytest.mark.parametrize("sentence", ["Yes, the relief valve opens at 8 bar.", "Valve No. 1 opens at 8 bar."])
def test_a_yes_or_the_short_form_of_number_is_no_negation(sentence: str) -> None:
    verdict = judge(sentence, passage("The relief valve no. 1 opens at 8 bar."))
    assert verdict.supported, verdict.reason


@pytest.mark.parametrize(
    "sentence",
    [
        "The kiosk sells coffee and tea.",
        "Bananas grow in the tropics.",
        "The relief valve was painted green by Martian engineers yesterday.",
    ],
)
def test_what_the_passage_does_not_speak_of_is_withheld(sentence: str) -> None:
    assert not judge(sentence).supported


@pytest.mark.parametrize("sentence", ["", " ", "?!", "…", "Pump.", "The.", "<|im_end|>", "<|im_start|>user", "##"])
def test_what_says_nothing_is_never_shown_as_fact(sentence: str) -> None:
    assert not judge(sentence).supported


def test_without_passages_nothing_is_supported() -> None:
    verdict = Gate([]).judge("The relief valve opens at 8 bar.")
    assert (verdict.supported, verdict.evidence) == (False, None)


# Table rows


@pytest.mark.parametrize(
    "sentence",
    ["E07 means that the pump runs dry.", "Error code E06: motor too hot.", "The limit of E05 is 12 bar."],
)
def test_a_row_supports_what_it_says(sentence: str) -> None:
    verdict = judge(sentence, TABLE)
    assert verdict.supported, verdict.reason


@pytest.mark.parametrize(
    "sentence",
    [
        "E07 means that the motor is too hot.",
        "E06 means that the pump runs dry.",
        "The limit of E07 is 12 bar.",
        "The limit of E05 is 0.4 bar.",
        "E05 means inlet blocked, limit 90 °C.",
    ],
)
def test_a_row_does_not_support_what_its_neighbour_says(sentence: str) -> None:
    assert not judge(sentence, TABLE).supported


def test_the_evidence_of_a_row_is_that_row() -> None:
    evidence = judge("E07 means that the pump runs dry.", TABLE).evidence
    assert evidence is not None
    assert evidence.quote == "E07 | Pump runs dry | 0.4 bar"


# Evidence


def test_evidence_is_a_span_of_its_passage() -> None:
    evidence = judge("The relief valve opens at 8 bar.").evidence
    assert evidence is not None
    assert evidence.quote == "The relief valve opens at 8 bar."
    assert PUMP.text[evidence.start - PUMP.start : evidence.end - PUMP.start] == evidence.quote


def test_two_neighbouring_sentences_support_what_joins_them() -> None:
    evidence = judge("The pump P-12 delivers 5.5 kW at 2.5 bar and the relief valve opens at 8 bar.").evidence
    assert evidence is not None
    assert evidence.quote.startswith("The pump P-12")
    assert evidence.quote.endswith("8 bar.")


def test_headings_say_what_a_sentence_is_about() -> None:
    said = "The tightening torque of the cover bolts is 12 Nm."
    assert judge(said, passage("It is 12 Nm.", headings=("Cover bolts", "Tightening torque"))).supported


def test_the_shortest_span_that_fits_is_the_evidence() -> None:
    evidence = judge("Tighten the M8 bolts.").evidence
    assert evidence is not None
    assert evidence.quote == "Tighten the M8 bolts with 25 Nm."


def test_of_several_passages_the_one_that_agrees_is_cited() -> None:
    other = passage("The relief valve opens at 9 bar.", start=5000)
    for order in ((PUMP, other), (other, PUMP)):
        evidence = Gate(order).judge("The relief valve opens at 9 bar.").evidence
        assert evidence is not None
        assert evidence.passage == other


@given(st.text(max_size=200), st.text(max_size=300))
def test_no_sentence_and_no_passage_is_too_strange(sentence: str, text: str) -> None:
    made = passage(text)
    verdict = Gate([made]).judge(sentence)
    if verdict.evidence is not None:
        assert made.start <= verdict.evidence.start < verdict.evidence.end <= made.end
        assert 0 <= verdict.evidence.score <= 1
    assert verdict.supported == (not verdict.reason)


@given(st.integers(0, 99_999), st.sampled_from(["bar", "kW", "mm", "°C", "V", "%"]))
def test_a_number_that_is_not_in_the_passage_is_never_supported(number: int, unit: str) -> None:
    held = {(8, "bar"), (25, "Nm")}
    assert judge(f"The relief valve opens at {number} {unit}.").supported == ((number, unit) in held)


INTERVALS = passage(
    "Task | Interval | Time\nCalibrate the dose | Every 10,000 cups | 15 min for each grinder\n"
    "Replace the milk pump tube | Every 15,000 milk drinks | 10 min"
)
ASKED = {"often": 5.7, "milk": 1.1, "tube": 3.2, "replac": 2.0}


@pytest.mark.parametrize(
    "sentence",
    [
        "Replace the milk pump tube | Every 10,000 cups | 15 min",
        "Replace the milk pump tube every 10,000 cups, 15 min for each grinder.",
        "The milk pump tube is replaced every 10,000 cups.",
    ],
)
def test_the_numbers_of_one_row_are_not_given_to_another(sentence: str) -> None:
    verdict = Gate([INTERVALS], ASKED).judge(sentence)
    assert not verdict.supported, verdict.evidence


@pytest.mark.parametrize(
    "sentence",
    ["Replace the milk pump tube every 15,000 milk drinks.", "Replace the milk pump tube | Every 15,000 milk drinks"],
)
def test_the_row_itself_supports(sentence: str) -> None:
    verdict = Gate([INTERVALS], ASKED).judge(sentence)
    assert verdict.supported, verdict.reason
    assert verdict.evidence is not None
    assert "15,000" in verdict.evidence.quote


ASKED = {"motor": 2.0, "run": 1.0, "hot": 3.0}


def test_a_claim_of_one_word_is_supported_where_its_evidence_speaks_of_what_was_asked() -> None:
    held = passage("The motor runs hot when the impeller is blocked. The label is red.")
    assert Gate([held], ASKED).judge("Impeller.").supported
    assert not Gate([held], ASKED).judge("Label.").supported
    assert not Gate([held]).judge("Impeller.").supported


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("9.9 bar", "Test at 1.1 times the pressure: 9.9 bar for the one and 7.7 bar for the other."),
        ("5,000", "Estimates vary from 5,000 to 30,000."),
        ("It takes 20 minutes.", "Wait 20 to 30 minutes."),
        ("3.8 bar", "Default set pressure | 3.8 bar | 4.5 bar"),
    ],
)
def test_a_number_beside_others_of_its_unit_can_be_mistaken(sentence: str, quote: str) -> None:
    assert mistakable(sentence, quote, "At what pressure, and how long?")


@pytest.mark.parametrize(
    ("sentence", "quote", "question"),
    [
        ("80 %", "In 1991 it was 80 % of all.", "How much?"),
        ("9 bar", "Safety valve SV1 opens at 9 bar on the Aquila 220.", "When does it open?"),
        ("12 s", "E07 means no link for more than 12 s.", "What is E07?"),
        ("From 5 to 30 minutes.", "Wait 5 to 30 minutes.", "How long?"),
        ("Over 6 m use 4 mm².", "Over 6 m take 4 mm².", "Which cable over 6 m?"),
        ("The impeller.", "The impeller, 3 of 5 blades.", "What?"),
    ],
)
def test_a_number_that_stands_alone_or_with_all_others_cannot(sentence: str, quote: str, question: str) -> None:
    assert not mistakable(sentence, quote, question)
