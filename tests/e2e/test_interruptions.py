"""Ctrl-C, SIGTERM and SIGKILL in every long step: what was done is kept, and the same command goes on from there."""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.machine import PATIENCE_S, SMALL, Machine, Terminal, ended, wait_for, write_folder

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
FILES = 12
LONG = {
    # A prompt that takes seconds to read and an answer that takes longer, on any machine.
    "FIELDMATE_ANSWERING__PASSAGES": "30",
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
