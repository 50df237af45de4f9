from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.quantities import (
    KNOWN_UNITS,
    fold,
    identifiers,
    joined_compounds,
    plain_number,
    quantities,
    spaced_identifiers,
    unit_of,
)


def found(text: str) -> list[tuple[str, str]]:
    return [(one.number, one.unit) for one in quantities(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.5 kW", [("5.5", "kw")]),
        ("5.5kW", [("5.5", "kw")]),
        ("5,5 kW", [("5.5", "kw")]),
        ("5.50 kW", [("5.5", "kw")]),
        ("5.5\u00a0kW", [("5.5", "kw")]),
        ("5.5\u202fkW", [("5.5", "kw")]),
        ("1,200 rpm", [("1200", "rpm")]),
        ("1.200.000", [("1.200.000", "")]),
        ("1.500 U/min", [("1.500", "rpm")]),  # by German rules 1500, by English ones 1.5: neither is confirmed
        ("1.500,5 kg", [("1500.5", "kg")]),
        ("1,500.5 kg", [("1500.5", "kg")]),
        ("0,500 kg", [("0.5", "kg")]),  # was 500 kg
        ("0.500 kg", [("0.5", "kg")]),
        ("9,0 bar", [("9", "bar")]),
        ("alle 6 Monate", [("6", "month")]),
        ("2 Std.", [("2", "h")]),
        ("cada 2 años", [("2", "year")]),
        ("3 días", [("3", "day")]),
        ("3/4 Zoll", [("3", ""), ("4", "inch")]),
        ("0.5 bar", [("0.5", "bar")]),
        ("007", [("7", "")]),
        ("25 Nm", [("25", "nm")]),
        ("20 °C", [("20", "°c")]),
        ("20°C", [("20", "°c")]),
        ("10 %", [("10", "%")]),
        ("10%", [("10", "%")]),
        ("10 percent", [("10", "%")]),
        ("3 m³/h", [("3", "m³/h")]),
        ("12 l/min", [("12", "l/min")]),
        ("every 6 months", [("6", "month")]),
        ("1 month", [("1", "month")]),
        ("10 minutes", [("10", "min")]),
        ("2 hours", [("2", "h")]),
        ("3 things", [("3", "")]),
        ("no numbers here", []),
        ("", []),
    ],
)
def test_a_number_is_found_with_its_unit_in_one_spelling(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5.5 kW", "5.5 W"), ("5 bar", "5 mbar"), ("5 mm", "5 cm"), ("20 °C", "20 °F"), ("10 min", "10 s"),
        ("5 V", "5 A"), ("0.5 l", "0.5 ml"), ("1 kohm", "1 ohm"), ("3 months", "3 weeks"), ("1.5 bar", "15 bar"),
        ("1,200 W", "1.2 W"), ("10.000 h", "10 h"), ("10.000 h", "100.000 h"), ("6 Monate", "6 Wochen"),
    ],
)  # fmt: skip
def test_what_differs_stays_different(one: str, other: str) -> None:
    # A conversion is not a quotation: 5 bar and 5000 mbar are not the same words, and 5 bar and 5 mbar not the same.
    assert found(one) != found(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The unit took the second number with it, so that 230V/60Hz agreed with 230V/50Hz.
        ("230V/50Hz", [("230", "v"), ("50", "hz")]),
        ("230 V / 50 Hz", [("230", "v"), ("50", "hz")]),
        ("25 Nm/18 ft", [("25", "nm"), ("18", "ft")]),
        # A bracket behind the unit hid it, so that (5 bar) was a bare 5.
        ("(5.5 kW)", [("5.5", "kw")]),
        ("5 kW(max)", [("5", "kw")]),
        # Case folding turns the micro sign into a Greek letter, which was in no table: 5 µm agreed with 5 mm.
        ("5 \u00b5m", [("5", "µm")]),
        ("5 \u03bcm", [("5", "µm")]),
        ("3 k\u2126", [("3", "kohm")]),
        ("3 k\u03a9", [("3", "kohm")]),
        ("10 A/phase", [("10", "a")]),
        ("12 l/min, 24 l/h", [("12", "l/min"), ("24", "l/h")]),
    ],
)
def test_what_stands_behind_a_unit_does_not_hide_it(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_both_ends_of_a_range_are_found() -> None:
    assert [number for number, _ in found("between 2 and 4 bar")] == ["2", "4"]
    assert [number for number, _ in found("2-4 bar")] == ["2", "4"]
    assert [number for number, _ in found("2–4 bar")] == ["2", "4"]


def test_quantities_side_by_side_are_quantities_and_no_identifier() -> None:
    assert found("230V/50Hz") == [("230", "v"), ("50", "hz")]
    assert identifiers("230V/50Hz") == set()


def test_the_article_is_not_ampere() -> None:
    assert found("press 2 a second time") == [("2", "")]
    assert unit_of("A") == "a"


@given(st.text(string.printable + "äé°µ²³½–−水🙂\u00a0", max_size=200))
def test_offsets_point_at_the_number_in_the_text(text: str) -> None:
    for one in quantities(text):
        shown = text[one.start : one.end]
        assert shown[0].isdigit()
        assert plain_number(shown[: len(shown.rstrip(string.ascii_letters + 'µ°μ/²³%" '))] or shown)


@given(st.text(string.printable + "äé°µ²³½–−水🙂\u00a0", max_size=200))
def test_quantities_are_in_reading_order_and_do_not_overlap(text: str) -> None:
    ends = 0
    for one in quantities(text):
        assert one.start >= ends
        ends = one.end


@given(st.integers(0, 10**9), st.integers(0, 999))
def test_a_number_means_the_same_with_a_comma_or_a_point(whole: int, part: int) -> None:
    digits = f"{part:03}".rstrip("0")
    if len(digits) in (1, 2):  # three digits behind a comma are thousands
        assert plain_number(f"{whole}.{digits}") == plain_number(f"{whole},{digits}")


@given(st.integers(0, 10**9))
def test_thousands_separators_and_leading_zeros_do_not_matter(number: int) -> None:
    assert plain_number(f"{number:,}") == plain_number(f"000{number}") == str(number)


@pytest.mark.parametrize("text", ["1.2.3", "2024.05.01"])
def test_a_version_or_date_stays_as_it_stands(text: str) -> None:
    assert plain_number(text) == text


@pytest.mark.parametrize("unit", sorted(KNOWN_UNITS))
def test_every_unit_is_known_in_any_case_and_has_one_spelling(unit: str) -> None:
    once = unit_of(unit)
    if unit == "a":
        assert once == ""
        return
    assert once
    # Only m in front of a unit changes its meaning with its case: MW is not mW.
    assert unit_of(unit.upper()).casefold() == once.casefold()
    assert unit_of(once) in (once, "") or once == "a"


@pytest.mark.parametrize("text", ["", "pump", "kilo", "valve", "ampere-hour", "xyz"])
def test_other_words_are_no_units(text: str) -> None:
    assert unit_of(text) == ""


# Identifiers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error E07 appears", {"e07"}),
        ("error e07", {"e07"}),
        ("E 07", {"e07"}),
        ("E-07", {"e07"}),
        ("F-220", {"f220"}),
        ("F‑220", {"f220"}),
        ("F - 220", {"f220"}),
        ("F 220", {"f220"}),
        ("M4x12 screw", {"m4x12"}),
        ("part NP-4410-07", {"np441007"}),
        ("NP_4410_07", {"np441007"}),
        ("DN25/PN16", {"dn25pn16"}),
        ("5.5 kW", set()),
        ("10 minutes", set()),
        ("230V", set()),
        ("12", set()),
        ("Wi-Fi", set()),
        ("", set()),
    ],
)
def test_a_code_is_found_however_it_is_set(text: str, expected: set[str]) -> None:
    assert identifiers(text) == expected


