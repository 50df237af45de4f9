"""Splitting: spans reproduce the text, nothing is lost, nothing is too long, and structure is respected."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.passages import PassageLimits, split
from assistant.types import BlockKind, Document, Passage

K = BlockKind
_TOKEN = re.compile(r"\w{1,4}|[^\w\s]")


def count(text: str) -> int:
    """Two special tokens, one for every four letters begun, one for each mark."""
    return 2 + len(_TOKEN.findall(text))


def document(*parts: tuple[BlockKind, str] | tuple[BlockKind, str, int], title: str = "T") -> Document:
    from pathlib import Path

    builder = DocumentBuilder()
    for number, (kind, text, *level) in enumerate(parts):
        builder.add(kind, text, level=level[0] if level else int(kind is K.HEADING), page=1 + number // 10)
    return builder.build(Path("/a.md"), "a.md", title=title, content_hash="sha256:0", media_type="text/plain")


def sized(tokens: int, word: str = "word") -> str:
    return " ".join([word] * tokens)


def texts(passages: list[Passage]) -> list[str]:
    return [passage.text for passage in passages]


LIMITS = PassageLimits(max_tokens=60, target_tokens=40, max_characters=400)


def assert_sound(source: Document, passages: list[Passage], limits: PassageLimits) -> None:
    """What holds for every split of every document."""
    assert [passage.ordinal for passage in passages] == list(range(len(passages)))
    for passage in passages:
        assert passage.text == source.text[passage.start : passage.end]
        assert passage.text
        assert passage.text == passage.text.strip("\n").rstrip()
        assert len(passage.text) <= limits.max_characters
        assert count(passage.searchable()) <= limits.max_tokens or len(passage.text) == 1
        assert passage.context in source.text
    for one, other in pairwise(passages):
        assert one.end <= other.start
    uncovered = list(source.text)
    for passage in passages:
        uncovered[passage.start : passage.end] = " " * (passage.end - passage.start)
    headings = [block for block in source.blocks if block.kind is K.HEADING]
    for block in headings:
        uncovered[block.start : block.end] = " " * (block.end - block.start)
    assert not "".join(uncovered).strip()


KINDS = st.sampled_from(list(K))
TEXTS = st.text(alphabet="ab. |:1\n-é中", max_size=60) | st.integers(0, 120).map(sized) | st.just("x" * 900)
BLOCKS = st.tuples(KINDS, TEXTS, st.integers(1, 4))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(BLOCKS, min_size=1, max_size=25),
    st.text(min_size=1, max_size=40) | st.just("long title " * 11),
    st.sampled_from([LIMITS, PassageLimits(), PassageLimits(12, 6, 50), PassageLimits(30, 30, 2_000)]),
)
def test_any_document_is_split_soundly(
    parts: list[tuple[BlockKind, str, int]], title: str, limits: PassageLimits
) -> None:
    parts = [*parts, (K.PARAGRAPH, "end", 0)]
    source = document(*parts, title=title)
    assert_sound(source, split(source, count, limits), limits)


def test_passages_do_not_cross_headings_and_know_their_path() -> None:
    source = document(
        (K.HEADING, "T", 1),
        (K.PARAGRAPH, "intro"),
        (K.HEADING, "A", 2),
        (K.PARAGRAPH, "a"),
        (K.HEADING, "B", 3),
        (K.PARAGRAPH, "b"),
        (K.HEADING, "C", 2),
        (K.PARAGRAPH, "c"),
    )
    found = [(passage.heading_path, passage.text) for passage in split(source, count, LIMITS)]
    assert found == [((), "intro"), (("A",), "a"), (("A", "B"), "b"), (("C",), "c")]


def test_a_title_that_holds_the_h1_keeps_it_out_of_the_path() -> None:
    source = document((K.HEADING, "Operation", 1), (K.PARAGRAPH, "a"), title="Otto K8 – Operation")
    assert split(source, count, LIMITS)[0].heading_path == ()


def test_neighbouring_paragraphs_are_packed_up_to_the_target() -> None:
    source = document(*[(K.PARAGRAPH, sized(10))] * 6)
    assert [count(text) - 2 for text in texts(split(source, count, LIMITS))] == [30, 30]


def test_a_procedure_stays_whole_beyond_the_target_with_its_introduction() -> None:
    steps = [(K.STEP, f"{number}. {sized(7)}") for number in range(1, 6)]
    source = document((K.PARAGRAPH, sized(20, "before")), (K.PARAGRAPH, "Do this."), *steps, (K.PARAGRAPH, sized(25)))
    procedure = texts(split(source, count, LIMITS))[1]
    assert procedure.startswith("Do this.\n\n1. ")
    assert procedure.count("\n") == 6
    assert "5. " in procedure


def test_a_long_procedure_is_cut_between_steps() -> None:
    source = document(*[(K.STEP, f"{number}. {sized(8)}") for number in range(1, 20)])
    for text in texts(split(source, count, LIMITS)):
        assert re.match(r"\d+\. ", text)


def test_two_procedures_are_not_taken_as_one() -> None:
    one = [(K.STEP, f"{number}. {sized(6, 'one')}") for number in range(1, 5)]
    two = [(K.STEP, f"{number}. {sized(6, 'two')}") for number in range(1, 5)]
    found = texts(split(document(*one, *two), count, LIMITS))
    assert len(found) == 2
    assert "two" not in found[0]


def test_a_warning_inside_a_procedure_stays_with_it() -> None:
    source = document(
        (K.PARAGRAPH, sized(30)),
        (K.STEP, f"1. {sized(12)}"),
        (K.WARNING, "WARNING: hot"),
        (K.STEP, f"2. {sized(12)}"),
    )
    assert texts(split(source, count, LIMITS))[1].count("\n\n") == 2


def test_a_warning_stays_with_what_it_precedes() -> None:
    source = document((K.PARAGRAPH, sized(30)), (K.WARNING, "WARNING: hot"), (K.PARAGRAPH, sized(30, "open")))
    assert texts(split(source, count, LIMITS))[1].startswith("WARNING: hot\n\nopen")


def test_a_long_table_is_cut_between_rows_and_carries_its_header() -> None:
    rows = [(K.TABLE_ROW, f"E{number:02} | {sized(6)}") for number in range(20)]
    source = document((K.PARAGRAPH, "See table:"), (K.TABLE_HEADER, "Code | Cause"), *rows)
    found = split(source, count, LIMITS)
    assert found[0].text.startswith("See table:\n\nCode | Cause\nE00 | ")
    assert found[0].context == ""
    assert {passage.context for passage in found[1:]} == {"Code | Cause"}
    assert all(line.startswith("E") for passage in found[1:] for line in passage.text.split("\n"))


def test_a_row_longer_than_the_limit_is_cut_at_its_cells() -> None:
    source = document((K.TABLE_HEADER, "A | B"), (K.TABLE_ROW, f"{sized(30, 'left')} | {sized(30, 'right')}"))
    found = split(source, count, LIMITS)
    assert_sound(source, found, LIMITS)
    assert not any("left" in text and "right" in text for text in texts(found))


def test_a_long_paragraph_is_cut_at_sentences() -> None:
    sentence = f"Leave approx. 5 mm of {sized(8)}."
    for text in texts(split(document((K.PARAGRAPH, " ".join([sentence] * 20))), count, LIMITS)):
        assert text.startswith("Leave approx. 5 mm")
        assert text.endswith("word.")


def test_a_word_of_a_million_characters_is_cut() -> None:
    source = document((K.PARAGRAPH, "x" * 1_000_000))
    found = split(source, lambda text: 2 + len(text.split()), PassageLimits())
    assert "".join(texts(found)) == source.text
    assert max(map(len, texts(found))) <= PassageLimits().max_characters


def test_code_is_cut_between_lines() -> None:
    code = "\n".join(f"    line_{number} = {number}" for number in range(60))
    for text in texts(split(document((K.CODE, code)), count, LIMITS)):
        assert text.startswith("line_")


def test_headings_without_text_below_can_be_found() -> None:
    source = document((K.HEADING, "One", 2), (K.HEADING, "Two", 2), (K.HEADING, "Three", 2), (K.PARAGRAPH, "x"))
    found = [(passage.heading_path, passage.text) for passage in split(source, count, LIMITS)]
    assert found == [((), "One\n\nTwo"), (("Three",), "x")]


def test_a_heading_above_other_headings_is_not_a_passage_of_its_own() -> None:
    source = document((K.HEADING, "One", 2), (K.HEADING, "Two", 3), (K.PARAGRAPH, "x"))
    assert [passage.heading_path for passage in split(source, count, LIMITS)] == [("One", "Two")]


def test_a_small_rest_joins_its_neighbour() -> None:
    source = document((K.PARAGRAPH, sized(36)), (K.PARAGRAPH, "End."))
    assert len(split(source, count, LIMITS)) == 1


def test_headings_that_leave_no_room_give_way_from_outside() -> None:
    source = document((K.HEADING, sized(20, "out"), 1), (K.HEADING, sized(20, "in"), 2), (K.PARAGRAPH, "text"))
    assert split(source, count, LIMITS)[0].heading_path == (sized(20, "in"),)


def test_a_passage_has_the_page_on_which_it_begins() -> None:
    source = document(*[(K.PARAGRAPH, sized(35))] * 12)
    assert [passage.page for passage in split(source, count, LIMITS)] == [1] * 10 + [2] * 2


def test_a_tokenizer_that_does_not_add_up_is_obeyed_all_the_same() -> None:
    def odd(text: str) -> int:
        return 2 + len(text.split()) + 7 * text.count("word word\n")

    source = document(*[(K.LIST_ITEM, "- word word")] * 60)
    for passage in split(source, odd, LIMITS):
        assert odd(passage.searchable()) <= LIMITS.max_tokens


def test_tokens_are_counted_about_once_for_each_block_and_passage() -> None:
    calls = 0

    def counted(text: str) -> int:
        nonlocal calls
        calls += 1
        return count(text)

    source = document(*[(K.PARAGRAPH, sized(10))] * 500)
    found = split(source, counted, LIMITS)
    assert calls <= 500 + len(found) + 10


def test_a_hundred_thousand_blocks_are_split_in_seconds() -> None:
    parts: list[tuple[BlockKind, str]] = []
    for number in range(20_000):
        parts += [(K.HEADING, f"Section {number}"), (K.PARAGRAPH, sized(20)), (K.STEP, "1. a"), (K.TABLE_ROW, "a | b")]
    begun = time.perf_counter()
    split(document(*parts), lambda text: 2 + text.count(" "), PassageLimits())
    assert time.perf_counter() - begun < 15


@pytest.mark.parametrize("bad", [(4, 4, 100), (100, 200, 100), (100, 50, 0)])
def test_limits_that_contradict_each_other_are_a_programmers_error(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="contradict"):
        PassageLimits(*bad)
