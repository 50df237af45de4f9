"""Backing up and restoring real files: while others use them, over damage, and never half."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assistant.errors import InputError, KnowledgeBaseDamaged, KnowledgeBaseTooNew, StorageError
from assistant.store import Store
from assistant.store.backup import back_up, restore
from tests.unit.store.samples import parts


def put(store: Store, name: str, seed: int = 0) -> None:
    store.put(*parts(name, seed=seed))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A knowledge base with two documents."""
    made = tmp_path / "data" / "knowledge.db"
    made.parent.mkdir()
    with Store.open(made, create=True) as store:
        put(store, "a.md")
        put(store, "b.md")
    return made


@pytest.fixture
def backup(path: Path, tmp_path: Path) -> Path:
    target = tmp_path / "saved"
    with Store.open(path, create=False) as store:
        back_up(store, target)
    return target


def names(path: Path) -> list[str]:
    with Store.open(path, create=False) as store:
        assert store.check() == []
        return [record.name for record in store.documents()]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_backup_is_one_sound_file_with_everything(backup: Path, path: Path, tmp_path: Path) -> None:
    assert files(tmp_path) == {"data", "saved"}
    assert names(backup) == names(path) == ["a.md", "b.md"]


def test_a_backup_is_taken_while_somebody_writes(path: Path, tmp_path: Path) -> None:
    with Store.open(path, create=False) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA foreign_keys = ON")
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM documents")
        back_up(store, tmp_path / "saved")
        other.execute("COMMIT")
    assert names(tmp_path / "saved") == ["a.md", "b.md"]
    assert names(path) == []


def test_a_backup_replaces_a_backup_and_nothing_else(backup: Path, path: Path, tmp_path: Path) -> None:
    with Store.open(path, create=False) as store:
        store.remove("a.md")
        back_up(store, backup)
        assert names(backup) == ["b.md"]
        note = tmp_path / "note.txt"
        note.write_text("mine")
        with pytest.raises(InputError, match="is no backup"):
            back_up(store, note)
        assert note.read_text() == "mine"
        with pytest.raises(InputError, match="is a folder"):
            back_up(store, tmp_path)
        with pytest.raises(InputError, match="There is no folder"):
            back_up(store, tmp_path / "none" / "saved")


def test_a_damaged_knowledge_base_does_not_replace_a_good_backup(backup: Path, path: Path) -> None:
    before = backup.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE passages SET text = 'Other words.' WHERE id = 1")
        connection.commit()
    with Store.open(path, create=False) as store, pytest.raises(KnowledgeBaseDamaged, match="was not backed up"):
        back_up(store, backup)
    assert backup.read_bytes() == before
    assert files(backup.parent) == {"data", "saved"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_takes_nothing_is_a_sentence(path: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with Store.open(path, create=False) as store, pytest.raises(StorageError):
        back_up(store, closed / "saved")


def test_restoring_brings_back_what_was_there(backup: Path, path: Path) -> None:
    with Store.open(path, create=False) as store:
        store.remove("a.md")
        put(store, "c.md")
    assert restore(backup, path) is None
    assert names(path) == ["a.md", "b.md"]
    assert {"knowledge.db"} <= files(path.parent) <= {"knowledge.db", "knowledge.db-wal", "knowledge.db-shm"}


def test_who_has_the_knowledge_base_open_sees_the_restored_one(backup: Path, path: Path) -> None:
    with Store.open(path, create=False) as serving:
        serving.remove("a.md")
        seen = serving.generation
        with serving.snapshot():
            assert [record.name for record in serving.documents()] == ["b.md"]
        restore(backup, path)
        assert serving.changed_since(seen)
        assert [record.name for record in serving.documents()] == ["a.md", "b.md"]


def test_restoring_an_older_state_never_repeats_a_count_of_changes(backup: Path, path: Path) -> None:
    with Store.open(path, create=False) as store:
        for number in range(20):
            put(store, "a.md", number + 1)
        before = store.generation
    restore(backup, path)
    with Store.open(path, create=False) as store:
        assert store.generation > before


def test_a_backup_makes_a_knowledge_base_where_there_is_none(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    restore(backup, tmp_path / "new" / "knowledge.db")
    assert names(tmp_path / "new" / "knowledge.db") == ["a.md", "b.md"]


def test_a_ruined_knowledge_base_is_moved_aside(backup: Path, path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)
    aside = restore(backup, path)
    assert aside is not None
    assert aside.read_bytes().startswith(b"not a database")
    assert names(path) == ["a.md", "b.md"]


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda data: b"", KnowledgeBaseDamaged),
        (lambda data: b"something else entirely, long enough to be read" * 100, KnowledgeBaseDamaged),
        (lambda data: data[: len(data) // 2], KnowledgeBaseDamaged),
        (lambda data: data.replace(b"passage 1 of a.md", b"passage 9 of a.md"), KnowledgeBaseDamaged),
    ],
    ids=["empty", "foreign", "cut", "changed"],
)
def test_a_damaged_backup_changes_nothing(backup: Path, path: Path, damage: object, error: type[Exception]) -> None:
    data = backup.read_bytes()
    backup.write_bytes(damage(data))  # type: ignore[operator]
    with Store.open(path, create=False) as store:
        store.remove("a.md")
    with pytest.raises(error):
        restore(backup, path)
    assert names(path) == ["b.md"]
    assert not [name for name in files(path.parent) if "restoring" in name]


def test_a_backup_of_a_newer_version_is_refused(backup: Path, path: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    with pytest.raises(KnowledgeBaseTooNew):
        restore(backup, path)
    assert names(path) == ["a.md", "b.md"]


def test_what_is_no_backup_is_a_sentence(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no backup"):
        restore(tmp_path / "none", path)
    with pytest.raises(InputError, match="is the knowledge base itself"):
        restore(path, path)


def test_leftovers_of_a_killed_restore_do_no_harm(backup: Path, path: Path) -> None:
    (path.parent / ".knowledge.db.restoring").write_bytes(b"half")
    (path.parent / ".knowledge.db.restoring-wal").write_bytes(b"half")
    restore(backup, path)
    assert names(path) == ["a.md", "b.md"]
