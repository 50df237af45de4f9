from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from assistant import types
from assistant.types import (
    AddReport,
    Answer,
    Citation,
    Evidence,
    FileReport,
    Hit,
    Passage,
    Timings,
    Usage,
)

TEXT = "Before. Error E07: the pump runs dry. After."
PASSAGE = Passage(
    document="pump.pdf", title="Pump", ordinal=3, start=100, end=100 + len(TEXT), text=TEXT,
    heading_path=("Service", "Errors"), context="Code | Meaning", page=7,
)  # fmt: skip
VALUES = [value for value in vars(types).values() if dataclasses.is_dataclass(value)]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_values_are_frozen_and_take_no_other_attributes(value: Any) -> None:
    assert value.__dataclass_params__.frozen
    assert "__dict__" not in dir(value)


def test_equal_content_makes_equal_objects_that_hash_alike() -> None:
    other = dataclasses.replace(PASSAGE)
    assert other == PASSAGE
    assert len({other, PASSAGE}) == 1


def test_the_section_is_the_innermost_heading() -> None:
    assert PASSAGE.section == "Errors"


def test_without_headings_the_section_is_the_title() -> None:
    assert dataclasses.replace(PASSAGE, heading_path=()).section == "Pump"


def test_what_is_searched_holds_title_headings_context_and_text() -> None:
    assert PASSAGE.searchable() == f"Pump > Service > Errors\nCode | Meaning\n{TEXT}"


def test_a_heading_that_repeats_the_title_is_searched_once() -> None:
    assert dataclasses.replace(PASSAGE, heading_path=("Pump",), context="").searchable() == f"Pump\n{TEXT}"


def test_a_quote_is_the_documents_text_at_its_offsets() -> None:
    document = " " * 100 + TEXT
    start = document.index("Error E07")
    evidence = Evidence(PASSAGE, start, start + len("Error E07: the pump runs dry."), 0.9)
    assert evidence.quote == document[evidence.start : evidence.end] == "Error E07: the pump runs dry."


def test_a_citation_carries_place_and_quote_of_its_evidence() -> None:
    citation = Citation.of(Evidence(PASSAGE, 108, 117, 0.123456))
    assert dataclasses.asdict(citation) == {
        "document": "pump.pdf", "title": "Pump", "section": "Errors", "page": 7, "quote": "Error E07",
        "start": 108, "end": 117, "score": 0.1235, "dated": None,
    }  # fmt: skip


def answer() -> Answer:
    return Answer(
        question="What is E07?",
        text="The pump runs dry.",
        status="answered",
        mode="generated",
        confidence=0.876543,
        citations=(Citation.of(Evidence(PASSAGE, 108, 117, 0.5)),),
        hits=(Hit(PASSAGE, 0.98765432, dense_rank=1, dense_score=0.7),),
        timings=Timings(retrieve=1.23456, first_token=None, total=99.999, load=0.0, stages={"embed": 0.98765}),
        usage=Usage(10, 5, 3),
        model="tiny",
        embedder="fake-64",
    )


def test_the_published_fields_of_an_answer_are_those_of_the_design() -> None:
    shown = answer().to_dict()
    assert list(shown) == [
        "question", "answer", "status", "mode", "confidence", "citations", "hits", "timings_ms", "usage", "model",
        "embedder",
    ]  # fmt: skip
    assert list(shown["timings_ms"]) == ["retrieve", "first_token", "total", "load", "stages"]
    assert list(shown["usage"]) == ["prompt_tokens", "reused_tokens", "completion_tokens"]
    assert list(shown["citations"][0]) == [
        "document", "title", "section", "page", "quote", "start", "end", "score", "dated",
    ]  # fmt: skip
    published = {"document", "section", "page", "score", "dense_rank", "lexical_rank", "also_in"}
    assert published <= shown["hits"][0].keys()


def test_an_answer_survives_json() -> None:
    shown = answer().to_dict()
    assert json.loads(json.dumps(shown)) == shown


def test_numbers_of_an_answer_are_rounded_and_an_absent_time_stays_absent() -> None:
    shown = answer().to_dict()
    assert shown["confidence"] == 0.8765
    assert shown["timings_ms"].pop("stages") == {"embed": 0.99}
    assert shown["timings_ms"] == {"retrieve": 1.23, "first_token": None, "total": 100.0, "load": 0.0}
    assert shown["hits"][0]["score"] == 0.9877


def report() -> AddReport:
    return AddReport(
        (
            FileReport("/a.md", "added", 4),
            FileReport("/b.md", "replaced", 3),
            FileReport("/c.md", "unchanged"),
            FileReport("/d.bin", "refused", reason="d.bin is a .bin file; save it as text."),
        )
    )


def test_a_report_counts_each_outcome() -> None:
    shown = report().to_dict()
    assert [shown[name] for name in ("added", "replaced", "unchanged", "refused")] == [1, 1, 1, 1]


def test_a_report_counts_only_passages_that_were_stored() -> None:
    assert report().passages == report().to_dict()["passages"] == 7


def test_an_empty_report_says_nought() -> None:
    assert AddReport().to_dict() == {
        "added": 0, "replaced": 0, "unchanged": 0, "refused": 0, "passages": 0, "files": [],
    }  # fmt: skip
