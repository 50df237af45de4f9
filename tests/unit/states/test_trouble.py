"""Full disks, folders that cannot be written or vanish, damaged indexes, other processes: the store stays usable."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.states import FileStates, store
from assistant.states.form import HEADER_BYTES
from tests.unit.states import child
from tests.unit.states.samples import content, files, key, on_disk

ROOT = Path(__file__).parents[3]
CHILD = Path(child.__file__)
SIZE = 1_000
FILE = SIZE + HEADER_BYTES
ROOMY = 100 * FILE
PATIENCE_S = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "states"


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `child.py TASK FOLDER ARGUMENTS…`; it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def starter(task: str, *arguments: object) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, str(CHILD), task, str(folder), *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        )
        return started[-1]

    yield starter
    for process in started:
        process.kill()
        process.communicate()


Start = Callable[..., subprocess.Popen[str]]


def keep(states: FileStates, number: int, size: int = SIZE) -> bool:
    return states.keep(key(number), 100, content(number, size))


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def require_usable(folder: Path, budget: int, size: int, numbers: range) -> None:
    """Whole states only, nothing half-written, the budget held, and room for one that is wanted."""
    states = FileStates(folder, budget)
    assert states.usage().bytes <= budget
    assert not list(folder.glob("*/*.part"))
    assert on_disk(folder) <= budget
    for number in numbers:
        loaded = states.load(key(number))
        assert loaded is None or loaded == content(number, size)
    assert states.usage().damaged == 0
    for _ in range(200):
        states.load(key(999))
    assert keep(states, 999, size)
    assert states.load(key(999)) == content(999, size)
    assert on_disk(folder) <= budget
    assert states.note == ""
    states.close()


# Processes


def test_two_processes_keep_the_same_states_at_once(folder: Path, start: Start) -> None:
    both = [start("store", 0, 10, 10) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
    states = FileStates(folder, child.BUDGET)
    for number in range(10):
        assert states.load(key(number)) == content(number, child.SIZE)
    assert states.usage().count == len(files(folder)) == 10
    assert states.asked(key(0)) == 2 * 10 + 1
    states.close()


def test_two_processes_that_keep_more_than_fits_stay_within_the_budget(folder: Path, start: Start) -> None:
    both = [start("store", first, 30, 2) for first in (0, 20)]
    for process in both:
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
    assert on_disk(folder) <= child.BUDGET
    states = FileStates(folder, child.BUDGET)
    assert states.usage().bytes == on_disk(folder)
    states.close()
    require_usable(folder, child.BUDGET, child.SIZE, range(50))


@pytest.mark.parametrize("seed", range(4))
def test_a_process_that_is_killed_while_it_stores_leaves_whole_states(folder: Path, start: Start, seed: int) -> None:
    """Where the signal falls depends on the machine, and does not matter."""
    instants = random.Random(seed)
    for _ in range(2):
        process = start("store", 0, 60, 10_000)
        assert line(process)
        time.sleep(instants.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
    require_usable(folder, child.BUDGET, child.SIZE, range(60))


def test_a_space_is_in_use_until_its_process_dies(folder: Path, start: Start) -> None:
    other = start("use", "other model")
    assert line(other) == "True"
    budget = child.SIZE + HEADER_BYTES
    states = FileStates(folder, budget, space="own model")
    assert not keep(states, 1, child.SIZE)
    other.kill()
    other.wait(PATIENCE_S)
    assert keep(states, 1, child.SIZE)
    states.close()


def test_what_a_living_writer_has_begun_is_left_alone(folder: Path) -> None:
    states = FileStates(folder, ROOMY)
    keep(states, 1)
    states.close()
    space = files(folder)[0].parents[1]
    dead, alive = space / "dead.part", space / "alive.part"
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")
    code = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(alive)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert line(writer) == "1"
        states.usage()
        assert alive.exists()
        assert not dead.exists()
        writer.communicate("\n")
    states.close()
    states.usage()
    assert not alive.exists()
    states.close()


# The disk


def test_a_disk_that_is_nearly_full_is_left_to_the_database(small_disk: Path) -> None:
    states = FileStates(small_disk / "states", 10**9)
    assert not keep(states, 1)
    assert "full" in states.note
    assert states.note.endswith("free some space.")
    assert states.load(key(1)) is None
    states.close()


def test_a_disk_that_fills_up_keeps_what_fits(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "RESERVE_BYTES", -(10**12))  # so that the disk itself refuses
    states = FileStates(small_disk / "states", 10**9)
    said = [keep(states, number, 150_000) for number in range(20)]
    assert said[0]
    assert not said[-1]
    assert "free some space" in states.note
    for number, stored in enumerate(said):
        loaded = states.load(key(number))
        assert loaded == content(number, 150_000) if stored else loaded is None
    assert not list(small_disk.glob("**/*.part"))
    states.close()
    shutil.rmtree(files(small_disk / "states")[0].parent)
    again = FileStates(small_disk / "states", 10**9)
    assert again.keep(key(50), 100, content(50))
    assert again.note == ""
    again.close()


def test_a_file_that_takes_the_folders_place_is_no_reason_to_fail(folder: Path) -> None:
    folder.write_text("not a folder")
    states = FileStates(folder, ROOMY)
    assert states.load(key(1)) is None
    assert not keep(states, 1)
    assert not states.admits(key(1), 100, SIZE)
    assert states.asked(key(1)) == 1
    assert states.usage().count == 0
    assert states.note.endswith(".")
    states.clear()
    states.close()
    assert folder.read_text() == "not a folder"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user of the machine may look into, unlike those of the tests."""
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        yield Path(parent) / "states"
        for path in (Path(parent), *Path(parent).rglob("*")):
            if path.is_dir():
                path.chmod(0o755)


