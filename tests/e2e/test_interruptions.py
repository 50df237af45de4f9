"""Ctrl-C, SIGTERM and SIGKILL in every long step: what was done is kept, and the same command goes on from there."""

from __future__ import annotations

import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.machine import PATIENCE_S, REPOSITORY, SMALL, Machine, Terminal, ended, wait_for, write_folder

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
FILES = 12
LONG = {
    # A prompt that takes seconds to read and an answer that takes longer, on any machine.
    "FIELDMATE_ANSWERING__PASSAGES": "30",
    "FIELDMATE_ANSWERING__READ_PASSAGES": "30",
    "FIELDMATE_ANSWERING__PROMPT_TOKENS": "1800",
    "FIELDMATE_GENERATOR__MAX_TOKENS": "240",
}
QUESTION = "Explain what E07 means on the card reader of the coffee kiosk."
"""An explanation: the model that is asked to word one reads whole passages."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "notes", FILES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    """What the folder becomes when nothing disturbs it."""
    root = tmp_path_factory.mktemp("whole")
    machine = Machine(root / "machine")
    machine.done("add", write_folder(root / "notes", FILES))
    machine.close()
    return machine.documents()


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_an_interrupted_add_keeps_what_it_has_and_goes_on_next_time(
    machine: Machine, folder: Path, whole: dict[str, tuple[str, int]], number: signal.Signals, code: int
) -> None:
    adding = machine.start("add", folder)
    wait_for(lambda: machine.stored() >= 2, adding)
    # With the lock in our hands it cannot finish before the signal arrives, however slow we are.
    with closing(sqlite3.connect(machine.database, isolation_level=None, timeout=PATIENCE_S)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        stored = lock.execute("SELECT count(*) FROM documents").fetchone()[0]
        assert 2 <= stored < FILES
        adding.send_signal(number)
    over = ended(adding)
    assert over.code == code
    assert re.fullmatch(r"Interrupted; \d+ files are stored\. Run the same command again to go on\.", over.sentence), (
        over
    )
    kept = machine.documents()
    assert kept.items() <= whole.items()
    assert stored <= len(kept) < FILES
    assert f"; {len(kept)} files" in over.sentence
    assert machine.done("add", folder).out.startswith(f"{FILES - len(kept)} added, 0 replaced, {len(kept)} unchanged")
    assert machine.documents() == whole


@pytest.mark.parametrize("stored", [0, 3, 7])
def test_a_killed_add_leaves_whole_documents_and_goes_on_next_time(
    machine: Machine, folder: Path, whole: dict[str, tuple[str, int]], stored: int
) -> None:
    adding = machine.start("add", folder)
    wait_for(machine.database.exists)
    with suppress(AssertionError):  # it may be done already: then there is nothing to kill, and all must be there
        wait_for(lambda: machine.stored() >= stored + random.Random(stored).random() / 2, adding)
    adding.kill()
    adding.wait()
    if machine.stored():
        kept = machine.documents()
        assert kept.items() <= whole.items()
        assert "agrees with its checksum" in machine.run("doctor").out
    machine.done("add", folder)
    assert machine.documents() == whole
    assert "agrees with its checksum" in machine.run("doctor").out


def computes(process: psutil.Process, seconds: float) -> Callable[[], bool]:
    """Whether `process` has computed for so long since now."""
    before = process.cpu_times().user
    return lambda: process.cpu_times().user > before + seconds


def maps(process: psutil.Process) -> bool:
    """Whether the generator's weights are in its memory."""
    try:
        return any(f"/{SMALL}/" in region.path for region in process.memory_maps())
    except psutil.Error:  # it is over
        return False


@pytest.mark.usefixtures("generator")
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_an_answer_is_interrupted_while_the_model_reads(filled: Machine, number: signal.Signals, code: int) -> None:
    asking = filled.start("ask", QUESTION, settings=LONG)
    process = psutil.Process(asking.pid)
    wait_for(lambda: maps(process), asking)
    wait_for(computes(process, 2.0), asking)
    asking.send_signal(number)
    over = ended(asking)
    assert over.code == code
    assert over.sentence.startswith("Interrupted")


@pytest.mark.usefixtures("generator")
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_an_answer_is_interrupted_while_the_model_is_loaded(filled: Machine, number: signal.Signals, code: int) -> None:
    asking = filled.start("ask", QUESTION, settings=LONG)
    process = psutil.Process(asking.pid)
    wait_for(lambda: maps(process), asking)
    asking.send_signal(number)
    over = ended(asking)
    assert over.code == code
    assert over.sentence.startswith("Interrupted")


