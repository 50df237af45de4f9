"""PDF: pages, reading order, headings, tables and what repeats on every page."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.readers.pdf import PdfReader
from assistant.types import Document
from tests.artifacts.pdf_bytes import Page, pdf_bytes

LONG = "The pump unit delivers clean drinking water at a constant outlet pressure to every tap of the"


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(*pages: Page, **options: object) -> Document:
        path = tmp_path / "a.pdf"
        path.write_bytes(pdf_bytes(*pages, **options))  # type: ignore[arg-type]
        return PdfReader().read(path, "a.pdf")

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def body(page: Page, y: float = 700) -> Page:
    return page.lines(60, y, LONG, "building. A sensor watches it.")


def test_lines_make_paragraphs_and_gaps_part_them(read) -> None:  # type: ignore[no-untyped-def]
    document = read(body(body(Page()), 660))
    assert blocks(document) == [("paragraph", f"{LONG} building. A sensor watches it.")] * 2


def test_a_word_parted_at_the_end_of_a_line_is_joined(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().lines(60, 700, LONG + " build-", "ing and the self-", "locking nut F-", "220 of it.")
    assert read(page).text == f"{LONG} building and the self-locking nut F-220 of it."


def test_larger_and_bold_lines_are_headings_by_size(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().text(60, 780, "Pump manual", size=22, font="bold").text(60, 740, "Safety", size=15, font="bold")
    document = read(body(page.text(60, 716, "Power", font="bold")))
    assert [(block.kind.value, block.level) for block in document.blocks] == [
        ("heading", 1),
        ("heading", 2),
        ("heading", 3),
        ("paragraph", 0),
    ]
    assert document.title == "Pump manual"


def test_numbers_of_headings_give_their_depth(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().text(60, 780, "Pump manual", size=22).text(60, 740, "4.2 Safety", size=15)
    assert [block.level for block in read(body(page)).blocks] == [1, 3, 0]


def test_the_outline_makes_headings_of_plain_lines(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().text(60, 740, "Power supply")
    document = read(body(page), outline=[("Power Supply", 0)])
    assert blocks(document)[0] == ("heading", "Power supply")


def test_two_lines_of_one_heading_are_one(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().lines(60, 780, "Installation and", "service manual", size=20, leading=25)
    assert blocks(read(body(page)))[0] == ("heading", "Installation and service manual")


def test_pages_are_counted_from_one(read) -> None:  # type: ignore[no-untyped-def]
    assert [block.page for block in read(body(Page()), body(Page())).blocks] == [1, 2]


def test_a_paragraph_over_a_page_break_keeps_its_first_page(read) -> None:  # type: ignore[no-untyped-def]
    document = read(Page().text(60, 100, LONG), Page().text(60, 700, "whole building."))
    assert [(block.page, document.text[block.start : block.end]) for block in document.blocks] == [
        (1, f"{LONG} whole building.")
    ]


def test_running_heads_and_page_numbers_go(read) -> None:  # type: ignore[no-untyped-def]
    pages = [
        body(
            Page()
            .text(60, 800, "Aquila 220 manual")
            .text(500, 800, f"Chapter {n // 3}")
            .text(290, 30, f"Page {n} of 6")
        )
        for n in range(1, 7)
    ]
    assert set(blocks(read(*pages))) == {("paragraph", f"{LONG} building. A sensor watches it.")}


def test_left_and_right_heads_go_though_they_differ(read) -> None:  # type: ignore[no-untyped-def]
    pages = [body(Page().text(60 + 300 * (n % 2), 800, ("Left head", "Right head")[n % 2])) for n in range(6)]
    assert "head" not in read(*pages).text


def test_a_line_at_the_top_of_one_page_stays(read) -> None:  # type: ignore[no-untyped-def]
    assert "Only here" in read(body(Page().text(60, 800, "Only here.")), body(Page())).text


def test_repeated_lines_in_the_middle_of_pages_stay(read) -> None:  # type: ignore[no-untyped-def]
    document = read(*[Page().text(60, 400, "Press the button.") for _ in range(4)])
    assert document.text.count("Press the button.") == 4


def test_a_drawn_table_becomes_rows_with_wrapped_cells(read) -> None:  # type: ignore[no-untyped-def]
    page = body(Page(), 780).grid([60, 120, 240, 360], [720, 700, 670, 650])
    page.text(64, 706, "Code", font="bold").text(124, 706, "Cause", font="bold").text(244, 706, "Remedy", font="bold")
    page.text(64, 688, "E07").lines(124, 688, "Motor wind-", "ing too hot").text(244, 688, "Clean it.")
    page.text(64, 656, "E08").text(244, 656, "Call us.")
    assert blocks(read(page))[1:] == [
        ("table_header", "Code | Cause | Remedy"),
        ("table_row", "E07 | Motor winding too hot | Clean it."),
        ("table_row", "E08 | | Call us."),
    ]


def test_a_header_that_comes_again_on_the_next_page_is_dropped(read) -> None:  # type: ignore[no-untyped-def]
    def page(code: str) -> Page:
        made = Page().grid([60, 120, 240], [720, 700, 680])
        made.text(64, 706, "Code", font="bold").text(124, 706, "Cause", font="bold")
        return made.text(64, 686, code).text(124, 686, "hot")

    kinds = [kind for kind, _ in blocks(read(page("E07"), page("E08"), page("E09")))]
    assert kinds == ["table_header", "table_row", "table_row", "table_row"]


def test_aligned_words_without_rules_are_a_table(read) -> None:  # type: ignore[no-untyped-def]
    page = body(Page(), 780)
    rows = [("Code", "Cause"), ("E07", "too hot"), ("E08", "no water"), ("E09", "no phase")]
    for number, (code, cause) in enumerate(rows):
        font = "bold" if number == 0 else "regular"
        page.text(60, 700 - 14 * number, code, font=font).text(180, 700 - 14 * number, cause, font=font)
    assert blocks(read(page))[1:] == [
        ("table_header", "Code | Cause"),
        ("table_row", "E07 | too hot"),
        ("table_row", "E08 | no water"),
        ("table_row", "E09 | no phase"),
    ]


def test_a_frame_around_text_is_no_table(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().grid([50, 560], [720, 670])
    assert [kind for kind, _ in blocks(read(body(page)))] == ["paragraph"]


def test_steps_and_bullets_hold_their_continuation_lines(read) -> None:  # type: ignore[no-untyped-def]
    page = body(Page(), 780)
    page.text(63, 700, "1.").lines(
        78, 700, "Loosen the two captive screws at the edge of the cover and", "lift it off."
    )
    page.text(63, 670, "2.").text(78, 670, "Press the latch.").text(63, 640, "•").text(78, 640, "drill")
    assert blocks(read(page))[1:] == [
        ("step", "1. Loosen the two captive screws at the edge of the cover and lift it off."),
        ("step", "2. Press the latch."),
        ("list_item", "- drill"),
    ]


def test_a_signal_word_on_its_own_line_joins_its_text(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().text(60, 730, "WARNING", font="bold").text(60, 700, "Hot surface.")
    assert blocks(read(body(page, 650)))[0] == ("warning", "WARNING Hot surface.")


def test_two_columns_are_read_one_after_the_other(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().text(60, 780, "Both columns begin below this line that spans the whole page from side to side.")
    left = [f"left line {number} of running text is full" for number in range(12)]
    right = [f"right line {number} of running text is full" for number in range(12)]
    page.lines(60, 740, *left).lines(310, 740, *right)
    text = read(page).text
    assert text.index("left line 11") < text.index("right line 0")


def test_code_keeps_its_indentation(read) -> None:  # type: ignore[no-untyped-def]
    page = body(Page(), 780).text(60, 700, "if a:", font="mono").text(84, 688, "b()", font="mono")
    assert blocks(read(page))[1:] == [("code", "if a:\n    b()")]


def test_contents_pages_are_left_out(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().text(60, 780, "Contents", size=16).lines(60, 740, "1 Safety ............ 3", "2 Use . . . . . . . 14")
    assert blocks(read(page, body(Page()))) == [("paragraph", f"{LONG} building. A sensor watches it.")]


def test_a_scan_is_refused_with_the_way_out(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match=r"^a\.pdf is a scan.*text recognition"):
        read(Page(picture=True), Page(picture=True))


def test_a_picture_between_pages_of_text_is_no_scan(read) -> None:  # type: ignore[no-untyped-def]
    assert len(read(body(Page()), Page(picture=True)).blocks) == 1


def test_pages_without_anything_are_no_scan(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match="holds no text"):
        read(Page())


def test_the_title_of_the_properties_wins_where_it_says_more(read) -> None:  # type: ignore[no-untyped-def]
    page = Page().text(60, 780, "Operation", size=22)
    assert read(body(page), title="Otto K8: Operation").title == "Otto K8: Operation"


@pytest.mark.parametrize("title", ["Microsoft Word - manual.docx", "untitled", "x.dvi", ""])
def test_a_title_that_says_nothing_is_not_taken(read, title: str) -> None:  # type: ignore[no-untyped-def]
    assert read(body(Page()), title=title).title == "A"


def test_the_sample_manual_has_the_structure_of_its_source() -> None:
    samples = Path(__file__).parents[3] / "samples"
    pdf, source = samples / "manuals/heat-pump/manual.pdf", samples / "sources/heat-pump/manual.md"
    if not (pdf.is_file() and source.is_file()):
        pytest.skip("the sample manuals are not in this checkout")
    from assistant.ingest.readers.markdown import MarkdownReader

    assert blocks(PdfReader().read(pdf, "a")) == blocks(MarkdownReader().read(source, "a"))


def test_a_page_longer_than_any_can_be_is_refused_before_it_costs_memory(tmp_path: Path) -> None:
    """A damaged page of 595 by 842,424,256 points took 100 MB; found by a mutation."""
    path = tmp_path / "a.pdf"
    page = pdf_bytes(Page().text(60, 700, "Words."))
    path.write_bytes(page.replace(b"/MediaBox [0 0 595 842]", b"/MediaBox [0 0 595 842424256]"))
    with pytest.raises(UnreadableDocument, match="has a damaged page"):
        PdfReader().read(path, "a.pdf")
    path.write_bytes(page.replace(b"/MediaBox [0 0 595 842]", b"/MediaBox [0 0 14400 14400]"))
    assert PdfReader().read(path, "a.pdf").text == "Words."
