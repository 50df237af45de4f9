"""reStructuredText as it is read by people, and what is written to hurt."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.readers import rst
from assistant.ingest.readers.rst import RstReader
from assistant.types import Document


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(text: str) -> Document:
        path = tmp_path / "a.rst"
        path.write_text(text)
        return RstReader().read(path, "a.rst")

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def test_sections_have_their_depth_and_the_title_is_the_first(read) -> None:  # type: ignore[no-untyped-def]
    document = read("Pump\n====\n\nSafety\n------\n\ntext\n\nFaults\n------\n\nE07\n~~~\n\ntext\n")
    assert document.title == "Pump"
    assert [block.level for block in document.blocks] == [1, 2, 0, 2, 3, 0]


def test_steps_count_from_their_start_in_their_own_way(read) -> None:  # type: ignore[no-untyped-def]
    document = read("#. one\n#. two\n\ntext\n\n4. four\n5. five\n\ntext\n\na) x\nb) y\n\ntext\n\niv. p\n#. q\n")
    assert [text for kind, text in blocks(document) if kind == "step"] == [
        "1. one", "2. two", "4. four", "5. five", "a. x", "b. y", "iv. p", "v. q",
    ]  # fmt: skip


def test_lists_terms_fields_and_options_are_items(read) -> None:  # type: ignore[no-untyped-def]
    document = read("text\n\n* one\n\n  * deep\n\nterm\n  meaning\n\n:field: body\n\n-o FILE  write\n")
    assert blocks(document)[1:] == [
        ("list_item", "- one"), ("list_item", "- deep"), ("list_item", "term: meaning"),
        ("list_item", "field: body"), ("list_item", "-o FILE: write"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["warning", "caution", "danger", "attention"])
def test_warnings_are_warnings(read, name: str) -> None:  # type: ignore[no-untyped-def]
    found = blocks(read(f".. {name}:: Hot.\n\n   Wait.\n\n.. note:: Fine.\n"))
    assert found == [("warning", f"{name.capitalize()}: Hot."), ("warning", "Wait."), ("paragraph", "Note: Fine.")]


@pytest.mark.parametrize(
    "table",
    [
        "+---+---+\n| A | B |\n+===+===+\n| 1 | x |\n+   +---+\n|   | y |\n+---+---+\n",
        ".. list-table::\n   :header-rows: 1\n\n   * - A\n     - B\n   * - 1\n     - x\n   * - 1\n     - y\n",
        ".. csv-table::\n   :header: A, B\n\n   1, x\n   1, y\n",
        "===  ===\nA    B\n===  ===\n1    x\n1    y\n===  ===\n",
    ],
    ids=["grid", "list", "csv", "simple"],
)
def test_tables_of_every_kind_have_header_and_rows(read, table: str) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read(table)) == [("table_header", "A | B"), ("table_row", "1 | x"), ("table_row", "1 | y")]


def test_mark_up_goes_and_words_stay(read) -> None:  # type: ignore[no-untyped-def]
    text = (
        "*a* **b** ``c`` `d`_ :ref:`the valve <v>` :py:func:`~x.y` |s| [1]_ H\\ :sub:`2`\\ O\n\n"
        ".. _d: https://example.org\n.. |s| replace:: word\n.. [1] foot\n"
    )
    assert read(text).text == "a b c d the valve x.y word H2O"


def test_what_sphinx_adds_is_understood(read) -> None:  # type: ignore[no-untyped-def]
    text = (
        ".. toctree::\n\n   a\n\n.. code-block:: sh\n   :caption: x\n\n   ls\n\n.. versionadded:: 1.2\n\n"
        ".. confval:: speed\n   :type: int\n\n   How fast.\n\n.. only:: html\n\n   kept\n"
    )
    assert blocks(read(text)) == [
        ("code", "ls"), ("paragraph", "New in version 1.2."), ("paragraph", "speed"), ("paragraph", "How fast."),
        ("paragraph", "html"), ("paragraph", "kept"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "directive",
    [
        ".. include:: {path}",
        ".. literalinclude:: {path}",
        ".. raw:: html\n   :file: {path}",
        ".. csv-table:: t\n   :file: {path}",
        ".. raw:: html\n\n   secret",
        ".. csv-table:: t\n   :url: file://{path}",
        "|x|\n\n.. |x| date:: %Y secret",
    ],
)
def test_no_directive_reads_a_file_or_the_clock(read, directive: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "other.txt").write_text("secret, words")
    document = read("before\n\n" + directive.format(path=tmp_path / "other.txt") + "\n\nafter\n")
    assert "secret" not in document.text
    assert document.text.startswith("before")
    assert document.text.endswith("after")


def test_the_date_of_the_fields_is_the_revision(read) -> None:  # type: ignore[no-untyped-def]
    assert read("Pump\n====\n\n:Date: 2024-05-06\n\ntext\n").revised == "2024-05-06"


def test_substitutions_that_hold_each_other_stay_small(read) -> None:  # type: ignore[no-untyped-def]
    chain = "".join(f".. |s{at}| replace:: |s{at + 1}| |s{at + 1}|\n" for at in range(60))
    assert len(read(f"text |s0|\n\n{chain}.. |s60| replace:: x\n").text) < 1_000


@pytest.mark.parametrize(
    "text",
    ["".join("  " * depth + "- a\n\n" for depth in range(800)), "".join(" " * depth + "a\n\n" for depth in range(900))],
    ids=["lists", "quotes"],
)
def test_nesting_without_end_is_refused(read, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match="nests too deep; save it as HTML"):
        read(text)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "*a " * 100_000,
        ("`a *b |c _d\n" * 900 + "\n") * 20,
        ":a:`" * 100_000,
        "http://a" + "a." * 100_000,
        "[1]_ " * 50_000,
    ],
    ids=["stars", "paragraphs", "roles", "address", "notes"],
)
def test_mark_up_without_an_end_does_not_take_its_square(read, text: str) -> None:  # type: ignore[no-untyped-def]
    begun = time.process_time()
    assert read(f"{text}\n\ntext\n").text
    assert time.process_time() - begun < 15


def test_what_takes_too_long_is_refused(read, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(rst, "_MOST_SECONDS", 0.0)
    with pytest.raises(UnreadableDocument, match="takes too long to read; split it"):
        read("text\n\n" * 50)
