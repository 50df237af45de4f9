"""CSV and TSV, whatever parts, quotes and encodes them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.passages import split
from assistant.ingest.readers.delimited import DelimitedReader
from assistant.types import Document


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(text: str | bytes, name: str = "fault_list.csv") -> Document:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return DelimitedReader().read(path, name)

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def paragraphs(document: Document) -> list[str]:
    return [text for kind, text in blocks(document) if kind == "paragraph"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_parts_the_cells_is_found(read, delimiter: str) -> None:  # type: ignore[no-untyped-def]
    rows = [("Code", "Meaning", "Limit"), ("E07", "hot", "5.50"), ("E08", "dry", "2")]
    document = read("\r\n".join(delimiter.join(row) for row in rows))
    assert paragraphs(document) == ["Code: E07; Meaning: hot; Limit: 5.50", "Code: E08; Meaning: dry; Limit: 2"]
    assert document.title == "Fault list"


def test_decimal_commas_do_not_part_cells(read) -> None:  # type: ignore[no-untyped-def]
    assert (
        paragraphs(read("Name;Druck;Temperatur\nA;1,5;2,5\nB;2,5;3,5\n"))[0] == "Name: A; Druck: 1,5; Temperatur: 2,5"
    )


def test_the_line_that_names_the_separator_is_followed(read) -> None:  # type: ignore[no-untyped-def]
    assert paragraphs(read("sep=;\nName;Text\nA;b, c, d\n")) == ["Name: A; Text: b, c, d"]


def test_quotes_hold_delimiters_quotes_and_lines(read) -> None:  # type: ignore[no-untyped-def]
    document = read('Code,Remedy\nE07,"Wait ""5"" s, then start."\nE08,"1. Open.\n2. Close."\n')
    assert blocks(document) == [
        ("heading", "E07"), ("paragraph", 'Code: E07; Remedy: Wait "5" s, then start.'),
        ("heading", "E08"), ("paragraph", "Code: E08"), ("paragraph", "Remedy:"),
        ("step", "1. Open."), ("step", "2. Close."),
    ]  # fmt: skip


def test_a_sign_for_inches_does_not_swallow_the_rest(read) -> None:  # type: ignore[no-untyped-def]
    document = read('Part,Size\n"Pipe,1/2\nElbow,3/4\n')
    assert paragraphs(document)[-1] == "Part: Elbow; Size: 3/4"


def test_a_quote_without_an_end_is_refused_with_the_way_out(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match=r"has a cell without an end; close its quotation mark"):
        read('a,b\n"x' + ",y\n" * 100_000 + '"')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_any_common_encoding_is_read(read, encoding: str) -> None:  # type: ignore[no-untyped-def]
    document = read("Größe;Wert\nÖltemperatur;45 °C\n".encode(encoding))
    assert paragraphs(document) == ["Größe: Öltemperatur; Wert: 45 °C"]


def test_ragged_rows_keep_all_their_cells(read) -> None:  # type: ignore[no-untyped-def]
    assert paragraphs(read("Code,Meaning\nE07\nE08,dry,and more\n")) == [
        "Code: E07",
        "Code: E08; Meaning: dry; and more",
    ]


def test_rows_without_names_are_kept_as_values(read) -> None:  # type: ignore[no-untyped-def]
    assert paragraphs(read("1,2.50\n3,4.50\n")) == ["1; 2.50", "3; 4.50"]


@pytest.mark.parametrize(
    "names", ["Question,Answer", "question,answer", "Q,A", "FAQ,Response", "Frage,Antwort", "Pregunta,Respuesta"]
)
def test_questions_and_answers_by_their_names(read, names: str) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read(f"{names}\nWhat is E07?,The motor is hot.\n")) == [
        ("heading", "What is E07?"),
        ("paragraph", "The motor is hot."),
    ]


def test_questions_and_answers_without_names(read) -> None:  # type: ignore[no-untyped-def]
    assert [kind for kind, _ in blocks(read("What is E07?,Hot.\nAnd E08?,Dry.\n"))] == ["heading", "paragraph"] * 2


def test_a_question_without_an_answer_is_left_out(read) -> None:  # type: ignore[no-untyped-def]
    assert "Why" not in read("Question,Answer\nWhy?,\nWhat?,That.\n").text


def test_a_question_too_long_for_a_heading_keeps_its_answer(read) -> None:  # type: ignore[no-untyped-def]
    question = "What is to be done " * 20 + "then?"
    found = blocks(read(f"Question,Answer\n{question},Wait.\n"))
    assert [kind for kind, _ in found] == ["heading", "paragraph", "paragraph"]
    assert found[1][1] == question
    assert found[2][1] == "Wait."


def test_more_columns_than_are_read_are_refused(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match=r"has more than 500 columns; split it"):
        read(",".join(f"c{number}" for number in range(1_000_000)))


def test_more_rows_than_are_read_are_refused(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match=r"has more than 300,000 rows; split it"):
        read("\n" * 300_000 + "a,b\n1,2\n")


@pytest.mark.engine
def test_200_000_rows_are_read_in_bounded_time(read) -> None:  # type: ignore[no-untyped-def]
    rows = "".join(f"E{number},Motor {number} is hot,Wait.,{number / 7:.2f}\n" for number in range(200_000))
    begun = time.process_time()
    assert len(read(f"Code,Meaning,Remedy,Value\n{rows}").blocks) == 400_000
    assert time.process_time() - begun < 60


def test_the_ending_tells_the_media_type(read) -> None:  # type: ignore[no-untyped-def]
    assert read("a\tb\n1\t2\n", "x.tsv").media_type == "text/tab-separated-values"
    assert read("a,b\n1,2\n").media_type == "text/csv"


def test_rows_without_names_are_each_found_alone(read) -> None:  # type: ignore[no-untyped-def]
    """Several of them were packed into one passage, where a number of one row passed for that of another."""
    document = read("E07,2.50,motor\nE08,4.50,fan\nE09,6.50,lid\n")
    assert blocks(document)[:4] == [
        ("heading", "E07"),
        ("paragraph", "E07; 2.50; motor"),
        ("heading", "E08"),
        ("paragraph", "E08; 4.50; fan"),
    ]
    found = split(document, lambda text: 2 + len(text.split()))
    assert [passage.text for passage in found] == ["E07; 2.50; motor", "E08; 4.50; fan", "E09; 6.50; lid"]
