"""A process that keeps states while a disk fails or the process dies, at one call after the other.

Started with the library of `tests/faults/faults.c` preloaded. `faulty.py FOLDER`: reads lines "POINT ERROR", forks
for each, and prints what the child, or its death, has left to say: the number of calls that change files, or "killed".
"""

# ruff: noqa: T201  # What it prints is what it reports to the test.

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from pathlib import Path

from assistant.states import FileStates
from assistant.states.form import HEADER_BYTES
from tests.faults.driver import LASTING
from tests.unit.states.samples import content, key

SIZE = 1_000
BUDGET = 3 * (SIZE + HEADER_BYTES)


def lay_out(folder: Path) -> None:
    """What lies there before: a full store, a state of which is damaged."""
    shutil.rmtree(folder, ignore_errors=True)
    states = FileStates(folder, BUDGET)
    for number in range(3):
        states.keep(key(number), 100, content(number, SIZE))
    states.close()
    next(iter(folder.glob(f"*/*/{key(2)}.state"))).write_bytes(b"damaged")


def work(folder: Path) -> None:
    """Load, keep, displace, delete what is damaged, count."""
    states = FileStates(folder, BUDGET)
    for number in (0, 2, 4, 5, 5):
        loaded = states.load(key(number))
        assert loaded is None or loaded == content(number, SIZE)
        if loaded is None and states.keep(key(number), 100, content(number, SIZE)):
            assert states.load(key(number)) == content(number, SIZE)
    states.usage()
    assert not states.note or states.note.endswith(".")
    states.close()


def main() -> None:
    """Serve orders until standard input ends."""
    folder = Path(sys.argv[1])
    library = ctypes.CDLL(None)
    library.faults_calls.restype = ctypes.c_long
    for order in sys.stdin:
        point, mode = order.split()
        lay_out(folder)
        child = os.fork()
        if not child:
            code = 1
            try:
                library.faults_arm(
                    str(folder).encode(), ctypes.c_long(int(point)), getattr(errno, mode, 0), int(mode in LASTING)
                )
                work(folder)
                print(library.faults_calls(), flush=True)
                code = 0
            finally:
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            print("killed" if status == -9 else f"exit {status}", flush=True)


if __name__ == "__main__":
    main()
