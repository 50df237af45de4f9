"""Warnings beside what is answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.warnings import beside
from assistant.types import Evidence, Passage
from tests.unit.answering.passages import passage

WARNED = passage(
    "WARNING: The terminals carry 230 V. Switch off the main switch.\nFuse F3 is rated 1.6 A slow.\n"
    "Do not ignore warning lamps. The warning lamp is red."
)


def cited(held: Passage, text: str) -> Evidence:
    start = held.start + held.text.index(text)
    return Evidence(held, start, start + len(text), 1.0)


def told(held: Passage, text: str) -> list[str]:
    return [one.quote for one in beside([cited(held, text)])]


def test_a_warning_is_told_whole_and_only_it() -> None:
    assert told(WARNED, "Fuse F3 is rated 1.6 A slow.") == [
        "WARNING: The terminals carry 230 V. Switch off the main switch."
    ]


def test_its_offsets_point_into_the_document() -> None:
    found = beside([cited(WARNED, "Fuse F3")])[0]
    assert WARNED.text[found.start - WARNED.start : found.end - WARNED.start] == found.quote


@pytest.mark.parametrize("quoted", ["WARNING: The terminals", "Switch off the main switch.\nFuse F3"])
def test_what_is_quoted_already_is_not_told_again(quoted: str) -> None:
    assert told(WARNED, quoted) == []


@pytest.mark.parametrize(
    "signal", ["Warning:", "CAUTION", "DANGER!", "Achtung:", "VORSICHT", "Precaución:", "PELIGRO", "⚠ WARNING:"]
)
def test_the_usual_signal_words(signal: str) -> None:
    held = passage(f"{signal} Hot steam escapes.\nThe valve opens at 8 bar.")
    assert told(held, "The valve opens at 8 bar.") == [f"{signal} Hot steam escapes."]


@pytest.mark.parametrize("text", ["Warning lamps are red.", "The caution label is yellow.", "Dangerous goods: none."])
def test_words_about_warnings_are_none(text: str) -> None:
    assert told(passage(f"{text}\nThe valve opens at 8 bar."), "The valve opens at 8 bar.") == []


def test_a_passage_of_warnings_tells_two_and_cuts_long_ones() -> None:
    lines = "\n".join(f"DANGER: Hot part {n}. One. Two. Three. Four." for n in range(9))
    found = told(passage(f"{lines}\nThe valve opens at 8 bar."), "The valve opens at 8 bar.")
    assert found == ["DANGER: Hot part 0. One. Two.", "DANGER: Hot part 1. One. Two."]


def test_each_passage_is_looked_at_once() -> None:
    assert len(beside([cited(WARNED, "Fuse F3"), cited(WARNED, "1.6 A slow")])) == 1


def test_without_citations_there_is_nothing_to_warn_of() -> None:
    assert beside([]) == []


@given(st.text("WARNING: aB.!\n", max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_no_warning_overlaps_what_is_cited(text: str, one: int, other: int) -> None:
    held = passage(text)
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    for found in beside([Evidence(held, held.start + start, held.start + end, 1.0)]):
        assert found.end <= held.start + start or found.start >= held.start + end
        assert held.start <= found.start < found.end <= held.end