@pytest.mark.parametrize(
    ("one", "other"), [("E07", "E70"), ("E07", "E7"), ("F-220", "F-22"), ("NP-4410-07", "NP-4410-08")]
)
def test_neighbouring_codes_stay_apart(one: str, other: str) -> None:
    assert identifiers(one).isdisjoint(identifiers(other))


def test_the_digits_of_a_code_are_no_quantity() -> None:
    assert found("E07, F-220, NP-4410-07, M4x12 and E 07") == []


def test_a_code_in_front_of_a_quantity_swallows_nothing() -> None:
    assert found("E07 at 5.5 kW") == [("5.5", "kw")]
    assert identifiers("E07 at 5.5 kW") == {"e07"}


def test_a_sentences_first_word_and_a_number_are_no_code() -> None:
    assert identifiers("In 2024 the pump was built.") == set()
    assert spaced_identifiers("Wait 10 s") == []


def test_a_word_in_front_of_a_quantity_does_not_make_it_a_code() -> None:
    # "AC 230" was a code, so that the text had no 230 V.
    assert found("AC 230 V, DC 24V, PN 16 bar") == [("230", "v"), ("24", "v"), ("16", "bar")]
    assert identifiers("AC 230 V, DC 24V, PN 16 bar") == set()


def test_a_code_in_front_of_a_word_that_is_also_a_unit_stays_one() -> None:
    assert identifiers("E 17 in the display, E 07 min") == {"e17", "e07"}


def test_compounds_without_digits_are_joined() -> None:
    assert joined_compounds("the Wi-Fi and on/off switch") == ["wifi", "onoff"]


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    assert all(name == fold(name) for name in identifiers(text))
    assert isinstance(quantities(text), list)


# Folding


@pytest.mark.parametrize(
    ("word", "folded"), [("Über", "uber"), ("ÉTÉ", "ete"), ("straße", "strasse"), ("ñ", "n"), ("水", "水")]
)
def test_folding_drops_case_and_accents(word: str, folded: str) -> None:
    assert fold(word) == folded


@given(st.text(max_size=50))
def test_folding_twice_changes_nothing_more(word: str) -> None:
    assert fold(fold(word)) == fold(word)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("at -20 °C", "-20"),
        ("−5 K", "-5"),
        ("(–3.5 bar)", "-3.5"),
        ("5-10 mm", "10"),
        ("5 - 10 mm", "10"),
        ("20 °C", "20"),
    ],
)
def test_a_minus_in_front_of_a_number_is_kept_and_a_range_is_none(text: str, number: str) -> None:
    assert quantities(text)[-1].number == number


def test_mega_and_milli_are_two_units() -> None:
    assert [one.unit for one in quantities("5 MW, 5 mW, 5 MHz, 5 mhz")] == ["Mw", "mw", "Mhz", "mhz"]
