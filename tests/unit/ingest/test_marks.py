"""Bullets, steps, warnings and dates told from a line's words."""

from __future__ import annotations

import pytest

from assistant.ingest.marks import is_warning, iso_date, list_mark, revision_date
from assistant.types import BlockKind


@pytest.mark.parametrize(
    ("line", "label", "rest"),
    [
        ("- tighten the bolt", "-", "tighten the bolt"),
        ("• tighten", "-", "tighten"),
        ("\uf0b7 tighten", "-", "tighten"),
        ("3. tighten", "3.", "tighten"),
        ("12) tighten", "12.", "tighten"),
        ("(4) tighten", "4.", "tighten"),
        ("Step 2. tighten", "2.", "tighten"),
        ("b) tighten", "b.", "tighten"),
    ],
)
def test_a_list_mark_is_found(line: str, label: str, rest: str) -> None:
    mark = list_mark(line)
    assert mark is not None
    assert (mark.label, line[mark.length :]) == (label, rest)
    assert mark.kind is (BlockKind.LIST_ITEM if label == "-" else BlockKind.STEP)


@pytest.mark.parametrize(
    "line", ["2.5 bar is the limit", "-5 °C", "E07 is shown", "1200 | AT90S1200", "A pump", "3.", "-"]
)
def test_no_list_mark_is_imagined(line: str) -> None:
    assert list_mark(line) is None


@pytest.mark.parametrize(
    "text",
    [
        "WARNING: hot",
        "⚠ CAUTION hot",
        "Danger! hot",
        "Achtung: heiß",
        "[WARNING] hot",
        "WARNUNG heiß",
        "Caution : x",
        "PELIGRO quema",
    ],
)
def test_a_warning_is_recognised(text: str) -> None:
    assert is_warning(text)


@pytest.mark.parametrize(
    "text",
    ["Warning lamps are red.", "NOTE: cold", "The WARNING sign", "Dangerous voltage", "WARNING-free", "CAUTIONARY"],
)
def test_no_warning_is_imagined(text: str) -> None:
    assert not is_warning(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-12", "2026-03-12"),
        ("12.03.2026", "2026-03-12"),
        ("25/03/2026", "2026-03-25"),
        ("03/25/2026", "2026-03-25"),
        ("12 March 2026", "2026-03-12"),
        ("March 12, 2026", "2026-03-12"),
        ("12. März 2026", "2026-03-12"),
        ("March 2026", "2026-03"),
        ("03/2026", "2026-03"),
        ("2026-13-40", None),
        ("firmware 4.18.2", None),
    ],
)
def test_dates_become_iso(text: str, expected: str | None) -> None:
    assert iso_date(text) == expected


def test_a_date_beside_a_revision_word_is_taken() -> None:
    assert revision_date("Founded 1.1.1990. Document X, revision 4, 2026-03-12") == "2026-03-12"


def test_a_date_without_such_a_word_is_not_taken() -> None:
    assert revision_date("The pump was built on 2026-03-12.") is None


def test_a_date_far_into_the_document_is_not_taken() -> None:
    assert revision_date("x " * 1_000 + "revision 2026-03-12") is None
