"""A process that carries out one step of the product after the other, each in a child that dies or fails on demand.

Started with the library of `faults.c` preloaded. It reads one JSON object a line from standard input, forks, arms the
child and lets it work, and answers with one object. Forking saves the second that loading everything takes; the
embedder and the database are opened in the child.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import sys
import time
import traceback
from typing import Any

from assistant.errors import FieldmateError
from tests.faults.steps import STEPS, prepared

LASTING = ("ENOSPC", "EROFS")
"""A disk that is full, or has become read-only, stays so."""


def _arm(root: str, at: int, mode: str) -> Any:
    library = ctypes.CDLL(None)
    library.faults_arm(root.encode(), ctypes.c_long(at), getattr(errno, mode, 0), int(mode in LASTING))
    library.faults_calls.restype = ctypes.c_long
    return library


def _work(order: dict[str, Any], write: int) -> None:
    library = _arm(order["root"], order["at"], order["mode"])
    said: dict[str, Any] = {"error": None}

    def report(line: str) -> None:
        os.write(write, json.dumps({"reported": line}).encode() + b"\n")

    try:
        STEPS[order["step"]](order["root"], report)
    except FieldmateError as exc:
        said["error"] = {"message": str(exc), "exit_code": exc.exit_code}
    except BaseException:
        said["bug"] = traceback.format_exc()
    said["calls"] = library.faults_calls()
    os.write(write, json.dumps(said).encode() + b"\n")


def _carry_out(order: dict[str, Any]) -> dict[str, Any]:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            _work(order, write)
        finally:
            os._exit(0)
    os.close(write)
    if "kill_after_s" in order:
        time.sleep(order["kill_after_s"])
        os.kill(child, signal.SIGKILL)
    with os.fdopen(read, "rb") as lines:
        said = [json.loads(line) for line in lines]
    _, status = os.waitpid(child, 0)
    answer: dict[str, Any] = {"reported": [one["reported"] for one in said if "reported" in one]}
    answer |= {"status": os.waitstatus_to_exitcode(status)}
    for one in said:
        if "calls" in one:
            answer |= one
    return answer


def main() -> None:
    """Serve orders until standard input ends."""
    prepared()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_carry_out(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
