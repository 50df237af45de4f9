"""Plain text: structure told from layout alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.ingest.readers.text import TextReader
from assistant.types import Document


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(text: str) -> Document:
        path = tmp_path / "a.txt"
        path.write_text(text, encoding="utf-8", newline="")
        return TextReader().read(path, "a.txt")

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def test_wrapped_lines_make_one_paragraph(read) -> None:  # type: ignore[no-untyped-def]
    assert read("one\r\ntwo\r\n\r\nthree").text == "one two\n\nthree"


def test_lines_in_capitals_are_headings(read) -> None:  # type: ignore[no-untyped-def]
    document = read("PUMP MANUAL\n\ntext\n\nSAFETY\n\ntext")
    assert [(block.kind.value, block.level) for block in document.blocks][::2] == [("heading", 1), ("heading", 2)]
    assert document.title == "PUMP MANUAL"


def test_underlined_lines_are_headings(read) -> None:  # type: ignore[no-untyped-def]
    document = read("Pump\n====\n\nCare\n----\nWash it.\n")
    assert blocks(document) == [("heading", "Pump"), ("heading", "Care"), ("paragraph", "Wash it.")]


def test_numbered_headings_have_their_depth(read) -> None:  # type: ignore[no-untyped-def]
    document = read("3.2 Daily care\n\ntext")
    assert (document.blocks[0].kind.value, document.blocks[0].level) == ("heading", 3)


def test_numbered_lines_are_steps_with_their_continuation(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read("Do this:\n1. open the\n   valve\n2) close it\n- slowly")) == [
        ("paragraph", "Do this:"),
        ("step", "1. open the valve"),
        ("step", "2. close it"),
        ("list_item", "- slowly"),
    ]


def test_aligned_columns_are_rows(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read("E07\ttoo hot\nE08\tno water")) == [
        ("table_row", "E07 | too hot"),
        ("table_row", "E08 | no water"),
    ]


def test_a_form_feed_begins_a_page(read) -> None:  # type: ignore[no-untyped-def]
    assert [block.page for block in read("one\n\ntwo\fthree").blocks] == [1, 1, 2]


def test_without_form_feeds_there_are_no_pages(read) -> None:  # type: ignore[no-untyped-def]
    assert [block.page for block in read("one").blocks] == [None]


def test_a_warning_in_capitals_is_no_heading(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read("WARNING: HOT SURFACE")) == [("warning", "WARNING: HOT SURFACE")]


def test_a_word_of_a_million_characters_is_read(read) -> None:  # type: ignore[no-untyped-def]
    assert len(read("a" * 1_000_000).text) == 1_000_000
