"""Claims about `python -m benchmarks`: exit codes and sentences, without any model."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time

import psutil
import pytest
from click.testing import CliRunner

from benchmarks.cli.main import main
from benchmarks.plan import ROOT
from benchmarks.rows import read

COMMAND = """#!{python}
import sys
import time
if sys.argv[1:3] == ["models", "list"]:
    print('[{{"id": "m", "state": "ready", "sha256": "00", "path": "x"}}]')
elif "--help" not in sys.argv:
    sys.exit("fieldmate: No model; pull one.")
"""


@pytest.fixture
def command(tmp_path):
    path = tmp_path / "fieldmate"
    path.write_text(COMMAND.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_all_scenarios_well_ends_with_zero_and_shows_the_table(tmp_path, command):
    out = tmp_path / "rows.jsonl"
    result = call("run", "--only", "help", "--command", command, "--out", out)
    assert result.exit_code == 0, result.output
    assert "fieldmate --help" in result.output
    assert {row.subset for row in read(out)} == {"fieldmate --help", "python -c pass"}
    assert all(len(row.samples) == 20 and row.environment["models"] == {"m": "00"} for row in read(out))


def test_a_failed_scenario_ends_with_one_and_the_others_are_measured(tmp_path, command):
    out = tmp_path / "rows.jsonl"
    result = call("run", "--only", "help", "--only", "retrieve", "--command", command, "--out", out)
    assert result.exit_code == 1
    rows = read(out)
    assert [row.status for row in rows] == ["ok", "ok", "failed"]
    assert rows[-1].reason == "The command ended with code 1: fieldmate: No model; pull one."


def test_a_data_set_that_is_not_there_is_a_row(tmp_path, command):
    out = tmp_path / "rows.jsonl"
    result = call("quality", "--only", "retrieval", "--data", tmp_path, "--command", command, "--out", out)
    assert result.exit_code == 1
    assert "The data folder has no emanual" in read(out)[0].reason
    assert len(read(out)) == 5


def test_a_run_is_appended_to_the_file_and_shown_alone(tmp_path, command):
    out = tmp_path / "rows.jsonl"
    for _ in range(2):
        call("run", "--only", "help", "--command", command, "--out", out)
    assert len(read(out)) == 4


@pytest.mark.parametrize(
    "arguments", [("run", "--only", "no-such"), ("run", "--only", "peer_ingest"), ("run", "--wrong")]
)
def test_wrong_usage_ends_with_two(arguments):
    assert call(*arguments).exit_code == 2


def test_a_command_that_is_not_there_ends_with_three(tmp_path):
    result = call("run", "--only", "help", "--command", tmp_path / "none")
    assert result.exit_code == 3
    assert "cannot be started" in result.output


def test_a_report_of_a_missing_file_ends_with_three(tmp_path):
    result = call("report", tmp_path / "none.jsonl")
    assert result.exit_code == 3
    assert "cannot be read" in result.output


SLEEPS = """#!{python}
import os, pathlib, sys, time
if "--help" not in sys.argv:
    print("[]")
else:
    pathlib.Path({mark!r}).write_text(str(os.getpid()))
    time.sleep(60)
"""


def test_a_terminated_run_ends_what_it_has_started(tmp_path):
    mark = tmp_path / "started"
    command = tmp_path / "fieldmate"
    command.write_text(SLEEPS.format(python=sys.executable, mark=str(mark)))
    command.chmod(0o755)
    arguments = ["run", "--only", "help", "--command", str(command), "--out", str(tmp_path / "rows.jsonl")]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: mark.exists() and mark.read_text())
        process.terminate()
        assert process.wait(timeout=30) == 128 + signal.SIGTERM
        wait_for(lambda: not psutil.pid_exists(int(mark.read_text())))
    finally:
        process.kill()
        process.wait()


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_part_of_a_scenario_can_be_chosen(tmp_path, command):
    out = tmp_path / "rows.jsonl"
    call("quality", "--only", "retrieval/squad2", "--data", tmp_path, "--command", command, "--out", out)
    assert [row.scenario for row in read(out)] == ["retrieval/squad2"]
