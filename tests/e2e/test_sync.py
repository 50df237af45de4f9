"""`fieldmate sync` on real folders: what changes is taken over, what is missing is not lost, --watch ends when told."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.e2e.machine import Machine, ended, wait_for, write_folder


def test_a_folder_is_followed_from_add_on(machine: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 3, sections=2)
    machine.done("add", folder)
    assert machine.done("docs", "folders").out.strip() == str(folder)
    (folder / "note-00.md").unlink()
    (folder / "note-01.md").rename(folder / "moved.md")
    (folder / "new.md").write_text("# New\n\nValve Q-777 opens at 9 bar.\n")
    report = machine.done("sync", "--json").json
    assert {Path(file["source"]).name: file["outcome"] for file in report["files"]} == {
        "moved.md": "renamed", "new.md": "added", "note-00.md": "removed"
    }  # fmt: skip
    assert report["embedded"] == 1
    assert set(machine.documents()) == {"moved.md", "new.md", "note-02.md"}
    assert machine.done("search", "Q-777", "--json").json["hits"][0]["document"] == "new.md"


def test_a_stick_that_was_pulled_out_takes_no_document_with_it(machine: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "stick", 2, sections=1)
    machine.done("add", folder)
    folder.rename(tmp_path / "elsewhere")
    over = machine.done("sync")
    assert over.err.strip() == f"The folder {folder} is not there; its 2 documents stay as they were."
    assert len(machine.documents()) == 2


def test_what_was_removed_stays_out_until_it_is_named(machine: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 2, sections=1)
    machine.done("add", folder)
    machine.done("docs", "remove", "note-00.md")
    for again in (("sync",), ("add", folder)):
        machine.done(*again)
        assert set(machine.documents()) == {"note-01.md"}
    machine.done("add", folder / "note-00.md")
    assert len(machine.documents()) == 2


def test_a_folder_can_be_let_go(machine: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 1, sections=1)
    machine.done("add", folder)
    machine.done("docs", "unfollow", folder)
    (folder / "note-00.md").unlink()
    over = machine.run("sync")
    assert (over.code, over.sentence) == (3, "No folder is followed; `fieldmate add FOLDER` begins it.")
    assert len(machine.documents()) == 1
    assert machine.run("docs", "unfollow", folder).code == 2


def test_watching_takes_over_what_comes_and_ends_on_a_signal(machine: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 1, sections=1)
    machine.done("add", folder)
    watching = machine.start("sync", "--watch", "--every", "0.2")
    (folder / "new.md").write_text("# New\n\nValve Q-777 opens at 9 bar.\n")
    wait_for(lambda: machine.stored() == 2, watching)
    (folder / "note-00.md").unlink()
    wait_for(lambda: machine.stored() == 1, watching)
    watching.send_signal(signal.SIGTERM)
    over = ended(watching)
    assert over.code == 143
    assert "Stopped; what was reported is stored." in over.err
