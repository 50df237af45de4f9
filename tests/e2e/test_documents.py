"""Files that cannot become documents: each is refused by its name with a reason, and the others are added."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.artifacts.pdf_bytes import Page, pdf_bytes
from tests.e2e.machine import Machine, write_folder

REFUSED = {
    "empty.md": (b"", "is empty"),
    "blank.txt": (b" \n\t\n ", ""),
    "program.txt": (bytes(range(256)) * 40, "not a text file"),
    "picture.html": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, ""),
    "locked.pdf": (pdf_bytes(Page().text(50, 700, "Nobody reads this."), locked=True), "is encrypted"),
    "broken.pdf": (b"%PDF-1.4\nnothing more", "damaged"),
    "not-really.pdf": (b"just text", "not a PDF"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good files among all that are refused."""
    made = write_folder(tmp_path / "mixed", 2, sections=1)
    for name, (data, _) in REFUSED.items():
        (made / name).write_bytes(data)
    return made


def test_what_cannot_be_read_is_named_and_the_others_are_added(machine: Machine, folder: Path) -> None:
    over = machine.done("add", folder)
    assert over.out.startswith(f"2 added, 0 replaced, 0 unchanged, {len(REFUSED)} refused; ")
    refused = over.err.splitlines()
    assert len(refused) == len(REFUSED)
    for name, (_, reason) in REFUSED.items():
        line = next(line for line in refused if name in line)
        assert line.startswith("refused: ")
        assert reason in line
        assert line.endswith(".")
    assert set(machine.documents()) == {"note-00.md", "note-01.md"}
    assert machine.done("search", "L-010", "--json").json["hits"][0]["document"] == "note-01.md"

    again = machine.done("add", "--json", folder).json
    assert (again["added"], again["unchanged"], again["refused"]) == (0, 2, len(REFUSED))
    assert {Path(file["source"]).name for file in again["files"] if file["reason"]} == set(REFUSED)


def test_what_nobody_reads_is_refused_when_it_is_named(machine: Machine, tmp_path: Path) -> None:
    write_folder(tmp_path / "notes", 1, sections=1)
    spreadsheet, bare, pipe = tmp_path / "table.numbers", tmp_path / "README", tmp_path / "pipe.md"
    spreadsheet.write_bytes(b"PK\x03\x04")
    bare.write_text("# A file without an ending\n")
    os.mkfifo(pipe)
    over = machine.done("add", spreadsheet, bare, pipe, tmp_path / "notes")
    assert over.out.startswith("1 added, 0 replaced, 0 unchanged, 3 refused; ")
    assert "table.numbers is a .numbers file" in over.err
    assert "README is a file without an ending" in over.err
    assert "pipe.md is a device or a pipe" in over.err


def test_when_nothing_could_be_added_the_code_says_so(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "empty.md").touch()
    over = machine.run("add", tmp_path / "empty.md")
    assert over.code == 3
    assert over.err == "refused: empty.md is empty; check the file and add it again.\n"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "table.numbers").touch()
    over = machine.run("add", tmp_path / "folder")
    assert over.code == 3
    assert "Nothing to add" in over.err


def test_a_file_that_is_larger_than_allowed(machine: Machine, tmp_path: Path) -> None:
    large = tmp_path / "large.md"
    large.write_bytes(b"# Large\n" + b"words and words " * 70_000)
    over = machine.run("add", large, settings={"FIELDMATE_PASSAGES__MAX_FILE_MB": "1"})
    assert over.code == 3
    assert "large.md has 1.12 MB and files of up to 1.00 MB are read; split it" in over.err


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8-sig", "Störung im Kühlkreis"),
        ("cp1252", "Störung im Kühlkreis bei −5 °C".replace("−", "-")),
        ("utf-16", "Störung im Kühlkreis"),
        ("utf-16-le", "Störung im Kühlkreis"),
    ],
)
def test_other_encodings_are_read_as_what_they_are(machine: Machine, tmp_path: Path, encoding: str, text: str) -> None:
    file = tmp_path / "note.txt"
    file.write_bytes(
        f"{text}\n\nDas Gerät prüft alle 10 Minuten, ob der Fühler größere Werte liefert.\n".encode(encoding)
    )
    machine.done("add", file)
    assert text in machine.done("docs", "show", "note.txt").out
    assert machine.done("search", "Störung", "--json").json["hits"]


def test_a_file_whose_name_is_no_text_does_not_stop_the_others(machine: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "stick", 2, sections=1)
    odd = os.fsencode(folder) + b"/St\xf6rung.md"
    try:
        with open(odd, "wb") as file:
            file.write(b"# A note\n\nThe name of this file was written by an old computer.\n")
    except OSError:
        pytest.skip("this file system takes no such name")
    over = machine.done("add", folder)
    assert over.out.startswith("2 added") or over.out.startswith("3 added")
    assert {"note-00.md", "note-01.md"} <= set(machine.documents())
    assert machine.done("docs", "list").err == ""


def test_a_changed_file_is_replaced_and_a_good_pdf_has_pages(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Note\n\nThe old value of the valve is 17 bar.\n")
    (tmp_path / "sheet.pdf").write_bytes(
        pdf_bytes(Page().text(50, 700, "The new value of the pump is 23 litres a minute."))
    )
    machine.done("add", tmp_path)
    (tmp_path / "note.md").write_text("# Note\n\nThe new value of the valve is 19 bar.\n")
    report = machine.done("add", "--json", tmp_path).json
    assert (report["replaced"], report["unchanged"]) == (1, 1)
    found = machine.done("search", "value of the valve", "--json").json["hits"]
    assert "19 bar" in found[0]["text"]
    assert not any("17 bar" in hit["text"] for hit in found)
    listed = machine.done("docs", "list", "--json").json["documents"]
    assert {record["name"]: record["pages"] for record in listed} == {"note.md": None, "sheet.pdf": 1}
