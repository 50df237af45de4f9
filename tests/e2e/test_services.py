"""The units of the system: what they name exists, and what a stick brings is taken over."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from assistant.cli.main import COMMANDS
from tests.e2e.machine import COMMAND, REPOSITORY, Machine, write_folder

UNITS = sorted((REPOSITORY / "systemd").glob("*.service")) + sorted((REPOSITORY / "systemd").glob("*.timer"))


def _unit(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of units are case-sensitive
    parser.read(path, "utf-8")
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_each_line_of_a_unit_is_explained_and_names_what_there_is(path: Path) -> None:
    unit = _unit(path)
    started = unit.get("Service", "ExecStart", fallback="")
    for line in (started, unit.get("Service", "ExecStartPost", fallback="")):
        if "/fieldmate " in line:
            assert line.split("/fieldmate ")[1].split()[0] in COMMANDS
    if "take-usb" in started:
        assert os.access(REPOSITORY / "systemd" / "take-usb", os.X_OK)
    assert path.read_text("utf-8").startswith("# ")


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    for path in UNITS:
        text = path.read_text("utf-8").replace("/usr/local/bin/fieldmate", "/bin/true")
        name = path.name.replace("@.", "@sda1.")
        (tmp_path / name).write_text(text.replace("/usr/local/lib/fieldmate/take-usb", "/bin/true"))
    units = [path for path in sorted(tmp_path.iterdir()) if path.suffix == ".service"]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert not [line for line in done.stderr.splitlines() if "fieldmate" in line and "sda1.device" not in line], done


def test_a_stick_with_documents_is_taken_over_and_may_be_pulled_out(machine: Machine, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    write_folder(stick / "fieldmate", 3)
    command = tmp_path / "fieldmate"
    command.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in COMMAND) + ' "$@"\n')
    command.chmod(0o755)
    environment = machine.environment() | {"FIELDMATE": str(command), "STICK": str(stick)}
    take = [str(REPOSITORY / "systemd" / "take-usb")]
    subprocess.run(take, env=environment, check=True, capture_output=True)
    before = machine.documents()
    assert len(before) == 3
    assert machine.done("docs", "folders", "--json").json == {"folders": []}
    shutil.rmtree(stick / "fieldmate")
    done = subprocess.run(take, env=environment, check=True, capture_output=True, text=True)
    assert "nothing is taken over" in done.stdout
    assert machine.documents() == before
    (stick / "fieldmate").mkdir()
    (stick / "fieldmate" / "false.fmkb").write_bytes(b"no bundle")
    done = subprocess.run(take, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode in (3, 5)
    assert machine.documents() == before
