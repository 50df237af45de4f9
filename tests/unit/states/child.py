"""What the tests of the states do in processes of their own: `python child.py TASK FOLDER ARGUMENTS…`."""

# ruff: noqa: T201  # What it prints is what it reports to the test.

from __future__ import annotations

import os
import sys
from pathlib import Path

from assistant.states import FileStates
from tests.unit.states.samples import content, key

BUDGET = 400_000
SIZE = 20_000
NOBODY = 65534


def store(folder: str, first: str, count: str, rounds: str) -> None:
    """Ask for states and keep them, over and over; print each that is said to be kept."""
    states = FileStates(Path(folder), BUDGET)
    for _ in range(int(rounds)):
        for number in range(int(first), int(first) + int(count)):
            loaded = states.load(key(number))
            if loaded is not None:
                assert loaded == content(number, SIZE)
            elif states.keep(key(number), 100, content(number, SIZE)):
                print(number, flush=True)
    states.close()
    assert not states.note, states.note


def use(folder: str, space: str) -> None:
    """Keep a state of another space, and the space in use until standard input ends."""
    states = FileStates(Path(folder), BUDGET, space=space)
    print(states.keep(key(0), 100, content(0, SIZE)), flush=True)
    sys.stdin.read()


def as_nobody(_: str, folder: str) -> None:
    """Use the folder as a user who owns nothing, first for reading only; print what came of it."""
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    for read_only in (True, False):
        states = FileStates(Path(folder), 10**6, read_only=read_only)
        loaded, kept = states.load(key(1)) == content(1), states.keep(key(2), 1, b"x")
        print(loaded, kept, states.asked(key(1)) > 0, states.usage().count, states.note)
        states.close()


if __name__ == "__main__":
    {"store": store, "use": use, "as_nobody": as_nobody}[sys.argv[1]](*sys.argv[2:])
