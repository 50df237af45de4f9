"""A cluster of Ray nodes adds what one machine adds, row by row, whatever dies meanwhile.

Everything listens on loopback and ends with the test. Full runs of Ray take a quarter of a minute each to start.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.artifacts.tiny import TINY, TINY_ID
from tests.e2e.machine import PATIENCE_S, REPOSITORY, Machine, write_folder

pytest.importorskip("ray", reason='Ray is not installed; `pip install "fieldmate[ray]"` brings it')
pytest.importorskip("psutil")

TABLES = ("documents", "passages", "vectors", "embedders", "passages_fts", "passages_fts_data", "folders", "tags")
WHEN = {"added_at", "checksum"}
"""Columns of a document that say when it was added; the checksum is over that too."""


class RayCluster:
    """Nodes on loopback; see `ray_cluster.py`."""

    def __init__(self, nodes: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fm-", dir="/tmp"))  # sockets' paths must be short
        self.settings = {
            "RAY_TMPDIR": str(self._folder),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",
            "http_proxy": "http://127.0.0.1:9",
            "no_proxy": "127.0.0.1,localhost",
            "PYTHONPATH": str(REPOSITORY),
        }
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("ray_cluster.py")), str(nodes)],
            env=Machine(self._folder / "m").environment() | self.settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address: str = self._said()["address"]

    def ask(self, *words: object) -> Any:
        assert self._process.stdin is not None
        print(*words, file=self._process.stdin, flush=True)
        return self._said()

    def _said(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("{", "[", '"')):
                return json.loads(line)
        raise AssertionError("the cluster has ended")

    def busy(self, process: subprocess.Popen[str]) -> int:
        """A node that has a portion in hand while `process` runs, other than the head's."""
        end = time.monotonic() + PATIENCE_S
        while not (found := self.ask("busy")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
        return int(found[0])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    """Three nodes of one core each."""
    three = RayCluster(3)
    yield three
    three.close()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred notes, some of them the same, sixteen handbooks, and files that nobody can read."""
    folder = write_folder(tmp_path_factory.mktemp("library") / "files", 200, sections=2)
    for number in range(16):
        notes = write_folder(folder.parent / f"handbook-{number}", 75, sections=4)
        text = "\n".join(
            path.read_text("utf-8").replace("Lumen", f"Lumen {number}") for path in sorted(notes.iterdir())
        )
        (folder / f"note-{number * 12:02d}-handbook.md").write_text(text, "utf-8")
    (folder / "note-50-copy.md").write_bytes((folder / "note-50.md").read_bytes())
    (folder / "note-51-broken.pdf").write_bytes(b"%PDF-1.7 no page")
    (folder / "note-52-empty.txt").write_bytes(b"")
    (folder / "note-53-archive.zim").write_bytes(b"ZIM")
    return folder


def machine_at(root: Path, **settings: str) -> Machine:
    """A machine with the tiny embedder."""
    machine = Machine(root)
    shutil.copytree(TINY, root / "models" / TINY_ID)
    machine.settings |= {
        "FIELDMATE_MODELS_DIR": str(root / "models"),
        "FIELDMATE_EMBEDDER__ID": TINY_ID,
        "FIELDMATE_EMBEDDER__THREADS": "1",
        **settings,
    }
    return machine


@pytest.fixture(scope="module")
def local(library: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What one machine makes of the library."""
    machine = machine_at(tmp_path_factory.mktemp("local"))
    machine.done("add", library)
    return rows(machine)


def rows(machine: Machine) -> dict[str, list[Any]]:
    """Every row of the tables, in the order in which they were written."""
    found: dict[str, list[Any]] = {}
    with closing(sqlite3.connect(f"file:{machine.database}?mode=ro", uri=True)) as db:
        for table in TABLES:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info([{table}])") if row[1] not in WHEN]
            found[table] = db.execute(f"SELECT {','.join(map('[{}]'.format, columns))} FROM [{table}]").fetchall()
    return found


def same(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> None:
    assert len(one["documents"]) > 200
    assert len(one["vectors"]) == len(one["passages"]) > 5_000
    assert [table for table in TABLES if one[table] != other[table]] == []


@pytest.mark.engine
@pytest.mark.parametrize("death", ["kill", "workers"], ids=["a node", "a worker process"])
def test_what_dies_midway_changes_nothing(
    cluster: RayCluster, library: Path, local: dict[str, list[Any]], tmp_path: Path, death: str
) -> None:
    machine = machine_at(tmp_path / "machine", **cluster.settings)
    adding = machine.start("add", "--json", "--on-ray", cluster.address, library)
    victim = cluster.busy(adding)
    cluster.ask(death, victim)
    assert adding.poll() is None, "the run was over before anything died"
    out, err = adding.communicate(timeout=PATIENCE_S * 2)
    assert adding.returncode == 0, err
    outcomes = [file["outcome"] for file in json.loads(out)["files"]]
    assert outcomes.count("refused") == 3
    same(rows(machine), local)


@pytest.mark.engine
def test_a_run_that_was_killed_goes_on_where_it_was(
    cluster: RayCluster, library: Path, local: dict[str, list[Any]], tmp_path: Path
) -> None:
    machine = machine_at(tmp_path / "machine", **cluster.settings)
    adding = machine.start("add", "--on-ray", cluster.address, library)
    end = time.monotonic() + PATIENCE_S
    while stored(machine) < 30:
        assert adding.poll() is None
        assert time.monotonic() < end
    adding.kill()
    adding.wait()
    before = stored(machine)
    assert before < len(local["documents"])
    said = json.loads(machine.done("add", "--json", "--on-ray", cluster.address, library).out)
    assert [file["outcome"] for file in said["files"]].count("unchanged") == before
    found = rows(machine)
    for table in ("documents", "passages", "passages_fts"):
        assert found[table] == local[table]
    assert machine.done("verify").code == 0


def stored(machine: Machine) -> int:
    """Documents in the knowledge base; none while there is no base."""
    try:
        with closing(sqlite3.connect(f"file:{machine.database}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM documents").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.engine
def test_an_edited_file_keeps_the_vectors_of_what_has_not_changed(
    cluster: RayCluster, library: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(library, tmp_path / "library")
    one = machine_at(tmp_path / "one")
    one.done("add", folder)
    many = machine_at(tmp_path / "many", **cluster.settings)
    shutil.copytree(one.home, many.home)
    edited = folder / "note-12-handbook.md"
    edited.write_text(edited.read_text("utf-8") + "\n## Added\n\nThe fuse of the last lamp is rated 4 A.\n", "utf-8")
    said = [json.loads(one.done("add", "--json", folder).out)["files"]]
    said.append(json.loads(many.done("add", "--json", "--on-ray", cluster.address, folder).out)["files"])
    for files in said:
        del files[[file["source"].endswith(".zim") for file in files].index(True)]
    assert said[0] == said[1]
    assert [file["outcome"] for file in said[1]].count("replaced") == 1
    same(rows(many), rows(one))


@pytest.mark.engine
def test_a_file_that_ends_its_reader_is_refused_and_the_rest_go_on(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 3, sections=1)
    (folder / "note-01-crash.md").write_text("# Crash\n\nWhoever reads this is ended.\n")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(CRASHING)
    machine = machine_at(tmp_path / "machine", PYTHONPATH=f"{site}{os.pathsep}{REPOSITORY}")
    over = machine.run("add", "--json", "--on-ray", "local", folder)
    assert over.code == 0, over
    files = {Path(file["source"]).name: file for file in json.loads(over.out)["files"]}
    assert "has ended 3 processes that read it" in files["note-01-crash.md"]["reason"]
    assert [file["outcome"] for file in files.values()].count("added") == 3
    assert machine.strays() == []


CRASHING = """
import os, pathlib
read = pathlib.Path.write_bytes
def write_bytes(path, data):
    if path.name == "note-01-crash.md":
        os.kill(os.getpid(), 11)
    return read(path, data)
pathlib.Path.write_bytes = write_bytes
"""


@pytest.mark.engine
def test_ctrl_c_ends_a_cluster_that_was_started_here(library: Path, tmp_path: Path) -> None:
    machine = machine_at(tmp_path / "machine")
    adding = machine.start("add", "--on-ray", "local", library)
    end = time.monotonic() + PATIENCE_S
    while stored(machine) < 1:
        assert adding.poll() is None, adding.communicate()
        assert time.monotonic() < end
    adding.send_signal(signal.SIGINT)
    _, err = adding.communicate(timeout=PATIENCE_S)
    assert adding.returncode == 130
    assert "Run the same command again to go on." in err
    assert "Traceback" not in err
    assert stored(machine) > 0
    assert machine.strays() == []


@pytest.mark.engine
def test_a_cluster_that_is_not_there_is_one_sentence_and_nothing_is_written(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "notes", 1, sections=1)
    machine = machine_at(tmp_path / "machine")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    for address in (f"127.0.0.1:{free}", "auto"):
        over = machine.run("add", "--on-ray", address, folder)
        assert over.code == 3, over
        assert "No Ray cluster can be used at" in over.sentence
    assert machine.done("docs", "folders").out == ""
    assert machine.documents() == {}
