"""Tags, languages and verifying, by the command."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, write_folder

GERMAN = (
    "# Pumpe\n\nSchließen Sie das Ventil, bevor Sie den Deckel der Pumpe öffnen. Die Pumpe läuft zwei Minuten, dann "
    "hält sie von selbst an. Prüfen Sie danach den Druck an der Anzeige.\n"
)


@pytest.fixture
def folder(machine: Machine, tmp_path: Path) -> Path:
    made = write_folder(tmp_path / "notes", 3, sections=1)
    (made / "pumpe.md").write_text(GERMAN, "utf-8")
    machine.done("add", "--tag", "Notes", made)
    return made


def _documents(machine: Machine, *arguments: str) -> set[str]:
    hits = machine.done("search", "--json", "-k", "20", *arguments).json["hits"]
    return {hit["document"] for hit in hits}


def test_searches_keep_to_the_documents_that_were_asked_for(machine: Machine, folder: Path) -> None:
    everything = {"note-00.md", "note-01.md", "note-02.md", "pumpe.md"}
    assert _documents(machine, "pump", "--tag", "#notes") == everything
    assert _documents(machine, "pump", "--language", "DE") == {"pumpe.md"}
    assert _documents(machine, "pump", "--in", "note-01.md", "--in", "pumpe.md") == {"note-01.md", "pumpe.md"}
    machine.done("docs", "tag", "note-02.md", "late", "Night shift")
    assert _documents(machine, "pump", "--tag", "night SHIFT") == {"note-02.md"}
    (folder / "more.md").write_text("# More\n\nThe pump is loud.\n")
    machine.done("sync")
    assert "more.md" in _documents(machine, "pump", "--tag", "notes")
    machine.done("docs", "untag", "note-02.md", "late", "night shift")
    shown = machine.done("docs", "list").out
    assert "late" not in shown
    assert "note-02.md" in shown
    assert shown.count("#notes") == 5
    assert ", de, " in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("search", "pump", "--tag", "nothing"), 3, "No document has the tag nothing; there are: notes."),
        (("search", "pump", "--language", "fi"), 3, "No document is in the language fi; there are: "),
        (("search", "pump", "--in", "nothing.md"), 3, "There is no document called nothing.md; list the documents"),
        (("docs", "tag", "nothing.md", "x"), 3, "There is no document or folder nothing.md; "),
        (("docs", "tag", "note-00.md", " "), 2, "A tag is a word of up to 60 characters; "),
        (("docs", "untag", "note-00.md", "notes"), 2, "note-00.md does not have the tag itself; "),
    ],
)
def test_what_there_is_none_of_is_one_sentence(
    machine: Machine, folder: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    over = machine.run(*arguments)
    assert over.code == code
    assert over.sentence.startswith(said)


def test_damage_is_named_and_mended(machine: Machine, folder: Path) -> None:
    assert machine.done("verify").out == "4 documents and 4 passages are as they were written.\n"
    before = _documents(machine, "pump")
    with closing(sqlite3.connect(machine.database)) as raw:
        raw.execute("UPDATE documents SET text = replace(text, 'Pumpe', 'Klappe')")
        raw.execute("DELETE FROM passages_fts WHERE rowid = 1")
        raw.commit()
    found = machine.run("verify")
    assert found.code == 5
    assert "documents: " in found.out or "file: " in found.out
    assert found.err == "Run `fieldmate verify --repair` to mend what can be mended.\n"
    assert machine.run("verify", "--json").json["sound"] is False
    mended = machine.run("verify", "--repair", "--json")
    assert mended.code == 0
    assert mended.json["sound"]
    assert mended.json["read_again"] == [str(folder / "pumpe.md")]
    assert machine.done("verify", "--json").json == {"sound": True, "problems": [], "documents": 4, "passages": 4}
    assert _documents(machine, "pump") == before