@pytest.mark.usefixtures("generator")
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_an_answer_is_interrupted_while_the_model_writes(filled: Machine, number: signal.Signals, code: int) -> None:
    # The same question many times over: whenever the first words are seen, there is more to come.
    asking = filled.start("ask", "--file", "-")
    assert asking.stdin is not None
    assert asking.stdout is not None
    asking.stdin.write(f"{QUESTION}\n" * 50)
    asking.stdin.close()
    asking.stdin = None
    assert asking.stdout.readline() == "\n"
    assert asking.stdout.readline() == f"{QUESTION}\n"
    assert asking.stdout.read(5).strip(), "the first words of the answer"
    asking.send_signal(number)
    over = ended(asking)
    assert over.code == code
    assert over.err.strip().startswith("fieldmate: Interrupted")
    assert len(over.err.strip().splitlines()) == 1


@pytest.mark.usefixtures("generator")
def test_an_answer_on_a_terminal_says_where_it_reads_and_leaves_a_clean_line(
    filled: Machine, terminal: Callable[..., Terminal]
) -> None:
    asking = terminal(filled, "ask", QUESTION, settings=LONG)
    asking.wait_for(r"Reading coffee-kiosk/faults\.html")
    asking.type("\x03")
    assert asking.finish() == 130
    assert "Traceback" not in asking.shown
    assert "fieldmate: Interrupted" in asking.shown


def ended_by(chat: Terminal, press: Callable[[], None]) -> int:
    """Press until it ends: Python's readline misses a signal that comes between its prompt and its wait for a key."""
    while chat.process.poll() is None:
        with suppress(OSError):  # the terminal has closed meanwhile
            press()
        with suppress(subprocess.TimeoutExpired):
            chat.process.wait(2)
    return chat.finish()


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_chat_at_its_prompt_says_goodbye(
    filled: Machine, terminal: Callable[..., Terminal], number: signal.Signals, code: int
) -> None:
    chat = terminal(filled, "chat")
    chat.wait_for(r"/quit ends\.\s+\? ")
    chat.type("???\n")
    chat.wait_for(r"hold nothing about this\.(?s:.*)\n\? ")
    assert ended_by(chat, lambda: chat.process.send_signal(number)) == code
    assert chat.shown.rstrip().endswith("fieldmate: Bye.")
    assert "Traceback" not in chat.shown


def test_chat_ends_by_ctrl_c_and_ctrl_d_on_the_keyboard(filled: Machine, terminal: Callable[..., Terminal]) -> None:
    for key, code in (("\x03", 130), ("\x04", 0)):
        chat = terminal(filled, "chat")
        chat.wait_for(r"\n\? ")
        assert ended_by(chat, lambda chat=chat, key=key: chat.type(key)) == code
        assert "Traceback" not in chat.shown


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_chat_that_reads_a_pipe_says_goodbye(filled: Machine, number: signal.Signals, code: int) -> None:
    chat = filled.start("chat", "--json")
    assert chat.stdin is not None
    assert chat.stdout is not None
    chat.stdin.write("???\n")
    chat.stdin.flush()
    assert chat.stdout.readline()
    chat.send_signal(number)
    over = ended(chat)
    assert over.code == code
    assert over.sentence == "Bye."


# The chat's phases: each has a worker that does something when the key comes


def chatting(machine: Machine, terminal: Callable[..., Terminal], held: str) -> Terminal:
    """A chat whose worker stays in one phase until it is stopped, and says on the terminal that it is there."""
    machine.command = [sys.executable, "-c", HELD.format(held=held)]
    return terminal(machine, "chat", settings={"PYTHONPATH": str(REPOSITORY)})


HELD = """
import time
from assistant.assistant import Assistant
from assistant.types import Retrieved

def stays(phase, cancelled=lambda: False):
    if phase == {held!r}:
        print("in", phase, flush=True)
        while not cancelled():
            time.sleep(0.005)
        print("left", phase, flush=True)

def load(self):
    pass

def ask(self, question, session=None, *, scope=None, cancelled=lambda: False):
    yield Retrieved(())
    stays("answering", cancelled)

def prepare(self, question, session=None, *, scope=None, cancelled=lambda: False):
    stays("reading ahead", cancelled)

def warming(self, cancelled=lambda: False, *, scope=None):
    stays("warming", cancelled)
    return iter(())

Assistant.load, Assistant.ask, Assistant.prepare, Assistant.warming = load, ask, prepare, warming
from assistant.cli.main import main
main()
"""


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize(
    ("phase", "typed"), [("answering", "What is it?\n"), ("reading ahead", "What is it"), ("warming", "")]
)
def test_chat_says_goodbye_from_each_of_its_phases(
    filled: Machine,
    terminal: Callable[..., Terminal],
    phase: str,
    typed: str,
    number: signal.Signals,
    code: int,
) -> None:
    chat = chatting(filled, terminal, phase)
    chat.wait_for(r"\n\? ")
    if typed:
        chat.type(typed)
    chat.wait_for(f"in {phase}")
    assert ended_by(chat, lambda: chat.process.send_signal(number)) == code
    assert f"left {phase}" in chat.shown
    assert chat.shown.rstrip().endswith("fieldmate: Bye.")
    assert "Traceback" not in chat.shown


