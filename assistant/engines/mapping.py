"""Pages of a mapped file that have been read and copied elsewhere, given back.

llama.cpp maps a file and copies the weights that it packs anew; the pages that were copied would stay in the process
for nothing. They are dropped from the process alone: the page cache keeps them, and whoever touches one has it again.
Knows Linux's `/proc`; elsewhere nothing is done.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_DONTNEED = 4
_EVERY = 8
"""Tensors that are copied before pages are given back: of the default generator's 290, 37 times in 1 ms each."""


def release(path: Path) -> None:
    """Drop this process's pages of the file at `path`, where it is mapped for reading and shared.

    Where the system does not tell or does not do it, they stay: nothing but memory is at stake.
    """
    if sys.platform != "linux":
        return
    name = os.path.realpath(path)
    libc = ctypes.CDLL(None)
    with (
        contextlib.suppress(OSError),
        open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps,
    ):
        for line in maps:
            fields = line.rstrip("\n").split(None, 5)
            # Only what is shared and not written: pages of another kind would lose what was written to them.
            if len(fields) == 6 and fields[1] == "r--s" and fields[5] == name:
                begin, end = (int(address, 16) for address in fields[0].split("-"))
                libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _DONTNEED)


def release_now_and_then(path: Path) -> Callable[[float, Any], bool]:
    """What llama.cpp calls after each tensor that it has loaded: without this the peak would hold every page once.

    Before the first call the whole file has been mapped.
    """
    calls = 0

    def loaded(_: float, __: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls % _EVERY == 0:
            release(path)
        return True

    return loaded
