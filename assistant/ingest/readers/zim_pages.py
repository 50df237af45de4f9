"""Starts the program that reads a ZIM archive and takes its pages off the pipe, one at a time.

It knows that program's frames; it does not know what becomes of a page. Whatever the program does (crash, hang, write
nonsense) ends as `BrokenArchive`.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.ingest.readers import zim_child
from assistant.ingest.readers.zim_child import END, HEAD, LARGEST_PAGE, LARGEST_PATH, PAGE, PASSED

LONGEST_SILENCE_S = 120.0
"""Seconds without a byte after which the program is taken to hang: a thousand entries on a slow disk take a few."""


class BrokenArchive(Exception):
    """The archive was not read to its end."""


@dataclass(frozen=True, slots=True)
class Page:
    """One HTML page of an archive."""

    number: int
    """Of the entry, from 0, in the order in which they come."""
    path: str
    title: str
    content: bytes


def pages(archive: Path, silence_s: float = LONGEST_SILENCE_S) -> Iterator[Page]:
    """Yield the pages of an archive in the order of their paths; only the one in hand is in memory.

    Raises:
        BrokenArchive: it could not be read to its end.
    """
    # -P: the readers' folder must not stand in front of the standard library, whose names some of its modules have.
    command = [sys.executable, "-P", zim_child.__file__, str(archive)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            yield from _pages(_Pipe(process.stdout.fileno(), silence_s))
        finally:
            process.kill()


def _pages(pipe: _Pipe) -> Iterator[Page]:
    while True:
        kind, number, path_length, title_length, length = HEAD.unpack(pipe.read(HEAD.size))
        if kind == END:
            return
        if kind not in (PAGE, PASSED) or max(path_length, title_length) > LARGEST_PATH or length > LARGEST_PAGE:
            raise BrokenArchive
        body = pipe.read(path_length + title_length + length)
        if kind == PAGE:
            path, title = body[:path_length], body[path_length : path_length + title_length]
            content = body[path_length + title_length :]
            yield Page(number, path.decode("utf-8", "replace"), title.decode("utf-8", "replace"), content)


class _Pipe:
    """Reads a pipe that somebody may stop to fill."""

    def __init__(self, descriptor: int, silence_s: float) -> None:
        self._descriptor = descriptor
        self._silence_s = silence_s

    def read(self, length: int) -> bytes:
        """Exactly `length` bytes."""
        found = bytearray()
        deadline = time.monotonic() + self._silence_s
        while len(found) < length:
            ready, _, _ = select.select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._descriptor, min(length - len(found), 1 << 20)) if ready else b""
            if not piece:
                raise BrokenArchive
            found += piece
        return bytes(found)
