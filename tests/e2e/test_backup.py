"""`fieldmate backup` and `restore` as an owner uses them, and cut at random instants."""

from __future__ import annotations

import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, ended, write_folder


@pytest.fixture
def saved(machine: Machine, tmp_path: Path) -> Path:
    machine.done("add", write_folder(tmp_path / "notes", 6))
    over = machine.done("backup", tmp_path / "saved")
    assert over.out.startswith(f"Backed up into {tmp_path / 'saved'} (")
    return tmp_path / "saved"


def test_what_was_lost_is_brought_back_and_answers(machine: Machine, saved: Path) -> None:
    before = machine.documents()
    machine.done("docs", "remove", "note-00.md", "note-01.md")
    over = machine.done("restore", "--json", saved)
    assert over.json["documents"] == 6
    assert over.json["damaged"] is None
    assert machine.documents() == before
    assert machine.done("search", "L-010", "--json").json["hits"][0]["document"] == "note-01.md"


def test_a_ruined_knowledge_base_is_moved_aside(machine: Machine, saved: Path) -> None:
    machine.database.write_bytes(b"ruined" * 5000)
    over = machine.done("restore", saved)
    assert "The damaged knowledge base was moved to" in over.err
    assert len(machine.documents()) == 6


def test_what_is_no_backup_is_one_sentence(machine: Machine, saved: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("mine")
    assert machine.run("backup", note).code == 3
    assert note.read_text() == "mine"
    over = machine.run("restore", note)
    assert over.code == 5
    assert "name another" in over.sentence
    assert len(machine.documents()) == 6


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_kill_at_any_instant_leaves_backup_and_knowledge_base_whole(
    machine: Machine, saved: Path, command: str
) -> None:
    machine.done("docs", "remove", "note-00.md")
    chance = random.Random(20261121)
    for _ in range(8):
        process = machine.start(command, saved)
        with suppress(Exception):
            process.wait(timeout=chance.uniform(0.05, 0.8))
        process.send_signal(signal.SIGKILL)
        ended(process)
        assert len(machine.documents()) in (5, 6)
    machine.done(command, saved)
    assert len(machine.documents()) == (5 if command == "backup" else 6)
    assert machine.done("search", "L-010", "--json").json["hits"]
    assert [path.name for path in saved.parent.iterdir() if path.name.startswith(".saved")] == []
