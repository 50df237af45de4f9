"""A knowledge base that is busy, damaged, too new, read-only or on a full disk: a sentence, a code, nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, Namespace, copy_of, ended, write_folder

QUESTION = "How do I swim to the moon?"
READING = (["docs", "list"], ["search", "E07"], ["ask", QUESTION])


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """A small document that is not in the knowledge base."""
    return write_folder(tmp_path / "notes", 1, sections=1) / "note-00.md"


@pytest.fixture
def held(filled: Machine) -> Iterator[sqlite3.Connection]:
    """The write lock, held by another process than the command's."""
    with closing(sqlite3.connect(filled.database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


@pytest.mark.usefixtures("held")
def test_a_busy_knowledge_base_is_read_and_not_written(filled: Machine, note: Path) -> None:
    filled.settings["FIELDMATE_STORE__BUSY_TIMEOUT_S"] = "1"
    for command in READING:
        assert filled.done(*command).err == ""
    for command in (["add", str(note)], ["docs", "remove", "pump-unit/manual.md"]):
        over = filled.run(*command)
        assert over.code == 5
        assert "Another process has been using the knowledge base" in over.sentence
        assert over.sentence.endswith("run the same command again.")
    examined = filled.run("doctor")
    assert examined.code in {0, 5}
    assert examined.err == ""


def test_whoever_waits_long_enough_gets_their_turn(filled: Machine, note: Path, held: sqlite3.Connection) -> None:
    adding = filled.start("add", note)
    with pytest.raises(Exception, match="timed out"):
        adding.wait(3)  # an add of one small file takes less on any machine; on a slower one this proves nothing
    held.execute("ROLLBACK")
    over = ended(adding)
    assert over.code == 0
    assert over.out.startswith("1 added")


@pytest.mark.parametrize("how", ["noise in the middle", "cut short", "noise at the start", "another file"])
def test_a_damaged_database(filled: Machine, note: Path, how: str) -> None:
    size = filled.database.stat().st_size
    with filled.database.open("r+b") as file:
        if how == "cut short":
            file.truncate(size // 3)
        elif how == "another file":
            file.truncate(0)
            file.write(b"# My notes\n" * 1000)
        else:
            file.seek(size // 4 if how == "noise in the middle" else 0)
            file.write(os.urandom(size // 2 if how == "noise in the middle" else 4096))
    damaged = filled.database.read_bytes()
    codes = set()
    for command in (*READING, ["add", str(note)]):
        over = filled.run(*command)
        codes.add(over.code)
        if over.code:
            assert over.code == 5
            assert str(filled.database) in over.sentence
            assert "restore" in over.sentence or "move" in over.sentence
    assert 5 in codes, "at least who reads everything must notice"
    if how != "noise in the middle":
        assert codes == {5}
        assert filled.database.read_bytes() == damaged, "what is left is still there for whoever can save it"
    examined = filled.run("doctor")
    assert examined.code == 5
    assert examined.err == ""


def test_a_database_of_a_newer_version(filled: Machine, note: Path) -> None:
    with closing(sqlite3.connect(filled.database)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    before = filled.database.read_bytes()
    for command in (*READING, ["add", str(note)], ["docs", "remove", "pump-unit/manual.md"]):
        over = filled.run(*command)
        assert over.code == 5
        assert "newer version of Fieldmate" in over.sentence
        assert "update Fieldmate" in over.sentence
    assert filled.run("doctor").code == 5
    assert filled.database.read_bytes() == before


def test_another_programs_database_is_left_alone(machine: Machine, note: Path) -> None:
    machine.home.mkdir(parents=True)
    with closing(sqlite3.connect(machine.database)) as connection:
        connection.execute("CREATE TABLE theirs (value)")
    before = machine.database.read_bytes()
    for command in (["docs", "list"], ["add", str(note)]):
        over = machine.run(*command)
        assert over.code == 5
        assert "is not a knowledge base of Fieldmate" in over.sentence
    assert machine.database.read_bytes() == before


@pytest.mark.parametrize("what", ["a file", "below a file"])
def test_a_data_folder_that_cannot_be_one(machine: Machine, note: Path, what: str) -> None:
    machine.home.write_text("a file")
    home = machine.home if what == "a file" else machine.home / "deeper"
    over = machine.run("add", note, "--data-dir", home)
    assert over.code == 3
    assert str(home) in over.sentence
    assert "--data-dir" in over.sentence


# Read-only


@pytest.fixture(params=["permissions", "disk"])
def read_only(
    request: pytest.FixtureRequest, filled: Machine, namespace: Callable[..., Namespace]
) -> Iterator[Machine]:
    """A knowledge base whose folder cannot be written."""
    if request.param == "disk":
        home = filled.home
        filled.prefix = namespace("m", f"mount --bind '{home}' '{home}' && mount -o remount,bind,ro '{home}'").prefix
        yield filled
        return
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and there is no setpriv to take that from it")
        rights = "-dac_override,-dac_read_search,-fowner"
        filled.prefix = ["setpriv", "--bounding-set", rights, "--inh-caps", rights]
    filled.database.chmod(0o444)
    filled.home.chmod(0o555)
    yield filled
    filled.home.chmod(0o755)
    filled.database.chmod(0o644)


def test_a_read_only_knowledge_base_answers_and_says_why_it_does_not_grow(read_only: Machine, note: Path) -> None:
    before = read_only.database.read_bytes()
    for command in READING:
        assert read_only.done(*command).err == ""
    for command in (["add", str(note)], ["docs", "remove", "pump-unit/manual.md"]):
        over = read_only.run(*command)
        assert over.code == 3
        assert "cannot be written" in over.sentence
        assert over.sentence.endswith("run the same command again.")
    examined = read_only.run("doctor")
    assert examined.code == 0 or "generator" in examined.out
    assert "questions work, adding does not" in examined.out
    assert read_only.database.read_bytes() == before
    assert [path.name for path in read_only.home.iterdir()] == ["knowledge.db"]


@pytest.mark.usefixtures("generator")
def test_a_read_only_kiosk_generates_answers(read_only: Machine) -> None:
    answer = read_only.done("ask", "--json", "What does E07 mean on the card reader of the coffee kiosk?").json
    assert answer["status"] == "answered"
    assert answer["citations"]


def test_a_new_knowledge_base_on_a_read_only_disk(
    machine: Machine, note: Path, namespace: Callable[..., Namespace]
) -> None:
    root = machine.root
    machine.prefix = namespace("m", f"mount --bind '{root}' '{root}' && mount -o remount,bind,ro '{root}'").prefix
    over = machine.run("add", note)
    assert over.code == 3
    assert str(machine.home) in over.sentence


# A full disk


def test_a_full_disk_loses_nothing_and_the_next_run_completes(
    machine: Machine, tmp_path: Path, namespace: Callable[..., Namespace]
) -> None:
    folder = write_folder(tmp_path / "notes", 16, sections=5)
    machine.home.mkdir()
    disk = namespace("m", f"mount -t tmpfs -o size=600k,mode=777 tmpfs '{machine.home}'")
    machine.prefix = disk.prefix
    over = machine.run("add", folder)
    assert over.code == 3
    assert "space" in over.sentence
    assert over.sentence.endswith("run the same command again.")

    disk.do("mount", "-o", "remount,size=64m", str(machine.home))
    saved = machine.documents()
    assert 0 < len(saved) < 16
    assert machine.done("add", folder).out.startswith(f"{16 - len(saved)} added, 0 replaced, {len(saved)} unchanged")
    assert saved.items() <= machine.documents().items()
    whole = Machine(tmp_path / "whole")
    whole.done("add", folder)
    assert machine.documents() == whole.documents()
    assert "every row was read and agrees" in machine.run("doctor").out


def test_reading_goes_on_while_the_disk_is_full(
    filled: Machine, note: Path, namespace: Callable[..., Namespace]
) -> None:
    twin = copy_of(filled, filled.root / "twin")
    shutil.rmtree(filled.home)
    filled.home.mkdir()
    home = filled.home
    disk = namespace(
        "m", f"mount -t tmpfs -o size=8m,mode=777 tmpfs '{home}' && cp '{twin.database}' '{home}' && "
        f"(dd if=/dev/zero of='{home}/ballast' bs=4096 2>/dev/null || true)",
    )  # fmt: skip
    filled.prefix = disk.prefix
    for command in (["add", str(note)], ["docs", "remove", "pump-unit/manual.md"]):
        over = filled.run(*command)
        assert over.code == 3
        assert over.sentence.endswith("run the same command again.")
    for command in READING:
        over = filled.run(*command)
        # SQLite wants a little room beside the file even to read; who cannot have it is told so.
        assert over.code == 0 or (over.code == 3 and "space" in over.sentence), over
    disk.do("rm", f"{home}/ballast")
    assert filled.documents() == twin.documents()
    assert filled.done("add", note).out.startswith("1 added")


def test_a_limit_on_the_size_of_files_is_told_like_a_full_disk(machine: Machine, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 12, sections=4)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    over = machine.run("add", folder, preexec_fn=limit)
    assert over.code == 3
    assert "space" in over.sentence
    saved = machine.documents()
    assert len(saved) < 12
    machine.done("add", folder)
    assert saved.items() <= machine.documents().items()
    assert len(machine.documents()) == 12
    assert "every row was read and agrees" in machine.run("doctor").out
