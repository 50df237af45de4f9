"""The command as a citizen of the shell: help, start-up, pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.cli.main import COMMANDS
from tests.e2e.machine import Machine, ended

HEAVY = ("onnxruntime", "llama_cpp", "sqlite_utils", "numpy", "tokenizers", "hnswlib", "httpx", "huggingface_hub")


@pytest.mark.parametrize("command", ["", *COMMANDS, "docs list", "docs show", "docs remove"])
def test_every_help_shows_an_example(machine: Machine, command: str) -> None:
    over = machine.done(*command.split(), "--help")
    assert over.err == ""
    assert "Example:" in over.out
    example = over.out.partition("Example:")[2]
    assert f"fieldmate {command}".strip() in example
    for option in ("--data-dir", "--config", "--debug"):
        assert option in over.out
    assert machine.done(*command.split(), "-h").out == over.out


@pytest.mark.parametrize("command", ["docs list", "docs show", "docs remove", "ask", "chat", "add", "search", "doctor"])
def test_every_command_that_prints_data_prints_json(machine: Machine, command: str) -> None:
    assert "--json" in machine.done(*command.split(), "--help").out


def test_the_version(machine: Machine) -> None:
    from assistant import __version__

    assert machine.done("--version").out == f"fieldmate, version {__version__}\n"


@pytest.mark.parametrize("command", ["--help", "ask --help", "--version"])
def test_help_waits_for_no_library(machine: Machine, command: str) -> None:
    program = (
        "import sys\nfrom assistant.cli.main import main\n"
        f"try:\n main({command.split()!r})\nexcept SystemExit as end:\n assert not end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    machine.command = [sys.executable, "-c", program]
    over = machine.run(settings={"PYTHONPATH": str(Path(__file__).parents[2])})
    assert (over.code, over.err) == (0, "[]\n")


def test_a_reader_that_has_seen_enough_ends_it_quietly(filled: Machine) -> None:
    process = filled.start("docs", "show", "pump-unit/manual.md", "--json", pipesize=4096)
    assert process.stdout is not None
    assert process.stdout.read(1) == "{"
    process.stdout.close()
    process.stdout = None
    over = ended(process)
    assert (over.code, over.err) == (0, "")


def test_the_same_through_a_shell(filled: Machine) -> None:
    shell = subprocess.run(
        ["bash", "-c", 'set -o pipefail; for i in 1 2 3 4; do "$@"; done | head -n 1', "-", *filled.command,
         "docs", "show", "pump-unit/manual.md"],
        env=filled.environment(), cwd=filled.root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shell.stdout.startswith("# Aquila 220") or shell.stdout.startswith("Aquila 220")
    assert shell.stderr == ""


def test_output_that_nobody_reads_from_the_start(filled: Machine) -> None:
    for command in (["--help"], ["docs", "list"], ["search", "E07"], ["settings"]):
        reading, writing = os.pipe()
        os.close(reading)
        over = ended(filled.start(*command, stdout=writing))
        os.close(writing)
        assert (over.code, over.err) == (0, ""), command


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "command", [["docs", "list"], ["search", "E07"], ["ask", "--json", "???"], ["doctor", "--json"]]
)
def test_output_into_a_file_on_a_full_disk(filled: Machine, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        over = ended(filled.start(*command, stdout=full))
    assert over.code == 3
    assert over.sentence.endswith("free some space and run the same command again.")


def test_a_bug_is_told_in_a_sentence_and_a_traceback_only_on_demand(filled: Machine) -> None:
    program = (
        "import assistant.assistant as facade\n"
        "def broken(self): raise ZeroDivisionError('two\\nlines')\n"
        "facade.Assistant.documents = broken\n"
        "from assistant.cli.main import main\nmain()"
    )
    filled.command = [sys.executable, "-c", program]
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    over = filled.run("docs", "list", settings=path)
    assert over.code == 70
    assert "bug in Fieldmate (ZeroDivisionError: two)" in over.err
    assert "--debug" in over.err
    assert over.err.count("\n") == 1
    debugged = filled.start("docs", "list", "--debug", settings=path)
    assert "Traceback" in debugged.communicate()[1]
    assert debugged.returncode != 0


def test_a_second_interrupt_does_not_bring_a_traceback(filled: Machine) -> None:
    process = filled.start("chat", "--json")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("???\n")
    process.stdin.flush()
    assert process.stdout.readline()
    for _ in range(3):
        process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode in {130, -signal.SIGINT}
    assert "Traceback" not in err
