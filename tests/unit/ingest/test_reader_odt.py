"""ODT: what LibreOffice shows on the page, and nothing of what it keeps behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.readers.odt import OdtReader
from assistant.types import Document
from tests.artifacts.office_bytes import odt_bytes

NUMBERED = (
    '<text:list-style style:name="L1">'
    '<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix=")"/>'
    '<text:list-level-style-number text:level="2" style:num-format="a" style:num-suffix="." text:display-levels="2"/>'
    '<text:list-level-style-bullet text:level="3"/></text:list-style>'
)
OUTLINE = (
    '<text:outline-style style:name="Outline"><text:outline-level-style text:level="1" style:num-format="1"/>'
    '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style>'
)


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(body: str, **more: object) -> Document:
        path = tmp_path / "a.odt"
        path.write_bytes(odt_bytes(body, **more))  # type: ignore[arg-type]
        return OdtReader().read(path, "a.odt")

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def p(text: str, style: str = "") -> str:
    return f'<text:p text:style-name="{style}">{text}</text:p>'


def items(*texts: str, more: str = "", attributes: str = "") -> str:
    inside = "".join(f"<text:list-item>{p(text)}</text:list-item>" for text in texts)
    return f'<text:list text:style-name="L1" {attributes}>{inside}{more}</text:list>'


def table(*rows: str) -> str:
    return f"<table:table>{''.join(f'<table:table-row>{row}</table:table-row>' for row in rows)}</table:table>"


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}>{p(text)}</table:table-cell>"


def test_headings_have_their_level_and_number(read) -> None:  # type: ignore[no-untyped-def]
    body = "".join(f'<text:h text:outline-level="{level}">H</text:h>' for level in (1, 2, 2, 1, 2)) + p("text")
    document = read(body, named=OUTLINE)
    assert [text for _, text in blocks(document)] == ["1 H", "1.1 H", "1.2 H", "2 H", "2.1 H", "text"]
    assert [block.level for block in document.blocks] == [1, 2, 2, 1, 2, 0]


def test_the_title_stands_above_all_headings(read) -> None:  # type: ignore[no-untyped-def]
    document = read(p("Pump manual", "P1") + '<text:h text:outline-level="1">Safety</text:h>' + p("x"),
                    styles='<style:style style:name="P1" style:parent-style-name="Title"/>',
                    named='<style:style style:name="Title"/>')  # fmt: skip
    assert document.title == "Pump manual"
    assert [block.level for block in document.blocks] == [1, 2, 0]


def test_steps_have_the_numbers_that_libreoffice_shows(read) -> None:  # type: ignore[no-untyped-def]
    inner = f"<text:list-item>{p('b')}<text:list><text:list-item>{p('c')}</text:list-item></text:list></text:list-item>"
    document = read(items("a", more=inner) + items("d"), styles=NUMBERED)
    assert blocks(document) == [("step", "1. a"), ("step", "2. b"), ("step", "2.a. c"), ("step", "1. d")]


def test_a_list_that_continues_counts_on(read) -> None:  # type: ignore[no-untyped-def]
    body = items("a", "b") + p("text") + items("c", attributes='text:continue-numbering="true"')
    assert blocks(read(body, styles=NUMBERED))[-1] == ("step", "3. c")


def test_an_item_may_say_its_number(read) -> None:  # type: ignore[no-untyped-def]
    more = f'<text:list-item text:start-value="7">{p("x")}</text:list-item>'
    assert [text for _, text in blocks(read(items("a", more=more), styles=NUMBERED))] == ["1. a", "7. x"]


@pytest.mark.parametrize(
    "noise",
    [
        "<text:tracked-changes><text:deletion><text:p>old</text:p></text:deletion></text:tracked-changes>",
        "<text:table-of-content><text:index-body><text:p>Safety 3</text:p></text:index-body></text:table-of-content>",
        "<text:p><text:note><text:note-citation>1</text:note-citation><text:p>foot</text:p></text:note></text:p>",
        "<text:p><office:annotation><text:p>remark</text:p></office:annotation></text:p>",
        '<text:section text:display="none"><text:p>hidden</text:p></text:section>',
        '<text:p><text:span text:style-name="T1">hidden</text:span></text:p>',
        '<text:p text:style-name="T1">hidden</text:p>',
    ],
)
def test_what_is_not_shown_goes(read, noise: str) -> None:  # type: ignore[no-untyped-def]
    hidden = '<style:style style:name="T1"><style:text-properties text:display="none"/></style:style>'
    assert read(noise + p("text"), styles=hidden).text == "text"


def test_spaces_tabs_and_breaks_are_spaces(read) -> None:  # type: ignore[no-untyped-def]
    assert read(p('a<text:s text:c="3"/>b<text:tab/>c<text:line-break/><text:span>d</text:span>e')).text == "a b c de"


def test_warnings_are_told_by_style(read) -> None:  # type: ignore[no-untyped-def]
    styles = '<style:style style:name="P1" style:parent-style-name="Warning_20_box"/>'
    document = read(p("Hot.", "P1"), styles=styles, named='<style:style style:name="Warning_20_box"/>')
    assert blocks(document) == [("warning", "Hot.")]


def test_tables_have_headers_spans_and_no_blank_columns(read) -> None:  # type: ignore[no-untyped-def]
    head = f"<table:table-header-rows><table:table-row>{cell('Code')}{cell('Cause')}</table:table-row>"
    body = table(
        cell("E07", 'table:number-rows-spanned="2"') + cell("hot"),
        "<table:covered-table-cell/>" + cell("dry") + cell("", 'table:number-columns-repeated="16000"'),
    )
    document = read(body.replace("<table:table>", f"<table:table>{head}</table:table-header-rows>"))
    assert blocks(document) == [
        ("table_header", "Code | Cause"),
        ("table_row", "E07 | hot"),
        ("table_row", "E07 | dry"),
    ]


def test_text_boxes_and_good_descriptions_are_read(read) -> None:  # type: ignore[no-untyped-def]
    frame = (
        f"<draw:frame><draw:text-box>{p('boxed')}</draw:text-box><svg:title>t</svg:title>"
        "<svg:desc>Front view of valve Y1</svg:desc></draw:frame>"
    )
    assert [text for _, text in blocks(read(p(frame + "around")))] == ["boxed", "around", "Front view of valve Y1"]


def test_pages_are_told_where_marks_and_properties_agree(read) -> None:  # type: ignore[no-untyped-def]
    body = p("one") + "<text:soft-page-break/>" + p("two")
    assert [block.page for block in read(body, pages=2).blocks] == [1, 2]
    assert [block.page for block in read(body, pages=3).blocks] == [None, None]
    hard = '<style:style style:name="P1"><style:paragraph-properties fo:break-before="page"/></style:style>'
    assert read(body, pages=2, styles=hard).blocks[0].page is None


def test_title_and_date_come_from_the_properties(read) -> None:  # type: ignore[no-untyped-def]
    document = read(p("text"), title="Pump P-40", date="2024-05-06T10:00:00")
    assert (document.title, document.revised) == ("Pump P-40", "2024-05-06")


def test_an_encrypted_document_is_refused_with_the_way_out(tmp_path: Path) -> None:
    space = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    manifest = f'<m:manifest xmlns:m="{space}"><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>'
    path = tmp_path / "a.odt"
    path.write_bytes(odt_bytes("", **{"META-INF__manifest_dot_xml": manifest}))
    with pytest.raises(UnreadableDocument, match=r"^a\.odt is encrypted; save it without a password"):
        OdtReader().read(path, "a.odt")