@pytest.mark.usefixtures("generator")
@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_a_chat_is_interrupted_while_a_real_model_is_loaded_or_reads(
    filled: Machine, terminal: Callable[..., Terminal], seconds: float
) -> None:
    chat = terminal(filled, "chat", settings=LONG)
    chat.wait_for(r"\n\? ")
    process = psutil.Process(chat.process.pid)
    if seconds:
        chat.type(f"{QUESTION}\n")
        chat.wait_for("Reading")
    wait_for(lambda: maps(process), chat.process)
    wait_for(computes(process, seconds), chat.process)
    assert ended_by(chat, lambda: chat.process.send_signal(signal.SIGINT)) == 130
    assert chat.shown.rstrip().endswith("fieldmate: Bye.")
    assert "Traceback" not in chat.shown


AHEAD = """
from assistant.assistant import Assistant

def ahead(self, *arguments, **options):
    print("ahead", flush=True)
    return iter(())

Assistant.load = Assistant.prepare = Assistant.warming = ahead
from assistant.cli.main import main
main()
"""


def test_a_pipe_is_answered_in_its_order_and_nothing_is_done_ahead(filled: Machine) -> None:
    filled.command = [sys.executable, "-c", AHEAD]
    filled.settings["PYTHONPATH"] = str(REPOSITORY)
    chat = filled.start("chat", "--json")
    assert chat.stdin is not None
    assert chat.stdout is not None
    for question in ("???", "!!! !!!", "..."):
        chat.stdin.write(f"{question}\n/new\n")
        chat.stdin.flush()
        assert json.loads(chat.stdout.readline())["question"] == question
    over = ended(chat)
    assert (over.code, over.out) == (0, "")
    said = filled.done("chat", said="???\n/quit\n").out
    assert said.startswith("The documents hold nothing about this.")
    assert "ahead" not in said


# Warming


WARMING = """
import sys, time
from pathlib import Path
from assistant.assistant import Assistant
from assistant.types import Warming

def warming(self, cancelled=lambda: False, *, scope=None):
    folder = self.settings.home / "made"
    folder.mkdir(exist_ok=True)
    there = len(list(folder.iterdir()))
    for number in range(there, 10):
        (folder / str(number)).touch()
        yield Warming(number + 1, 10, number + 1 - there, there, 100 * (number + 1 - there), full={full})
        while number == {stop}:
            time.sleep(0.01)

Assistant.warming = warming
from assistant.cli.main import main
main()
"""


def warming(machine: Machine, stop: int = -1, full: bool = False) -> None:
    machine.command = [sys.executable, "-c", WARMING.format(stop=stop, full=full)]
    machine.settings["PYTHONPATH"] = str(REPOSITORY)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_an_interrupted_warm_keeps_what_it_has_and_goes_on_next_time(
    filled: Machine, number: signal.Signals, code: int
) -> None:
    warming(filled, stop=6)
    process = filled.start("warm")
    wait_for(lambda: (filled.home / "made" / "6").exists(), process)
    process.send_signal(number)
    over = ended(process)
    assert over.code == code
    assert over.sentence == "Interrupted; what was kept stays. Run the same command again."
    over = filled.done("warm")
    assert over.out == "3 states kept (0.0 MB), 7 were there; 10 of 10 passages.\n"
    assert over.err == ""
    step = filled.done("warm", "--json").json
    assert {"kept": step["kept"], "full": step["full"]} == {"kept": 0, "full": False}


def test_a_warm_that_finds_no_more_room_says_what_to_do(filled: Machine) -> None:
    warming(filled, full=True)
    over = filled.done("warm")
    assert over.err == "There is room for no more; set states.budget_mb to allow more.\n"


def test_warm_takes_one_wish_at_a_time(filled: Machine) -> None:
    for wishes in (["--status", "--clear"], ["--clear", "--in", "manual.md"], ["--status", "--tag", "pumps"]):
        over = filled.run("warm", *wishes)
        assert over.code == 2
        assert over.sentence.startswith("Give one of --status, --clear")


@pytest.mark.usefixtures("generator")
def test_a_killed_warm_leaves_whole_states_and_goes_on_next_time(filled: Machine) -> None:
    only = ["--in", "coffee-kiosk/faults.html"]
    process = filled.start("warm", *only, "--json")
    wait_for(lambda: process.poll() is not None or status(filled)["count"] >= 2)  # the instructions and a passage
    assert process.poll() is None
    process.kill()
    process.wait()
    before = status(filled)
    over = filled.done("warm", *only, "--json").json
    assert over["there"] + over["kept"] == over["total"] == over["done"]
    assert over["there"] >= before["count"] - 1
    assert filled.done("warm", *only, "--json").json["kept"] == 0
    assert filled.done("warm", "--clear", "--json").json["cleared"]["count"] == over["total"] + 1
    assert status(filled)["count"] == 0


def status(machine: Machine) -> dict[str, Any]:
    """What the stored states take."""
    states: dict[str, Any] = machine.done("warm", "--status", "--json").json["states"]
    return states
