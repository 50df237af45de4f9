"""Nothing leaves the device, and nothing is left on it but what is ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.machine import MODELS, REPOSITORY, SMALL, Machine, Namespace, write_folder

CARD_READER = "What does E07 mean on the card reader of the coffee kiosk?"
TRIED = ("Ip OutRequests", "Ip OutNoRoutes", "Ip6 Ip6OutRequests", "Ip6 Ip6OutNoRoutes", "Tcp ActiveOpens")
"""Counters of a network namespace that move when anybody in it tries to reach anything, successfully or not."""


def newcomer(machine: Machine, notes: Path) -> None:
    """Everything that a day brings, but for pulling models."""
    machine.done("add", notes)
    assert "note-00.md" in machine.done("docs", "list").out
    machine.done("docs", "show", "note-00.md")
    assert machine.done("search", "L-001").out
    answer = machine.done("ask", "--json", "What does fault L-001 mean?").json
    assert answer["status"] == "answered"
    assert answer["model"]
    assert machine.done("chat", said="What does fault L-000 mean?\n").out
    machine.done("models", "list")
    machine.done("doctor")
    machine.done("settings")
    machine.done("docs", "remove", "note-00.md")
    machine.done("--help")


@dataclass
class Day:
    """What a day left behind."""

    strays: list[str]
    """Among the user's folders."""
    home: list[str]
    beside: list[str]
    sources_changed: bool
    models_changed: bool
    tried: dict[str, str] | None
    """Counters that have moved; None where the machine allows no network namespace."""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A newcomer's day, in an empty network where the machine allows one."""
    if not (MODELS / SMALL / "manifest.json").exists():
        pytest.skip(f"{SMALL} is not in {MODELS}; run `fieldmate models pull {SMALL}` or set FIELDMATE_MODELS_DIR")
    root = tmp_path_factory.mktemp("day")
    machine, notes = Machine(root / "machine"), write_folder(root / "notes", 2, sections=2)
    before = snapshot(notes), snapshot(MODELS)
    with suppress(OSError):
        empty = Namespace("n", "ip link set lo up 2>/dev/null || true")
        machine.prefix = empty.prefix if empty.ready else []
    counted = counters(empty) if machine.prefix else {}
    newcomer(machine, notes)
    machine.close()
    tried = dict(counters(empty).items() - counted.items()) if machine.prefix else None
    return Day(
        strays=machine.strays(),
        home=[path.name for path in machine.home.iterdir()],
        beside=sorted(path.name for path in root.iterdir()),
        sources_changed=snapshot(notes) != before[0],
        models_changed=snapshot(MODELS) != before[1],
        tried=tried,
    )


@pytest.mark.xdist_group("day")
def test_no_file_appears_outside_the_data_folder(day: Day) -> None:
    assert day.strays == []
    assert sorted(day.home) == ["knowledge.db", "states"]
    assert day.beside == ["machine", "notes"]
    assert not day.sources_changed
    assert not day.models_changed


@pytest.mark.xdist_group("day")
def test_it_all_works_where_there_is_no_network_and_nobody_tries_to_reach_one(day: Day) -> None:
    if day.tried is None:
        pytest.skip("no network namespace of its own is allowed here")
    assert day.tried == {}


def test_the_control_one_try_is_noticed(namespace: Callable[..., Namespace]) -> None:
    empty = namespace("n", "ip link set lo up 2>/dev/null || true")
    before = counters(empty)
    program = "import socket; socket.create_connection(('192.0.2.1', 80), 5)"
    tried = subprocess.run([*empty.prefix, sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "unreachable" in tried.stderr
    assert counters(empty) != before


def counters(namespace: Namespace) -> dict[str, str]:
    """What the kernel has counted of the namespace's attempts."""
    found: dict[str, str] = {}
    lines = namespace.do("cat", "/proc/net/snmp").splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        protocol, *keys = names.split()
        found |= {f"{protocol[:-1]} {key}": value for key, value in zip(keys, values.split()[1:], strict=True)}
    for line in namespace.do("cat", "/proc/net/snmp6").splitlines():
        key, value = line.split()
        found[f"Ip6 {key}"] = value
    return {key: found[key] for key in TRIED if key in found}


AUDITED = """
import sys
tried = []
def hook(event, arguments):
    if event.startswith("socket.") and event != "socket.__new__" or event in ("http.client.connect", "urllib.Request"):
        tried.append(event)
        print("TRIED", event, arguments, file=sys.__stderr__)
sys.addaudithook(hook)
from assistant.cli.main import main
main()
"""


@pytest.mark.usefixtures("generator")
def test_no_python_of_ours_or_others_touches_a_socket(filled: Machine, tmp_path: Path) -> None:
    filled.command = [sys.executable, "-c", AUDITED]
    filled.settings["PYTHONPATH"] = str(REPOSITORY)
    note = write_folder(tmp_path / "notes", 1, sections=1)
    for command in (["add", note], ["ask", CARD_READER], ["search", "E07"], ["doctor"], ["models", "list"]):
        assert filled.done(*command).err == ""


def test_the_control_the_hook_sees_a_try(filled: Machine) -> None:
    program = AUDITED.replace("main()\n", "import socket; socket.socket().connect_ex(('127.0.0.1', 1))\n")
    tried = subprocess.run([sys.executable, "-c", program.replace("from assistant.cli.main import main\n", "")],
                           capture_output=True, text=True, check=True)  # fmt: skip
    assert "TRIED socket.connect" in tried.stderr


def test_without_any_variable_the_platforms_data_folder_is_used(machine: Machine, tmp_path: Path) -> None:
    note = write_folder(tmp_path / "notes", 1, sections=1)
    machine.settings["FIELDMATE_HOME"] = ""
    process = machine.environment()
    del process["FIELDMATE_HOME"], process["FIELDMATE_MODELS_DIR"]
    over = machine.run("add", note, env=process)
    assert over.code == 0, over
    ours = Path("share", "fieldmate")
    assert {Path(path).parts[:2] for path in machine.strays() if Path(path) != ours} <= {ours.parts}
    assert (machine.root / "user" / ours / "knowledge.db").exists()
    shared = machine.root / "user" / ours
    assert {path.name for path in shared.iterdir()} <= {"knowledge.db", "models"}
    for path in sorted(shared.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    shared.rmdir()


def test_the_control_onnxruntime_leaves_files_when_it_is_let(machine: Machine) -> None:
    program = f"import onnxruntime; onnxruntime.InferenceSession({str(next(REPOSITORY.glob('models/*/model.onnx')))!r})"
    environment = {name: value for name, value in machine.environment().items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
    found = machine.strays()
    for path in sorted((machine.root / "user").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if not found:
        pytest.skip("this onnxruntime leaves nothing behind")
    assert found


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below `folder` with size and time, but for the library's notes of what it has hashed."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name not in {".verified", ".locks"}]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
