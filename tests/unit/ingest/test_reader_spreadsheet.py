"""XLSX: each row alone says what it says, with the numbers as the sheet shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.passages import split
from assistant.ingest.readers.number_formats import shown
from assistant.ingest.readers.spreadsheet import SpreadsheetReader
from assistant.types import Document
from tests.artifacts.office_bytes import cell, sheet, sheet_xml, xlsx_bytes

FAULTS = [("Code", "Meaning", "Limit"), ("E07", "Too hot", 80), ("E08", "No water", 2.5)]


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(*sheets: str, **more: object) -> Document:
        path = tmp_path / "fault list.xlsx"
        path.write_bytes(xlsx_bytes(*sheets, **more))  # type: ignore[arg-type]
        return SpreadsheetReader().read(path, path.name)

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def paragraphs(document: Document) -> list[str]:
    return [text for kind, text in blocks(document) if kind == "paragraph"]


def test_a_row_is_a_passage_with_the_names_of_its_columns(read) -> None:  # type: ignore[no-untyped-def]
    document = read(sheet(FAULTS))
    assert blocks(document) == [
        ("heading", "E07"),
        ("paragraph", "Code: E07; Meaning: Too hot; Limit: 80"),
        ("heading", "E08"),
        ("paragraph", "Code: E08; Meaning: No water; Limit: 2.5"),
    ]
    passages = split(document, lambda text: len(text.split()))
    assert [(passage.section, passage.text) for passage in passages] == [
        ("E07", "Code: E07; Meaning: Too hot; Limit: 80"),
        ("E08", "Code: E08; Meaning: No water; Limit: 2.5"),
    ]


def test_a_sheet_of_questions_becomes_questions_with_answers(read) -> None:  # type: ignore[no-untyped-def]
    document = read(sheet([("Nr", "Frage", "Antwort"), (1, "Wie entlüften?", "1. Öffnen.\n2. Warten.")]))
    assert blocks(document) == [
        ("heading", "Wie entlüften?"),
        ("step", "1. Öffnen."),
        ("step", "2. Warten."),
        ("paragraph", "Nr: 1"),
    ]


def test_titles_above_a_table_and_several_tables_are_told_apart(read) -> None:  # type: ignore[no-untyped-def]
    document = read(sheet([("Fault codes",), *FAULTS, (), ("Parts",), ("Part", "Number"), ("Filter", "F-220")]))
    assert [text for kind, text in blocks(document) if kind == "heading"] == [
        "Fault codes", "E07", "E08", "Parts", "Filter",
    ]  # fmt: skip
    assert paragraphs(document)[-1] == "Part: Filter; Number: F-220"


def test_a_blank_row_inside_a_table_does_not_end_it(read) -> None:  # type: ignore[no-untyped-def]
    assert paragraphs(read(sheet([*FAULTS, (), ("E09", "Stuck", "x")])))[-1] == "Code: E09; Meaning: Stuck; Limit: x"


def test_merged_cells_stand_in_each_row_and_group_the_names(read) -> None:  # type: ignore[no-untyped-def]
    rows = [("Code", "Limit", ""), ("", "min", "max"), ("E07", 1, 2), ("", 3, 4)]
    document = read(sheet(rows, merged=["A1:A2", "B1:C1", "A3:A4"]))
    assert paragraphs(document) == ["Code: E07; Limit min: 1; Limit max: 2", "Code: E07; Limit min: 3; Limit max: 4"]


def test_sheets_have_their_names_and_hidden_ones_are_left_out(read) -> None:  # type: ignore[no-untyped-def]
    document = read(
        sheet(FAULTS), sheet([("Part", "Number"), ("Filter", "F-220")]), sheet([("secret", "x")]),
        names=["Faults", "Parts", "Lists"], states=["visible", "visible", "hidden"],
    )  # fmt: skip
    headings = [(text, block.level) for (kind, text), block in zip(blocks(document), document.blocks, strict=True)
                if kind == "heading"]  # fmt: skip
    assert headings == [("Faults", 2), ("E07", 4), ("E08", 4), ("Parts", 2), ("Filter", 4)]
    assert "secret" not in document.text


def test_values_are_shown_as_the_sheet_shows_them(read) -> None:  # type: ignore[no-untyped-def]
    head = "".join(cell(f"{letter}1", f"{letter} name") for letter in "ABCDEFG")
    body = (
        cell("A2", "x") + cell("B2", 5.5, style=1) + cell("C2", 45366.75, style=2) + cell("D2", 0.256, style=3)
        + '<c r="E2" t="s"><v>1</v></c><c r="F2" t="b"><v>1</v></c><c r="G2" t="e"><v>#REF!</v></c>'
    )  # fmt: skip
    document = read(
        sheet_xml(f'<row r="1">{head}</row><row r="2">{body}</row>'),
        formats=['0.00 "bar"', "dd.mm.yyyy hh:mm", "0.0%"],
    )
    assert paragraphs(document) == [
        "A name: x; B name: 5.50 bar; C name: 2024-03-15 18:00; D name: 25.6%; E name: in runs; F name: TRUE"
    ]


def test_formulas_show_their_last_result_and_are_not_computed(read) -> None:  # type: ignore[no-untyped-def]
    head = cell("A1", "Name") + cell("B1", "Sum")
    body = cell("A2", "x") + cell("B2", 7, formula='WEBSERVICE("http://example.org")')
    document = read(sheet_xml(f'<row r="1">{head}</row><row r="2">{body}</row>'))
    assert paragraphs(document) == ["Name: x; Sum: 7"]


def test_rows_without_anything_to_tell_them_apart_are_numbered(read) -> None:  # type: ignore[no-untyped-def]
    document = read(sheet([("Kind", "State"), *[("pump", "on")] * 3]))
    assert [text for kind, text in blocks(document) if kind == "heading"] == ["Row 1", "Row 2", "Row 3"]


def test_title_and_date_come_from_the_properties_else_from_the_name(read) -> None:  # type: ignore[no-untyped-def]
    document = read(sheet(FAULTS), title="Faults of P-40", modified="2024-05-06T10:00:00Z")
    assert (document.title, document.revised) == ("Faults of P-40", "2024-05-06")
    assert read(sheet(FAULTS)).title == "Fault list"


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ('<row r="1"><c r="XFD1"><v>1</v></c></row>', "500 columns"),
        ("<row>" + "<c><v>1</v></c>" * 600 + "</row>", "500 columns"),
    ],
)
def test_too_many_columns_are_refused(read, rows: str, what: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match=rf"^fault list\.xlsx has more than {what}; save the part"):
        read(sheet_xml(rows))


@pytest.mark.timeout(30)
def test_merges_without_bound_are_harmless(read) -> None:  # type: ignore[no-untyped-def]
    merged = [f"A{row}:XFD1048576" for row in range(1, 5_000)]
    assert len(read(sheet([(f"x{row}", "y") for row in range(1_000)], merged=merged)).text) < 2_000_000


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("5.5", "0.00", "5.50"), ("5.5", "General", "5.5"), ("0.30000000000000004", "General", "0.3"),
        ("1234567.891", "#,##0.00", "1,234,567.89"), ("12345", "0.00E+00", "1.23E+04"), ("7", "000", "007"),
        ("-3.2", "0.0;[Red]-0.0", "-3.2"), ("-3.2", "0.0_);(0.0)", "(3.2)"), ("5.5", "#.##", "5.5"), ("5", "#.##", "5"),
        ("1500000", '0.0,,"M"', "1.5M"), ("3.25", "# ?/?", "3.25"), ("0", '0.0;-0.0;"off"', "off"),
        ("3", 'General" bar"', "3 bar"), ("99", "[$€-407] #,##0.00", "€ 99.00"), ("-0.001", "0.00", "0.00"),
        ("45366", "dd.mm.yyyy", "2024-03-15"), ("0.75", "hh:mm", "18:00"), ("1.5", "[h]:mm", "36:00"),
        ("60", "yyyy-mm-dd", "1900-02-29"), ("2958466", "yyyy-mm-dd", "2958466"), ("x", "0", "x"),
        ("1e300", "0.00", "1e300"), ("NaN", "0.00", "NaN"), ("12", '0.0\\ "bar"', "12.0 bar"),
    ],
)  # fmt: skip
def test_number_formats(value: str, pattern: str, expected: str) -> None:
    assert shown(value, pattern) == expected


def test_days_may_be_counted_from_1904() -> None:
    assert shown("43904", "yyyy-mm-dd", since_1904=True) == "2024-03-15"
