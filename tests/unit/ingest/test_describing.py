"""What is told of a document by its text alone: language and abbreviations; and by its file: the date."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.describing import Describer
from assistant.ingest.passages import PassageLimits, split
from assistant.sentences import iter_sentences
from assistant.types import BlockKind, Document

ENGLISH = "Close the valve before you open the lid. The pump runs for two minutes, then it stops by itself."
GERMAN = "Schließen Sie das Ventil, bevor Sie den Deckel öffnen. Die Pumpe läuft zwei Minuten und hält dann an."
SPANISH = "Cierre la válvula antes de abrir la tapa. La bomba funciona dos minutos y después se detiene sola."
NOTES = (
    "Set the press. 3 bar above the nominal value. ",
    "Tighten the bolts with a torque of 5 Nm, rel. humidity below 80 percent. ",
    "Close the lid. ",
    "The sensor reads the press. in the line and the rel. humidity of the room. ",
    "Check the press. every week. Open the lid. ",
    "Then wait until the motor stands still and the display shows the date. ",
)


def _document(*paragraphs: str, path: Path = Path("/nowhere/manual.txt")) -> Document:
    builder = DocumentBuilder()
    for paragraph in paragraphs:
        builder.add(BlockKind.PARAGRAPH, paragraph)
    return builder.build(path, path.name, title="Manual", content_hash="sha256:0", media_type="text/plain")


def _described(*paragraphs: str) -> Document:
    document = _document(*paragraphs)
    return Describer().describe(document, Path(document.source))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        (SPANISH, "es"),
        (f"{GERMAN}\n" * 20 + ENGLISH, "de"),
        ("E07 | F-220 | 3 bar | 230 V", None),
        ("4711 0815 17", None),
        ("OK", None),
    ],
)
def test_the_language_is_told_where_it_is_clear(text: str, language: str | None) -> None:
    assert _described(text).language == language


def test_codes_and_numbers_do_not_drown_the_language() -> None:
    rows = [f"E{number:02} | {number * 7} kPa | NP-{number}" for number in range(200)]
    assert _described(*rows, *[GERMAN] * 6).language == "de"


def test_a_long_text_teaches_its_abbreviations_and_no_words_that_end_sentences() -> None:
    described = _described(*["".join(NOTES)] * 20)
    assert described.abbreviations == ("press", "rel")


def test_a_short_text_teaches_nothing() -> None:
    assert _described("".join(NOTES)).abbreviations == ()


def test_hostile_texts_are_described_without_failing() -> None:
    hostile = (
        ".",
        "a. " * 40_000,
        "x" * 200_000,
        "\u202e\u0000é.\u0301 " * 9_000,
        "1.2.3.4. " * 20_000,
        "𝕏. y " * 9_000,
    )
    for text in hostile:
        document = _described(text)
        assert all(word == word.lower() for word in document.abbreviations)


def test_learned_abbreviations_break_no_sentence_and_no_passage() -> None:
    text = "Set the press. 3 bar above nominal. Then close it."
    assert next(text[start:end] for start, end in iter_sentences(text)) == "Set the press."
    assert [text[start:end] for start, end in iter_sentences(text, {"press"})] == [
        "Set the press. 3 bar above nominal.",
        "Then close it.",
    ]
    capital = "Read the press. Close it."
    assert len(list(iter_sentences(capital, {"press"}))) == 2

    document = _described(*["".join(NOTES)] * 20)
    for passage in split(document, lambda part: len(part.split()), PassageLimits(max_tokens=24, target_tokens=20)):
        assert not passage.text.endswith(("press.", "rel."))
        assert passage.abbreviations == ("press", "rel")
        assert document.text[passage.start : passage.end] == passage.text


def test_the_date_of_the_file_stands_in_where_the_text_states_none(tmp_path: Path) -> None:
    path = tmp_path / "manual.txt"
    path.write_text(ENGLISH)
    os.utime(path, (0, 1_700_000_000))
    plain = Describer().describe(_document(ENGLISH, path=path), path)
    assert (plain.revised, plain.modified, plain.dated) == (None, "2023-11-14", "2023-11-14")
    stated = Describer().describe(_document("Revision 2021-05-03", ENGLISH, path=path), path)
    assert (stated.revised, stated.dated) == ("2021-05-03", "2021-05-03")
    assert Describer().describe(_document(ENGLISH), tmp_path / "gone.txt").modified is None
