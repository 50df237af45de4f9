"""Keeps states of passages in a folder, within a budget. Knows files and their index; no engine, no setting.

Whatever happens to the folder, questions are answered: a state that is not there, is damaged, cannot be read or
cannot be written is one that is computed again. Nothing is raised for it; `note` says it in a sentence.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from assistant.states.access import Access
from assistant.states.counts import Counts, Found, Name
from assistant.states.files import Files, free_bytes, space_of
from assistant.states.form import HEADER_BYTES, DamagedState

RESERVE_BYTES = 32_000_000
"""Left free on the disk, as when a model is pulled: a full one stops the database, too."""
LARGEST_BUDGET = 10**9
"""By default. About 840 passages as long as the TV manual's with the 0.5B generator, 450 with the 135M one: of 10,000
passages that finds .38 to .85 of what is asked for (benchmarks/LOG.md, scenario `state_budget`)."""
SMALLEST_BUDGET = 10**8
"""By default. With less than about 80 passages a disk that is nearly full has better uses for its bytes."""
_SHARE = 10  # Of the free disk a tenth: documents, models and backups need it more.
_TOGETHER = 256
_EVERY_S = 300.0
"""Asks, and seconds, after which they are written down."""


@dataclass(frozen=True, slots=True)
class StateUsage:
    """What is kept, of all models, and how it has served."""

    count: int
    bytes: int
    budget: int
    """Bytes."""
    tokens: int
    hits: int
    misses: int
    """Asks that found a state, and those that did not, since the folder was made or cleared."""
    damaged: int
    """Files that were not what had been written, and were deleted."""


def default_budget(folder: Path) -> int:
    """Bytes for states in `folder` where its owner says nothing: a tenth of what is free or theirs already.

    At most `LARGEST_BUDGET`; 0 where it would be less than `SMALLEST_BUDGET`, or the disk cannot be asked. Bytes that
    are theirs count as free, else the budget would shrink as it is used.
    """
    try:
        free = free_bytes(folder)
    except OSError:
        return 0
    share = (free + FileStates(folder, 0, read_only=True).usage().bytes) // _SHARE
    return min(share, LARGEST_BUDGET) if share >= SMALLEST_BUDGET else 0


class FileStates:
    """States of one space in a folder that several processes and models share: a `protocols.StateStore`.

    Methods that take a key or a number of tokens raise ValueError for what is neither a hexadecimal digest nor a
    positive number, and nothing else.
    """

    def __init__(self, folder: Path, budget_bytes: int, *, space: str = "", read_only: bool = False) -> None:
        """`space` tells all that every state here depends on: model, versions, types. States of spaces that no living
        process uses go first when room is needed. Nothing is opened or written before it is needed.
        """
        self._files = Files(folder)
        self._space = space_of(space)
        self._budget = budget_bytes
        self._read_only = read_only
        self._lock = threading.RLock()
        self._access = Access(self._files, self._space, budget_bytes, read_only=read_only)
        self._counts = Counts()
        self._written_s = time.monotonic()
        self._note = ""

    def load(self, key: str) -> memoryview | None:
        """The state kept under `key`, checked; None where there is none or it is damaged. Counts as asked for."""
        name = self._name(key)
        with self._lock:
            found = self._read(name)
            self._counts.ask(name, found[0] if found else None)
            if self._counts.asks >= _TOGETHER or time.monotonic() - self._written_s > _EVERY_S:
                self._write()
        return found[1] if found else None

    def _read(self, name: Name) -> tuple[Found, memoryview] | None:
        try:
            return self._files.read(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._note = self._sentence("could not be read", error, "check that folder and its disk")
            return None
        except DamagedState:
            self._counts.damaged += 1
            self._forget(name)
            return None

    def _forget(self, name: Name) -> None:
        if self._read_only:
            return
        try:
            self._files.remove(name)
        except OSError as error:
            self._note = self._sentence("cannot be written", error, "make it writable")
            return
        self._access.use(lambda index: index.lose(name), None)

    def holds(self, key: str) -> bool:
        """Whether `load` is likely to find it; counts as nothing and reads no state."""
        return os.path.exists(self._files.path(self._name(key)))  # noqa: PTH110 - Path.exists raises where it may not look

    def keep(self, key: str, tokens: int, state: bytes | memoryview) -> bool:
        """Keep the state of so many tokens; False where it is worth less than what would go, or cannot be kept."""
        name, content = self._name(key), memoryview(state).cast("B")
        found = self._described(name, tokens, len(content))
        if self._read_only or found.bytes > self._budget:
            return False
        with self._lock:
            try:
                self._require_room(found.bytes)
                return self._admitted(found) and self._stored(found, content)
            except OSError as error:
                self._note = self._sentence("cannot be written", error, "make it writable or free some space")
                return False

    def _admitted(self, found: Found) -> bool:
        counts = self._counts
        admitted = self._access.use(
            lambda index: index.admit(found, self._budget, counts, self._access.idle(index), self._files.remove), None
        )
        if admitted is not None:
            self._start_counting()
        return bool(admitted)

    def _stored(self, found: Found, content: memoryview) -> bool:
        try:
            self._files.write(found.name, found.tokens, content)
        except OSError:
            self._access.use(lambda index: index.lose(found.name), None)
            raise
        self._note = ""
        if self._access.use(lambda index: index.has(found.name), otherwise=True):
            return True
        self._files.remove(found.name)  # Another process has needed the room meanwhile.
        return False

    def admits(self, key: str, tokens: int, state_bytes: int) -> bool:
        """Whether `keep` would keep a state of this size now: asked before one is computed that nobody waits for."""
        found = self._described(self._name(key), tokens, state_bytes)
        with self._lock:
            try:
                self._require_room(found.bytes)
            except OSError:
                return False
            self._write()
            return (
                not self._read_only
                and not self._note
                and self._access.use(
                    lambda index: index.admits(found, self._budget, self._access.idle(index)), otherwise=False
                )
            )

    def _described(self, name: Name, tokens: int, state_bytes: int) -> Found:
        if tokens < 1:
            raise ValueError(f"a state of {tokens} tokens is none")
        return Found(name, tokens, HEADER_BYTES + state_bytes)

    def _require_room(self, size: int) -> None:
        if self._files.free() < size + RESERVE_BYTES:
            raise OSError(None, "the disk is full")

    def asked(self, key: str) -> int:
        """How often it was asked for, kept or not."""
        name = self._name(key)
        with self._lock:
            return self._access.use(lambda index: index.asked(name), 0) + self._counts.of(name)

    def usage(self) -> StateUsage:
        """What is kept, of all models, and how it has served."""
        with self._lock:
            counts = self._counts
            total = self._access.use(lambda index: index.totals(), None)
            if total is None:
                return StateUsage(0, 0, self._budget, 0, counts.hits, counts.misses, counts.damaged)
            return StateUsage(
                total.count, total.bytes, self._budget, total.tokens,
                total.hits + counts.hits, total.misses + counts.misses, total.damaged + counts.damaged,
            )  # fmt: skip

    def clear(self) -> None:
        """Delete the states of all models, and forget what was counted."""
        if self._read_only:
            return
        with self._lock:
            self._start_counting()
            try:
                self._access.use(lambda index: index.clear(self._files.clear), None)
            except OSError as error:
                self._note = self._sentence("cannot be written", error, "make it writable")

    @property
    def note(self) -> str:
        """What keeps states from being kept, or has damaged some, with the next step; empty where all is well."""
        folder = self._files.folder
        with self._lock:
            damaged = self.usage().damaged
            if self._note or self._access.note:
                return self._note or self._access.note
            if self._budget <= 0:
                return (
                    f"No passage states are kept, because their budget is 0; free some space on the disk of {folder}."
                )
            if folder.exists() and not os.access(folder, os.W_OK):
                return self._sentence("cannot be written", PermissionError(None, "no right to"), "make it writable")
            if damaged:
                return (
                    f"{damaged} passage states in {folder} were damaged and have been deleted, and are computed again "
                    "when they are asked for; check the disk if the number grows."
                )
        return ""

    def _sentence(self, what: str, error: Exception, step: str) -> str:
        reason = getattr(error, "strerror", None) or str(error)
        return (
            f"The passage states in {self._files.folder} {what} ({reason}), so that passages are read anew for each "
            f"question; {step}."
        )

    def close(self) -> None:
        """Write down what was counted; calling it again is harmless."""
        with self._lock:
            self._write()
            self._access.close()

    def _write(self) -> None:
        self._written_s = time.monotonic()
        counts = self._counts
        if counts and not self._read_only and self._access.use(lambda index: index.write(counts), otherwise=False):
            self._start_counting()

    def _start_counting(self) -> None:
        self._counts = Counts()
        self._written_s = time.monotonic()

    def _name(self, key: str) -> Name:
        name = Name(self._space, key)
        self._files.path(name)  # Refuses what is no key.
        return name
