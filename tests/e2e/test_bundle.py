"""`fieldmate bundle` and `fieldmate update` as a publisher and a device's owner use them."""

from __future__ import annotations

import random
import shutil
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.machine import REPOSITORY, Machine, ended, write_folder
from tests.e2e.test_privacy import AUDITED


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Machine]:
    """With a knowledge base of four notes, a key, and the first bundle."""
    made = Machine(tmp_path / "publisher")
    made.done("add", write_folder(tmp_path / "notes", 4))
    made.done("bundle", "keys", tmp_path / "key", "--comment", "Lamp service")
    made.done("bundle", "kb", tmp_path / "1.fmkb", "--key", tmp_path / "key", "--name", "lamps", "--version", "1")
    yield made
    made.close()
    assert made.strays() == []


def edit(publisher: Machine, tmp_path: Path) -> None:
    note = tmp_path / "notes" / "note-02.md"
    note.write_text("# Lamp 42\n\nThe lamp now has fault L-999: replace the photocell.\n")
    (tmp_path / "notes" / "note-03.md").unlink()
    publisher.done("sync")


def test_a_knowledge_base_travels_and_answers(publisher: Machine, machine: Machine, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    refused = machine.run("update", tmp_path / "1.fmkb")
    assert refused.code == 3
    assert "update --trust KEYFILE" in refused.sentence
    assert not machine.database.exists()
    assert "Lamp service" in machine.done("update", "--trust", tmp_path / "key.pub").out
    report = machine.done("update", tmp_path / "1.fmkb", "--json").json
    assert (report["bundle"], report["version"], report["before"], report["added"]) == ("lamps", 1, None, 4)
    assert machine.documents() == publisher.documents()
    assert machine.done("search", "L-010", "--json").json["hits"][0]["document"] == "note-01.md"
    listed = machine.done("docs", "list", "--json").json["documents"]
    assert {one["source"] for one in listed} == {f"bundle:lamps/note-0{number}.md" for number in range(4)}
    own = write_folder(tmp_path / "own", 1)
    shutil.move(own / "note-00.md", own / "mine.md")
    machine.done("add", own)
    edit(publisher, tmp_path)
    made = publisher.done(
        "bundle", "kb", tmp_path / "2.fmkb", "--key", tmp_path / "key", "--since", tmp_path / "1.fmkb", "--json"
    ).json
    assert (made["kind"], made["carried"], made["documents"], made["name"]) == ("delta", 1, 3, "lamps")
    assert made["bytes"] < (tmp_path / "1.fmkb").stat().st_size
    shown = machine.done("bundle", "show", tmp_path / "2.fmkb").out
    assert "1 of 3 documents changed since version 1" in shown
    assert "Lamp service" in shown
    report = machine.done("update", tmp_path / "2.fmkb", "--json").json
    assert [report[key] for key in ("added", "replaced", "removed", "kept")] == [0, 1, 1, 2]
    assert machine.done("sync").out.startswith("0 added, 0 replaced, 0 renamed, 0 removed")
    assert machine.documents().keys() == {"mine.md", *publisher.documents()}
    assert machine.done("search", "L-999", "--json").json["hits"][0]["document"] == "note-02.md"
    assert "older than version" in machine.run("update", tmp_path / "1.fmkb").sentence
    assert "already installed" in machine.done("update", tmp_path / "2.fmkb").out
    assert machine.done("update", "--list", "--json").json["bundles"][0]["version"] == made["version"]
    assert "Went back to lamps version 1" in machine.done("update", "--rollback").out
    assert machine.run("update", "--rollback").code == 3
    assert "agrees with its checksum" in machine.run("doctor").out
    assert "Removed lamps version 1 with 4 documents" in machine.done("update", "--remove").out
    assert machine.documents().keys() == {"mine.md"}


def test_wrong_calls_are_one_sentence(publisher: Machine, machine: Machine, tmp_path: Path) -> None:
    key, out = tmp_path / "key", tmp_path / "x.fmkb"
    for arguments in (["update"], ["update", "--list", "--rollback"], ["update", out, "--trust", key]):
        over = machine.run(*arguments)
        assert over.code == 2
        assert "Say one of" in over.sentence
    for arguments, why in (
        (["update", "--trust", key], "no public key"),
        (["update", "--trust", "nonsense"], "no key file"),
        (["update", "--rollback"], "There is no knowledge base"),
        (["bundle", "show", key], "is no bundle"),
        (["bundle", "kb", out, "--key", tmp_path / "key.pub"], "no private key"),
        (["bundle", "kb", out, "--key", key], "There is no knowledge base"),
        (["bundle", "keys", key], "name another file"),
    ):
        over = machine.run(*arguments)
        assert over.code == 3, over
        assert why in over.sentence
    assert machine.run("bundle", "keys", tmp_path / "k", "--comment", "é").code == 2
    assert machine.run("bundle", "keys", tmp_path / "k", "--passphrase").code == 2  # nobody to ask
    secret = {"BUNDLE_KEY_PASSPHRASE": "open sesame"}
    machine.done("bundle", "keys", tmp_path / "k", "--passphrase", settings=secret)
    assert "has a passphrase" in publisher.run("bundle", "kb", out, "--key", tmp_path / "k").sentence
    publisher.done("bundle", "kb", out, "--key", tmp_path / "k", settings=secret)


def test_an_address_is_asked_only_because_it_was_typed(publisher: Machine, machine: Machine, tmp_path: Path) -> None:
    machine.done("update", "--trust", tmp_path / "key.pub")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            machine.settings |= {"NO_PROXY": "127.0.0.1"}
            assert machine.done("update", f"http://127.0.0.1:{server.server_port}/1.fmkb", "--json").json["added"] == 4
            over = machine.run("update", f"http://127.0.0.1:{server.server_port}/none.fmkb")
            assert over.code == 3
            assert "404" in over.err
        finally:
            server.shutdown()
    publisher.command = machine.command = [sys.executable, "-c", AUDITED]
    for one in (publisher, machine):
        one.settings["PYTHONPATH"] = str(REPOSITORY)
    edit(publisher, tmp_path)
    assert publisher.done("bundle", "kb", tmp_path / "2", "--key", tmp_path / "key", "--name", "lamps").err == ""
    assert machine.done("update", tmp_path / "2").err == ""
    assert machine.done("update", "--rollback").err == ""


@pytest.mark.parametrize("count", [5, pytest.param(50, marks=pytest.mark.engine)])
def test_a_killed_update_leaves_one_version_and_goes_on_next_time(
    publisher: Machine, machine: Machine, tmp_path: Path, count: int
) -> None:
    machine.done("update", "--trust", tmp_path / "key.pub")
    machine.done("update", tmp_path / "1.fmkb")
    first = machine.documents()
    edit(publisher, tmp_path)
    publisher.done("bundle", "kb", tmp_path / "2.fmkb", "--key", tmp_path / "key", "--name", "lamps")
    second, chance = publisher.documents(), random.Random(20261122)
    for _ in range(count):
        process = machine.start("update", tmp_path / "2.fmkb")
        with suppress(Exception):
            process.wait(timeout=chance.uniform(0.2, 1.5))
        process.send_signal(signal.SIGKILL)
        ended(process)
        found = machine.documents()
        assert found in (first, second)
        if found == second:
            machine.done("update", "--rollback")
            assert machine.documents() == first
    machine.done("update", tmp_path / "2.fmkb")
    assert machine.documents() == second
    assert "agrees with its checksum" in machine.run("doctor").out