def test_a_folder_that_may_not_be_written_is_read_and_left_as_it_is(public: Path, start: Start) -> None:
    folder = public
    states = FileStates(folder, ROOMY)
    keep(states, 1)
    states.load(key(1))
    states.close()
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    child_process = start("as_nobody", folder)
    printed, errors = child_process.communicate(timeout=PATIENCE_S)
    assert child_process.returncode == 0, errors
    reading, writing = printed.splitlines()
    assert reading.startswith("True False True 1")
    assert writing.startswith("True False True 1")
    assert "make it writable" in writing
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_a_read_only_store_writes_nothing(folder: Path) -> None:
    states = FileStates(folder, ROOMY, read_only=True)
    assert states.load(key(1)) is None
    assert not keep(states, 1)
    states.usage()
    states.clear()
    states.close()
    assert not folder.exists()


def test_a_read_only_store_leaves_damaged_files_where_they_are(folder: Path) -> None:
    states = FileStates(folder, ROOMY)
    keep(states, 1)
    states.close()
    files(folder)[0].write_bytes(b"damaged")
    reading = FileStates(folder, ROOMY, read_only=True)
    assert reading.load(key(1)) is None
    assert reading.usage().damaged == 1
    assert files(folder)
    reading.close()


def test_a_folder_that_vanishes_is_made_again(folder: Path) -> None:
    states = FileStates(folder, ROOMY)
    keep(states, 1)
    shutil.rmtree(folder)
    assert states.load(key(1)) is None
    assert keep(states, 2)
    assert states.load(key(2)) == content(2)
    states.close()
    require_usable(folder, ROOMY, SIZE, range(5))


# The index


def filled(folder: Path) -> None:
    states = FileStates(folder, 3 * FILE)
    for number in range(3):
        keep(states, number)
        states.load(key(number))
    states.close()


@pytest.mark.parametrize("what", ["deleted", "emptied", "garbage", "cut", "another", "newer", "a folder"])
def test_an_index_that_is_lost_or_damaged_is_made_again_from_the_files(folder: Path, what: str) -> None:
    filled(folder)
    index = folder / "index.db"
    if what in ("deleted", "another", "a folder"):
        index.unlink()
    if what == "emptied":
        index.write_bytes(b"")
    if what == "garbage":
        index.write_bytes(content(1, 5_000))
    if what == "cut":
        os.truncate(index, index.stat().st_size // 2)
    if what == "a folder":
        index.mkdir()
    if what in ("another", "newer"):
        with closing(sqlite3.connect(index)) as db:
            db.execute("PRAGMA user_version = 99" if what == "newer" else "CREATE TABLE states (something)")
            db.commit()
    states = FileStates(folder, 3 * FILE)
    for number in range(3):
        assert states.load(key(number)) == content(number)
    assert states.usage().count == 3
    assert states.usage().bytes == 3 * FILE
    for _ in range(3):
        states.load(key(4))
    assert keep(states, 4)
    assert on_disk(folder) == 3 * FILE
    assert states.note.endswith(".") or not states.note
    states.close()


def test_a_byte_of_the_index_that_changes_never_makes_the_store_fail(folder: Path) -> None:
    filled(folder)
    index = folder / "index.db"
    sound = index.read_bytes()
    changes = random.Random(7)
    for _ in range(60):
        damaged = bytearray(sound)
        for place in changes.sample(range(len(sound)), 4):
            damaged[place] ^= changes.randrange(1, 256)
        for path in folder.glob("index.db*"):
            path.unlink()
        index.write_bytes(damaged)
        states = FileStates(folder, 3 * FILE)
        for number in range(4):
            loaded = states.load(key(number))
            assert loaded is None or loaded == content(number)
            keep(states, number)
        states.asked(key(1))
        states.usage()
        states.close()
    for path in folder.glob("index.db*"):
        path.unlink()
    require_usable(folder, 3 * FILE, SIZE, range(4))


def test_a_damaged_index_that_others_have_open_is_left_to_them(folder: Path, start: Start) -> None:
    filled(folder)
    other = start("use", "other model")
    assert line(other) == "True"
    with (folder / "index.db").open("r+b") as file:
        file.write(content(1, 4_096))
    states = FileStates(folder, child.BUDGET)
    assert states.load(key(1)) == content(1)
    assert keep(states, 4)
    assert states.usage().count == 5
    assert "end the other processes" in states.note
    states.close()
    other.kill()
    other.wait(PATIENCE_S)
    again = FileStates(folder, child.BUDGET)
    assert again.usage().count == 5
    again.close()
    assert FileStates(folder, child.BUDGET).note == ""


def test_a_busy_index_costs_a_moment_and_no_state(folder: Path) -> None:
    filled(folder)
    states = FileStates(folder, ROOMY)
    assert states.load(key(1)) == content(1)
    with closing(sqlite3.connect(folder / "index.db", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        assert not keep(states, 5)
        assert states.load(key(1)) == content(1)
        lock.execute("COMMIT")
    assert keep(states, 5)
    states.close()
    assert FileStates(folder, ROOMY, read_only=True).asked(key(1)) == 3
