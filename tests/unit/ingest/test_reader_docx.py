"""DOCX: what Word shows on the page, and nothing of what it keeps behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.ingest.readers.docx import DocxReader
from assistant.types import Document
from tests.artifacts.office_bytes import docx_bytes, docx_table, p, run


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(body: str, **more: object) -> Document:
        path = tmp_path / "a.docx"
        path.write_bytes(docx_bytes(body, **more))  # type: ignore[arg-type]
        return DocxReader().read(path, "a.docx")

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def test_headings_come_from_styles_names_and_outline_levels(read) -> None:  # type: ignore[no-untyped-def]
    outline = '<w:outlineLvl w:val="2"/>'
    document = read(p("A", style="H1") + p("B", style="Own") + p("C", props=outline) + p("D", style="H2") + p("text"))
    assert [block.level for block in document.blocks] == [1, 1, 3, 2, 0]


def test_the_title_stands_above_all_headings(read) -> None:  # type: ignore[no-untyped-def]
    document = read(p("Pump manual", style="Title") + p("Safety", style="H1") + p("text"))
    assert document.title == "Pump manual"
    assert [block.level for block in document.blocks] == [1, 2, 0]


@pytest.mark.parametrize(
    ("stated", "title"),
    [("Pump P-40", "Pump P-40"), ("Microsoft Word - x.doc", "A"), ("Pump", "A"), ("", "A")],
)
def test_the_title_in_the_properties_counts_where_there_is_no_better(read, stated: str, title: str) -> None:  # type: ignore[no-untyped-def]
    body = p("text") if title == stated else p("A", style="H1") + p("text")
    assert read(body, title=stated).title == title


def test_steps_have_the_numbers_that_word_shows(read) -> None:  # type: ignore[no-untyped-def]
    levels = [0, 1, 1, 0, 2, 1]
    document = read("".join(p("x", numbered=(1, level)) for level in levels))
    shown = [text for _, text in blocks(document)]
    assert shown == ["1. x", "a. x", "b. x", "2. x", "2.1.1. x", "b. x"]
    assert [block.level for block in document.blocks] == levels


def test_a_list_that_starts_anew_starts_at_one(read) -> None:  # type: ignore[no-untyped-def]
    document = read(
        p("a", numbered=(1, 0)) + p("b", numbered=(1, 0)) + p("c", numbered=(3, 0)) + p("d", numbered=(3, 0))
    )
    assert [text for _, text in blocks(document)] == ["1. a", "2. b", "1. c", "2. d"]


def test_bullets_are_list_items_and_numbered_headings_show_their_number(read) -> None:  # type: ignore[no-untyped-def]
    document = read(p("Safety", style="H1", numbered=(1, 0)) + p("gloves", numbered=(2, 0)))
    assert blocks(document) == [("heading", "1. Safety"), ("list_item", "- gloves")]


def test_number_zero_takes_the_numbering_away(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read(p("plain", numbered=(0, 0)))) == [("paragraph", "plain")]


def test_deleted_moved_and_hidden_text_goes_and_inserted_stays(read) -> None:  # type: ignore[no-untyped-def]
    runs = (
        run("now ")
        + "<w:del><w:r><w:delText>old</w:delText><w:t>old</w:t></w:r></w:del>"
        + f"<w:moveFrom>{run('moved')}</w:moveFrom><w:ins>{run('new')}</w:ins>{run('secret', '<w:vanish/>')}"
    )
    assert read(p(runs=runs)).text == "now new"


def test_a_paragraph_whose_end_was_deleted_goes_on(read) -> None:  # type: ignore[no-untyped-def]
    assert read(p("one ", props="<w:rPr><w:del/></w:rPr>") + p("two")).text == "one two"


def test_a_deleted_row_goes(read) -> None:  # type: ignore[no-untyped-def]
    row = f"<w:tr><w:trPr><w:del/></w:trPr><w:tc>{p('x')}</w:tc><w:tc>{p('y')}</w:tc></w:tr>"
    document = read(docx_table(("a", "1"), ("b", "2")).replace("</w:tbl>", f"{row}</w:tbl>"))
    assert [text for _, text in blocks(document)] == ["a | 1", "b | 2"]


def test_contents_notes_fields_and_comments_go(read) -> None:  # type: ignore[no-untyped-def]
    runs = (
        '<w:r><w:fldChar w:fldCharType="begin"/><w:instrText>PAGE</w:instrText></w:r>'
        + run("text")
        + '<w:r><w:footnoteReference w:id="1"/><w:commentReference w:id="1"/></w:r>'
    )
    assert read(p("Safety 3", style="TOC1") + p(runs=runs)).text == "text"


def test_a_text_box_is_read_once(read) -> None:  # type: ignore[no-untyped-def]
    box = f"<w:txbxContent>{p('boxed')}</w:txbxContent>"
    mc = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    runs = (
        f'<w:r><mc:AlternateContent xmlns:mc="{mc}"><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>'
        f"</mc:AlternateContent></w:r>{run('around')}"
    )
    assert [text for _, text in blocks(read(p(runs=runs)))] == ["boxed", "around"]


@pytest.mark.parametrize(
    ("description", "kept"),
    [
        ("Front view with valve Y1 at the left", True),
        ("image1.png", False),
        ("A picture containing text", False),
        ("Bild 3", False),
    ],
)
def test_only_descriptions_that_say_something_are_kept(read, description: str, kept: bool) -> None:  # type: ignore[no-untyped-def]
    space = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
    runs = f'{run("text")}<w:r><w:drawing><wp:docPr xmlns:wp="{space}" descr="{description}"/></w:drawing></w:r>'
    assert (description in read(p(runs=runs)).text) is kept


def test_symbols_breaks_and_special_hyphens_are_characters(read) -> None:  # type: ignore[no-untyped-def]
    runs = (
        run("45 ")
        + '<w:r><w:sym w:font="Symbol" w:char="F0B0"/></w:r>'
        + run("C")
        + "<w:r><w:br/><w:t>F</w:t><w:noBreakHyphen/><w:t>220</w:t><w:tab/><w:t>x</w:t></w:r>"
    )
    assert read(p(runs=runs)).text == "45 °C F-220 x"


def test_warnings_are_told_by_style_and_by_words(read) -> None:  # type: ignore[no-untyped-def]
    assert [kind for kind, _ in blocks(read(p("Hot.", style="Warn") + p("CAUTION: hot") + p("cold")))] == [
        "warning",
        "warning",
        "paragraph",
    ]


def test_a_framed_notice_is_a_warning(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read(docx_table(("DANGER", "High voltage.")))) == [("warning", "DANGER: High voltage.")]


def test_a_frame_around_text_is_read_as_text(read) -> None:  # type: ignore[no-untyped-def]
    inner = docx_table(("a", "1"), ("b", "2"))
    frame = f"<w:tbl><w:tr><w:tc>{p('one', numbered=(1, 0))}{inner}{p('two', numbered=(1, 0))}</w:tc></w:tr></w:tbl>"
    assert blocks(read(frame)) == [
        ("step", "1. one"),
        ("table_row", "a | 1"),
        ("table_row", "b | 2"),
        ("step", "2. two"),
    ]


def test_lines_of_code_are_one_block(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read(p("a = 1", style="Code") + p("  b = 2", style="Code") + p("text"))) == [
        ("code", "a = 1\n  b = 2"),
        ("paragraph", "text"),
    ]


def test_tables_have_their_header_and_what_spans_rows_is_repeated(read) -> None:  # type: ignore[no-untyped-def]
    above = '<w:tc><w:tcPr><w:vMerge w:val="restart"/></w:tcPr>' + p("E07") + "</w:tc>"
    below = "<w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc>"
    wide = '<w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>' + p("wide") + "</w:tc>"
    table = docx_table(("Code", "Cause", "Remedy"), header=True).replace(
        "</w:tbl>",
        f"<w:tr>{above}<w:tc>{p('hot')}</w:tc><w:tc>{p('wait')}</w:tc></w:tr><w:tr>{below}{wide}</w:tr></w:tbl>",
    )
    assert blocks(read(table)) == [
        ("table_header", "Code | Cause | Remedy"),
        ("table_row", "E07 | hot | wait"),
        ("table_row", "E07 | wide"),
    ]


def test_a_first_row_of_names_is_the_header_and_one_of_values_is_not(read) -> None:  # type: ignore[no-untyped-def]
    named = read(docx_table(("Code", "Cause", "Remedy"), ("E07", "hot", "wait")))
    assert [kind for kind, _ in blocks(named)] == ["table_header", "table_row"]
    values = read(docx_table(("Voltage", "230 V"), ("Power", "5 kW")))
    assert [kind for kind, _ in blocks(values)] == ["table_row", "table_row"]


def test_pages_are_told_where_marks_and_properties_agree(read) -> None:  # type: ignore[no-untyped-def]
    second = p(runs="<w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r>")
    assert [block.page for block in read(p("one") + second, pages=2).blocks] == [1, 2]
    assert [block.page for block in read(p("one") + second, pages=5).blocks] == [None, None]
    explicit = p("one") + p(runs='<w:r><w:br w:type="page"/></w:r>') + p("two")
    assert [block.page for block in read(explicit, pages=2).blocks] == [1, 2]


def test_the_last_change_is_the_revision_unless_the_text_states_one(read) -> None:  # type: ignore[no-untyped-def]
    assert read(p("text"), modified="2024-05-06T10:00:00Z").revised == "2024-05-06"
    assert read(p("Revision 3, 12 March 2021"), modified="2024-05-06T10:00:00Z").revised == "2021-03-12"


def test_the_strict_vocabulary_is_read_too(tmp_path: Path) -> None:
    strict = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    path = tmp_path / "a.docx"
    document = f'<x:document xmlns:x="{strict}"><x:body><x:p><x:r><x:t>text</x:t></x:r></x:p></x:body></x:document>'
    path.write_bytes(docx_bytes("", word__document_dot_xml=document))
    assert DocxReader().read(path, "a.docx").text == "text"
