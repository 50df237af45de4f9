"""Markdown becomes the words that a reader of the page sees, with their structure."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from assistant.ingest.readers.markdown import MarkdownReader
from assistant.types import Document


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(text: str, name: str = "a.md") -> Document:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return MarkdownReader().read(path, name)

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def test_mark_up_and_link_targets_go(read) -> None:  # type: ignore[no-untyped-def]
    document = read("**Bold** *it* `code` [link](http://x.y) ![alt](p.png) <b>html</b> a\\*b &amp; c")
    assert document.text == "Bold it code link alt html a*b & c"


def test_struck_out_text_is_not_quoted(read) -> None:  # type: ignore[no-untyped-def]
    assert read("Set ~~5 bar~~ 4 bar.").text == "Set 4 bar."


def test_numbers_of_steps_are_the_sources_own(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read("3. open\n4. close\n")) == [("step", "3. open"), ("step", "4. close")]


def test_nested_lists_keep_their_depth(read) -> None:  # type: ignore[no-untyped-def]
    document = read("1. open\n   - slowly\n2. close\n")
    assert blocks(document) == [("step", "1. open"), ("list_item", "- slowly"), ("step", "2. close")]
    assert [block.level for block in document.blocks] == [0, 1, 0]


def test_tables_become_rows_below_their_header(read) -> None:  # type: ignore[no-untyped-def]
    document = read("| Code | Cause |\n|---|---|\n| E07 | **hot** |\n| E08 |  |\n")
    assert blocks(document) == [("table_header", "Code | Cause"), ("table_row", "E07 | hot"), ("table_row", "E08")]


@pytest.mark.parametrize("text", ["> **WARNING:** hot", "WARNING: hot", "> [!WARNING]\n> hot", "**Caution:** hot"])
def test_warnings_are_recognised_in_any_dress(read, text: str) -> None:  # type: ignore[no-untyped-def]
    assert [kind for kind, _ in blocks(read(text))] == ["warning"]


def test_a_quoted_warning_covers_its_second_paragraph(read) -> None:  # type: ignore[no-untyped-def]
    assert [kind for kind, _ in blocks(read("> DANGER\n>\n> Do not touch.\n\nafter"))] == [
        "warning",
        "warning",
        "paragraph",
    ]


def test_notes_are_paragraphs(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read("> **NOTE:** cold")) == [("paragraph", "NOTE: cold")]


def test_code_is_verbatim(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read("```\nif a:\n    *b*\n```")) == [("code", "if a:\n    *b*")]


def test_embedded_html_tables_are_read_and_scripts_are_not(read) -> None:  # type: ignore[no-untyped-def]
    text = "<script>bad()</script>\n\n<table><tr><th>A<th>B<tr><td>1<td>2</table>\n"
    assert blocks(read(text)) == [("table_header", "A | B"), ("table_row", "1 | 2")]


def test_front_matter_gives_title_and_date_only(read) -> None:  # type: ignore[no-untyped-def]
    document = read("---\ntitle: 'Pump'\ndate: 12 March 2026\nsecret: x\n---\nBody.\n")
    assert (document.title, document.revised, document.text) == ("Pump", "2026-03-12", "Body.")


def test_the_first_h1_is_the_title(read) -> None:  # type: ignore[no-untyped-def]
    assert read("intro\n\n# The *Pump*\n\n# Other\n").title == "The Pump"


def test_without_a_heading_the_file_name_is_the_title(read) -> None:  # type: ignore[no-untyped-def]
    assert read("body", "pump-manual.md").title == "Pump manual"


def test_the_stated_revision_is_found(read) -> None:  # type: ignore[no-untyped-def]
    assert read("# A\n\nDocument X, revision 4, 2026-03-12\n").revised == "2026-03-12"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        ">" * 10_000 + " deep",
        "\n".join(" " * (2 * depth) + "- deep" for depth in range(1_000)),
        "[" * 9_900 + "deep",
        "*a **b " * 1_400 + "deep",
        "`deep " * 1_600,
        "deep" * 250_000,
        "<div>" * 20_000 + "\n\ndeep",
    ],
    ids=["quotes", "lists", "brackets", "stars", "ticks", "one word", "divs"],
)
def test_hostile_text_neither_crashes_nor_hangs(read, text: str) -> None:  # type: ignore[no-untyped-def]
    begun = time.perf_counter()
    assert "deep" in read(text).text
    assert time.perf_counter() - begun < 15
