"""The builder's offsets agree with its text, whatever is put in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import UnreadableDocument
from assistant.ingest.building import DocumentBuilder, title_from_name
from assistant.types import BlockKind, Document


def built(builder: DocumentBuilder, title: str | None = "T") -> Document:
    return builder.build(Path("/a/b.md"), "b.md", title=title, content_hash="sha256:0", media_type="text/markdown")


@given(st.lists(st.tuples(st.sampled_from(list(BlockKind)), st.text(max_size=30)), max_size=12))
def test_blocks_reproduce_their_text_in_order(parts: list[tuple[BlockKind, str]]) -> None:
    builder = DocumentBuilder()
    for kind, text in parts:
        builder.add(kind, text)
    try:
        document = built(builder)
    except UnreadableDocument:
        return
    position = 0
    for block in document.blocks:
        assert not document.text[position : block.start].strip()
        assert document.text[block.start : block.end].strip()
        position = block.end
    assert position == len(document.text)


def test_rows_and_items_stand_on_neighbouring_lines_and_paragraphs_apart() -> None:
    builder = DocumentBuilder()
    builder.add(BlockKind.PARAGRAPH, "p")
    builder.add(BlockKind.STEP, "1. a")
    builder.add(BlockKind.STEP, "2. b")
    builder.add_row(["x", "y"], header=True)
    builder.add_row(["1", "", "3", ""])
    assert built(builder).text == "p\n\n1. a\n2. b\n\nx | y\n1 | | 3"


def test_a_document_without_text_is_refused() -> None:
    builder = DocumentBuilder()
    builder.add(BlockKind.PARAGRAPH, " \u200b ")
    builder.add_row(["", " "])
    with pytest.raises(UnreadableDocument, match=r"^b\.md holds no text; "):
        built(builder)


def test_an_overlong_heading_is_a_paragraph() -> None:
    builder = DocumentBuilder()
    builder.add(BlockKind.HEADING, "word " * 100, level=1)
    assert built(builder).blocks[0].kind is BlockKind.PARAGRAPH


def test_a_title_is_never_longer_than_a_line_or_two() -> None:
    builder = DocumentBuilder()
    builder.add(BlockKind.PARAGRAPH, "p")
    assert len(built(builder, "word " * 100).title) <= 120


@pytest.mark.parametrize(
    ("name", "title"),
    [("heat-pump_manual.pdf", "Heat pump manual"), ("a/b/E07.md", "E07"), ("M4x12-2.txt", "M4x12-2"), (".md", ".md")],
)
def test_a_file_name_makes_a_readable_title(name: str, title: str) -> None:
    assert title_from_name(name) == title
