from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.tables import CELL, header_of, is_row, spelled_out, statements

HEADER = "Code | Meaning | Action"
ROW = "E07 | Pump runs dry | Open the valve"


def test_a_row_is_spelled_out_with_its_columns() -> None:
    assert spelled_out(ROW, HEADER) == "Code: E07; Meaning: Pump runs dry; Action: Open the valve"


@pytest.mark.parametrize("header", ["", "Code | Meaning", "Code | Meaning | Action | More", ROW])
def test_a_row_whose_header_is_not_known_stays_as_it_stands(header: str) -> None:
    assert spelled_out(ROW, header) == ROW


@pytest.mark.parametrize("blank", ["", "-", "–", " "])
def test_a_cell_without_content_is_left_out(blank: str) -> None:
    assert spelled_out(f"E07 | {blank} | Open the valve", HEADER) == "Code: E07; Action: Open the valve"


def test_the_header_is_the_first_row_of_the_table_above() -> None:
    text = f"Intro.\n\n{HEADER}\nE06 | Hot | Wait\n{ROW}"
    assert header_of(text.index(ROW), text, "") == HEADER


def test_the_header_of_a_table_that_began_earlier_is_the_context() -> None:
    assert header_of(len("E06 | Hot | Wait\n"), f"E06 | Hot | Wait\n{ROW}", HEADER) == HEADER


def test_the_rows_of_an_earlier_table_are_not_the_header() -> None:
    text = f"Part | Number\nSeal | 7\n\nText.\n\n{ROW}"
    assert header_of(text.index(ROW), text, "") == ""


@pytest.mark.parametrize(("line", "row"), [(ROW, True), ("a|b", False), ("The valve opens.", False), ("", False)])
def test_a_row_is_known_by_its_separator(line: str, row: bool) -> None:
    assert is_row(line) is row


LETTERS = st.characters(categories=["L", "N", "P", "S"], exclude_characters="|")
CELLS = st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=2, max_size=5)


@given(CELLS, CELLS)
def test_what_is_spelled_out_holds_every_cell(names: list[str], cells: list[str]) -> None:
    shown = spelled_out(CELL.join(cells), CELL.join(names))
    for cell in cells:
        assert cell.strip(" –-") in shown


def test_a_row_is_one_statement_whatever_its_cells_hold() -> None:
    row = "E05 | Signal above 21 mA. See B1. | Unplug B1. If the code stays, replace the board."
    text = f"Stop the pump. Wait.\n{row}\nE06 | Hot | Wait.\nClose the lid. Start."
    found = [text[start:end] for start, end in statements(text)]
    assert found == ["Stop the pump.", "Wait.", row, "E06 | Hot | Wait.", "Close the lid.", "Start."]


@given(st.text("aB. |\n!", max_size=120))
def test_statements_are_in_order_and_do_not_overlap(text: str) -> None:
    last = 0
    for start, end in statements(text):
        assert last <= start < end <= len(text)
        last = end
