from __future__ import annotations

import gzip
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from assistant.errors import KnowledgeBaseDamaged, KnowledgeBaseTooNew, StorageError
from assistant.store import Store, schema
from tests.unit.store.samples import FINGERPRINT, filled, parts

OLDER = {f"version {n}": Path(__file__).parent / "artifacts" / f"version-{n}.db.gz" for n in (1, 2)}
"""Knowledge bases as earlier versions of the schema wrote them; see `artifacts/make_version.py`."""


def test_a_new_file_has_its_marks_and_modes(store: Store, path: Path) -> None:
    pragmas = {name: store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in (
        "application_id", "user_version", "journal_mode", "synchronous", "foreign_keys", "page_size", "busy_timeout",
    )}  # fmt: skip
    assert pragmas == {
        "application_id": int.from_bytes(b"FMKB"),
        "user_version": len(schema.MIGRATIONS),
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "page_size": 8192,
        "busy_timeout": 30_000,
    }
    assert store.check() == []


@pytest.mark.parametrize("content", [None, b""])
def test_without_create_a_missing_or_empty_file_is_no_knowledge_base(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(StorageError, match=r"no knowledge base at .* yet; add documents to create it\.$"):
            Store.open(path, create=False, read_only=read_only)
    assert path.exists() == (content is not None)
    with Store.open(path, create=True) as store:
        assert store.documents() == []


def test_a_creation_that_was_cut_short_is_taken_up_again(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert path.stat().st_size
    with pytest.raises(StorageError, match="no knowledge base"):
        Store.open(path, create=False)
    with Store.open(path, create=True) as store:
        store.put(*parts("a.md"))


def test_missing_folders_and_folders_in_place_of_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"The folder .*nowhere does not exist; create it and run .*\.$"):
        Store.open(tmp_path / "nowhere" / "knowledge.db", create=True)
    with pytest.raises(StorageError, match="is a folder"):
        Store.open(tmp_path, create=True)


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7 not a database at all", b"SQLite format 3\0" + bytes(84), os.urandom(9000)]
)
def test_a_file_that_is_no_database_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for create in (True, False):
        with pytest.raises(KnowledgeBaseDamaged):
            Store.open(path, create=create)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_left_as_it_is(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(KnowledgeBaseDamaged, match="is not a knowledge base of Fieldmate"):
        Store.open(path, create=True)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(KnowledgeBaseTooNew, match=r"newer version of Fieldmate; update Fieldmate and .*\.$"):
            Store.open(path, create=False, read_only=read_only)


@pytest.mark.parametrize("origin", OLDER)
def test_what_an_older_version_wrote_can_be_read_and_written(path: Path, origin: str) -> None:
    path.write_bytes(gzip.decompress(OLDER[origin].read_bytes()))
    with Store.open(path, create=False) as store:
        assert schema.version(store._db) == len(schema.MIGRATIONS)
        assert store.check() == []
        assert store.live == FINGERPRINT
        assert [(record.language, record.tags) for record in store.documents()] == [(None, ()), (None, ())]
        assert list(store.passage(store.passage_ids("manual-1.md")).values()) == parts("manual-1.md", 3, seed=1)[1]
        assert store.lexical(["manual-0.md"], 5)
        assert store.put(*parts("manual-1.md", 3, seed=1)) == "unchanged"
        assert store.put(*parts("manual-1.md", 3, seed=2)) == "replaced"


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more migration than there is."""
    step = schema.Migration("notes", lambda db: db.executescript("CREATE TABLE notes (note TEXT);"))
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))


def test_a_record_that_was_damaged_before_an_upgrade_is_still_seen_to_be(path: Path) -> None:
    path.write_bytes(gzip.decompress(OLDER["version 2"].read_bytes()))
    raw = sqlite3.connect(path)
    raw.execute("UPDATE documents SET revised = '2025-05-01' WHERE name = 'manual-1.md'")
    raw.commit()
    raw.close()
    with Store.open(path, create=False) as store:
        assert any("record of a document" in problem.message for problem in store.check())


@pytest.mark.parametrize("origin", ["empty", *OLDER])
def test_migrations_are_applied_once_and_recorded(path: Path, next_version: None, origin: str) -> None:
    if origin in OLDER:
        path.write_bytes(gzip.decompress(OLDER[origin].read_bytes()))
    for _ in range(2):
        with Store.open(path, create=True) as store:
            recorded = store._db.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()
            assert recorded == [(n, one.name) for n, one in enumerate(schema.MIGRATIONS, start=1)]
            assert store._db["notes"].exists()
            assert store.check() == []


def test_a_migration_that_fails_leaves_the_version_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    before = len(schema.MIGRATIONS)

    def broken(db: Database) -> None:
        db.execute("CREATE TABLE half (a)")
        raise ZeroDivisionError

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, schema.Migration("broken", broken)))
    with pytest.raises(ZeroDivisionError):
        Store.open(path, create=False)
    with pytest.raises(StorageError, match="older version"):
        Store.open(path, create=False, read_only=True)
    monkeypatch.undo()
    with Store.open(path, create=False) as store:
        assert schema.version(store._db) == before
        assert not store._db["half"].exists()
        assert store.check() == []


def test_reading_only_refuses_to_write(path: Path) -> None:
    filled(path)
    with Store.open(path, create=False, read_only=True) as store:
        with pytest.raises(StorageError, match="cannot be written; make the file and its folder writable"):
            store.put(*parts("a.md"))
        assert store.lexical(["passage"], 1)
        assert store.check() == []


@pytest.fixture(params=["missing rights", "mounted read-only"])
def read_only_folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder, open to all, and how `seal` makes it read-only."""
    # Not below pytest's own folder, which only its user may enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if request.param == "mounted read-only":
            try:
                subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"nothing can be mounted here: {error}")
        yield folder
        if request.param == "mounted read-only":
            subprocess.run(["umount", "--lazy", folder], check=True)
        folder.chmod(0o755)


def seal(folder: Path) -> None:
    if folder.is_mount():
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    else:
        folder.chmod(0o555)


def test_a_read_only_folder_can_be_read_but_not_written(read_only_folder: Path, run: Callable[..., str]) -> None:
    path = read_only_folder / "knowledge.db"
    filled(path)
    seal(read_only_folder)
    assert run("read", path, "read_only") == "3 1 []\n"
    assert "make the file and its folder writable" in run("read", path, "write")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_is_only_in_the_log_is_read_or_the_reason_is_given(
    read_only_folder: Path, run: Callable[..., str]
) -> None:
    path = read_only_folder / "knowledge.db"
    filled(path)
    # As a device that was switched off leaves them: the last document is only in the log.
    with Store.open(path, create=False) as store:
        store.put(*parts("late.md"))
        left = {name: (path.parent / name).read_bytes() for name in (path.name, path.name + "-wal")}
    for name, data in left.items():
        (path.parent / name).write_bytes(data)
    seal(read_only_folder)
    assert run("read", path, "read_only").startswith(("4 ", "StorageError The knowledge base"))
