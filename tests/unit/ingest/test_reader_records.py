"""JSON and JSON Lines: every record can be found by its name, every number is as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.readers.records import RecordsReader
from assistant.types import Document


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(value: object, name: str = "fault-list.json") -> Document:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
        return RecordsReader().read(path, name)

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def test_a_list_of_records_is_read_row_by_row(read) -> None:  # type: ignore[no-untyped-def]
    text = '[{"code": "E07", "limit": 5.50, "ok": true, "none": null}, {"code": "E08", "causes": ["fan", "dust"]}]'
    assert blocks(read(text)) == [
        ("heading", "E07"), ("paragraph", "code: E07; limit: 5.50; ok: true"),
        ("heading", "E08"), ("paragraph", "code: E08; causes: fan, dust"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["5.50", "1e-3", "123456789012345678901234567890", "0.1", "1E5"])
def test_numbers_stay_as_they_are_written(read, text: str) -> None:  # type: ignore[no-untyped-def]
    assert read(f'{{"value of it": {text}}}').text == f"value of it: {text}"


@pytest.mark.parametrize(
    "value",
    [
        [{"question": "What is E07?", "answer": "Hot."}],
        {"faq": [{"Question": "What is E07?", "Answer": "Hot."}]},
        {"What is E07?": "Hot."},
        [["Frage", "Antwort"], ["What is E07?", "Hot."]],
    ],
)
def test_questions_become_headings_of_their_answers(read, value: object) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read(value))[-2:] == [("heading", "What is E07?"), ("paragraph", "Hot.")]


def test_lists_in_objects_stand_under_their_names(read) -> None:  # type: ignore[no-untyped-def]
    value = {
        "title": "Pump P-40",
        "updated": "2024-05-06",
        "fault_codes": [{"code": "E07", "limit": {"min": 1, "max": 2}}],
    }
    document = read(value)
    assert (document.title, document.revised) == ("Pump P-40", "2024-05-06")
    assert blocks(document)[-3:] == [
        ("heading", "fault codes"), ("heading", "E07"), ("paragraph", "code: E07; limit min: 1; limit max: 2"),
    ]  # fmt: skip


def test_long_texts_are_paragraphs_under_the_name_of_their_record(read) -> None:  # type: ignore[no-untyped-def]
    document = read([{"title": "Venting", "text": "First do this.\n\n1. Open.\n2. Wait."}])
    assert blocks(document)[0] == ("heading", "Venting")
    assert blocks(document)[-3:] == [("paragraph", "First do this."), ("step", "1. Open."), ("step", "2. Wait.")]


def test_settings_are_found_by_their_names(read) -> None:  # type: ignore[no-untyped-def]
    assert blocks(read({"max_pressure": "10 bar", "port": 80})) == [
        ("paragraph", "max pressure: 10 bar"),
        ("paragraph", "port: 80"),
    ]


def test_json_lines_are_read_line_by_line(read) -> None:  # type: ignore[no-untyped-def]
    document = read('{"code": "E07", "text": "hot"}\n\n"plain words"\n', "a.jsonl")
    assert [text for _, text in blocks(document)] == ["E07", "code: E07; hot", "plain words"]


def test_a_damaged_line_is_named(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match=r"^a\.jsonl is not valid JSON in line 2; export it anew"):
        read('{"a": 1}\n{"a": \n', "a.jsonl")


@pytest.mark.parametrize("text", ["[" * 500_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_nesting_without_end_is_refused(read, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match="nests too deep"):
        read(text)


def test_deep_but_finite_nesting_is_read(read) -> None:  # type: ignore[no-untyped-def]
    assert "needle" in read('{"a":' * 500 + '"needle"' + "}" * 500).text


@pytest.mark.parametrize("value", [[], {}, '""', None, [None], {"a": None}, [[], {}]])
def test_values_without_words_are_refused(read, value: object) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match="holds no text"):
        read(value)
