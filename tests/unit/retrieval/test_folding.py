"""What says the same becomes one hit; what differs in a number, a unit, a code or a "not" never does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.engines.fake import FakeEmbedder
from assistant.ingest.adding import Adder
from assistant.retrieval.folding import Member, families, sayings, sketch
from assistant.retrieval.search import Retriever
from assistant.retrieval.terms import terms
from assistant.store import Store, VectorIndex
from assistant.types import Hit, Passage

TEXT = (
    "Close the outlet valve before you clean the strainer. Rinse the strainer with warm water until no sand is left in "
    "it. The relief valve opens at 8 bar. Tighten the four screws of the cover crosswise to 12 Nm and open the valve."
)

DAY = "2024-01-01"


def passage(text: str, document: str = "a.md", dated: str | None = DAY, *headings: str, title: str = "Pump") -> Passage:
    return Passage(document, title, 0, 0, len(text), text, headings, dated=dated)


def told(*passages: Passage, asked: str = "strainer") -> list[tuple[str, ...]]:
    """Names of documents that are shown together, in the order shown."""
    parts = [(terms(" ".join((one.title, *one.heading_path))), terms(one.text)) for one in passages]
    found: dict[int, tuple[int, ...]] = {}
    for family in families([sketch(body) for _, body in parts]):
        members = [Member(place, place, passages[place], parts[place]) for place in family]
        found |= {one.place: one.members for one in sayings(members, dict.fromkeys(terms(asked), 1.0))}
    return [tuple(passages[place].document for place in found[first]) for first in sorted(found)]


@pytest.mark.parametrize(
    "copy",
    [
        TEXT,
        TEXT.upper().replace("12 NM", "12 Nm").replace("8 BAR", "8 bar"),
        TEXT.replace(" ", "\n"),
        TEXT.replace("8 bar", "8\u00a0bar").replace(". ", ".\n• "),
        f"{TEXT} Back to top",
        TEXT.replace("warm ", "some warm "),
    ],
)
def test_the_same_words_are_one_hit(copy: str) -> None:
    assert told(passage(TEXT), passage(copy, "b.html")) == [("a.md", "b.html")]


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ("8 bar", "9 bar"),
        ("8 bar", "8.5 bar"),
        ("8 bar", "8 mbar"),
        ("8 bar", "-8 bar"),
        ("at 8 bar", "at ≥8 bar"),
        ("12 Nm", "12 nm"),
        ("until no sand", "until sand"),
        ("Close the", "Do not close the"),
        ("Close the", "Never close the"),
        ("before you clean", "except when you clean"),
        ("Close the outlet", "Close the inlet"),
        ("Close the outlet", "Open the outlet"),
        ("warm water", "cold water"),
        ("crosswise to 12 Nm", "to 12 Nm crosswise"),
        ("and open the valve", "and open the valve E07"),
        ("four screws", "screws M4x12"),
    ],
)
def test_what_differs_in_what_matters_stays_apart(there: str, here: str) -> None:
    assert there in TEXT
    other = TEXT.replace(there, here)
    assert told(passage(TEXT), passage(other, "b.md")) == [("a.md",), ("b.md",)]
    assert told(passage(other), passage(TEXT, "b.md")) == [("a.md",), ("b.md",)]


def test_numbers_that_change_places_are_no_copy() -> None:
    one = "The pressure at the inlet of the small pump is 5 bar and the pressure at its outlet is 8 bar."
    other = "The pressure at the inlet of the small pump is 8 bar and the pressure at its outlet is 5 bar."
    words = "The pressure at the outlet of the small pump is 5 bar and the pressure at its inlet is 8 bar."
    assert told(passage(one), passage(other, "b.md"), passage(words, "c.md")) == [("a.md",), ("b.md",), ("c.md",)]


def test_a_word_that_only_one_has_and_the_question_asks_for_keeps_them_apart() -> None:
    longer = TEXT.replace("warm water", "warm soapy water")
    assert told(passage(TEXT), passage(longer, "b.md"), asked="clean strainer") == [("a.md", "b.md")]
    assert told(passage(TEXT), passage(longer, "b.md"), asked="soapy water") == [("a.md",), ("b.md",)]


def test_the_same_words_under_another_heading_say_something_else() -> None:
    assert told(
        passage("Replace it once a year.", "a.md", DAY, "Seal"),
        passage("Replace it once a year.", "b.md", DAY, "Filter"),
    ) == [("a.md",), ("b.md",)]
    # Where the heading stands in the text, as in a PDF without a structure, nothing is lost.
    assert told(
        passage("Replace the seal once a year.", "a.md", DAY, "3.2 Seal"),
        passage("Replace the seal once a year.", "b.pdf"),
        passage("Replace the seal once a year.", "c.md", DAY, "Care", "7 Seal"),
    ) == [("a.md", "b.pdf", "c.md")]


def test_chapters_of_one_document_are_variants_and_stay_apart() -> None:
    one = passage("Replace the seal once a year.", "a.md", DAY, "Model A", "Seal")
    other = passage("Replace the seal once a year.", "a.md", DAY, "Model B", "Seal")
    again = passage("Replace the seal once a year.", "a.md", DAY, "Model B", "Seal")
    assert told(one, other, again) == [("a.md",), ("a.md", "a.md")]


@pytest.mark.parametrize(("heading", "other"), [("Error 7", "Error 8"), ("230 V supply", "110 V supply")])
def test_a_number_in_a_heading_that_counts_no_sections_tells_apart(heading: str, other: str) -> None:
    assert told(passage(TEXT, "a.md", None, heading), passage(TEXT, "b.md", None, other)) == [("a.md",), ("b.md",)]


def test_the_newest_is_shown_wherever_it_stands_in_the_ranking() -> None:
    passages = [passage(TEXT, f"{year}.md", f"{year}-05-01") for year in (2019, 2024, 2021)]
    assert told(*passages) == [("2024.md", "2021.md", "2019.md")]


def test_of_undated_documents_the_one_that_was_added_last_is_shown() -> None:
    assert told(passage(TEXT, "a.md", None), passage(TEXT, "b.md", None)) == [("b.md", "a.md")]


def test_of_one_day_the_better_placed_is_shown() -> None:
    assert told(passage(TEXT, "a.md"), passage(TEXT, "b.md")) == [("a.md", "b.md")]


def test_a_document_that_the_question_names_is_not_replaced_by_a_newer_one() -> None:
    old = passage(TEXT, "a.md", "2019-05-01", title="Pump P100")
    new = passage(TEXT, "b.md", "2024-05-01", title="Pump P200")
    assert told(old, new, asked="strainer of the pump") == [("b.md", "a.md")]
    assert told(old, new, asked="strainer of the P100") == [("a.md", "b.md")]
    # Nor pushed back by it where they differ.
    other = passage(TEXT.replace("8 bar", "9 bar"), "b.md", "2024-05-01", title="Pump P200")
    assert told(old, other, asked="strainer of the P100") == [("a.md",), ("b.md",)]


def test_revisions_that_differ_are_both_there_the_newest_first() -> None:
    old = passage(TEXT, "a.md", "2019-05-01")
    new = passage(TEXT.replace("8 bar", "9 bar"), "b.md", "2024-05-01")
    copy = passage(TEXT, "c.md", "2020-05-01")
    assert told(old, passage("Something else stands here.", "d.md"), new, copy) == [
        ("b.md",),
        ("d.md",),
        ("c.md", "a.md"),
    ]


def test_passages_without_words_are_never_folded() -> None:
    assert told(passage("12 14 16"), passage("12 14 16", "b.md"), passage("", "c.md")) == [
        ("a.md",),
        ("b.md",),
        ("c.md",),
    ]


# The same, searched.


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Callable[[dict[str, tuple[str, str]]], Retriever]]:
    """Adds files, name -> (date of the file, text), and gives what searches them."""
    store = Store.open(tmp_path / "knowledge.db", create=True)

    def added(files: dict[str, tuple[str, str]]) -> Retriever:
        folder = tmp_path / "files"
        folder.mkdir()
        for name, (day, text) in files.items():
            (folder / name).write_text(text, "utf-8")
            stamp = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
            os.utime(folder / name, (stamp, stamp))
        embedder = FakeEmbedder()
        reports = list(Adder(store, embedder, max_tokens=200, max_file_bytes=10**6).add([folder]))
        assert {one.outcome for one in reports} == {"added"}
        return Retriever(store, VectorIndex(store, embedder.fingerprint, 64, tmp_path / "index"), embedder)

    with store:
        yield added


def _names(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.passage.document for hit in hits]


def test_thirty_copies_leave_the_other_places_to_others(search: Callable[..., Retriever]) -> None:
    warranty = "The warranty of the device lasts and covers defects of material for the owner, but no worn part."
    files = {f"copy{number}.md": (f"2001-01-{number:02}", f"# Device\n\n{warranty}\n") for number in range(1, 31)}
    for word in ("kettle", "toaster", "blender", "freezer", "grinder", "heater", "cooler", "mixer", "boiler"):
        files[f"{word}.md"] = ("2000-01-01", f"# {word}\n\nThe warranty of the {word} {word} needs a {word} card.\n")
    found = search(files).search("warranty of the device", 10)
    assert len(found.hits) == len(set(found.ids)) == 10
    first = next(hit for hit in found.hits if hit.also)
    assert first.passage.document == "copy30.md"
    assert sorted(one.document for one in first.also) == sorted(f"copy{number}.md" for number in range(1, 30))
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
    assert found.hits[0].to_dict()["also_in"][0] == {
        "document": "copy29.md", "section": "Device", "page": None, "dated": "2001-01-29",
    }  # fmt: skip


def test_a_copy_takes_nothing_from_the_strength_of_a_hit(search: Callable[..., Retriever]) -> None:
    retriever = search(
        {
            "old.md": ("2019-01-01", f"# Pump strainer\n\n{TEXT}\n"),
            "new.md": ("2024-01-01", f"# Pump\n\n{TEXT}\n"),
            "other.md": ("2024-01-01", "# Kiosk\n\nThe kiosk sells coffee.\n"),
        }
    )
    hit = retriever.search("relief valve of the pump", 3).hits[0]
    assert (hit.passage.document, hit.dense_rank, hit.lexical_rank) == ("new.md", 1, 1)
    assert _names(retriever.search("relief valve of the pump", 3).hits) == ["new.md", "other.md"]


def test_revisions_with_other_numbers_both_come_the_newest_first(search: Callable[..., Retriever]) -> None:
    retriever = search(
        {
            "old.md": ("2019-01-01", f"# Pump\n\n{TEXT}\n"),
            "new.md": ("2024-01-01", f"# Pump\n\n{TEXT.replace('8 bar', '9 bar')}\n"),
            "copy.md": ("2018-01-01", f"# Pump\n\n{TEXT}\n"),
        }
    )
    hits = retriever.search("When does the relief valve open?", 3).hits
    assert _names(hits) == ["new.md", "old.md"]
    assert [one.document for one in hits[1].also] == ["copy.md"]
    # Asked for what only the older one says, that goes first.
    assert _names(retriever.search("relief valve 8 bar", 3).hits) == ["old.md", "new.md"]
