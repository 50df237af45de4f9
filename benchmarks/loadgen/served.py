"""The near end of the server under test: starts its process, sends questions, turns its events into times.

All times are taken by this process's clock when an event arrives. Knows the lines that `serving` writes; not what
answers there. A server that dies, or is silent for too long while questions wait, fails what waits with a sentence.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

import msgspec

from benchmarks.errors import BenchmarkError
from benchmarks.loadgen.asking import Answered
from benchmarks.loadgen.driver import Ticket
from benchmarks.loadgen.questions import Questions
from benchmarks.loadgen.serving import Event, Order, Put
from benchmarks.plan import ROOT

_COMMAND = (sys.executable, "-m", "benchmarks.loadgen.serving")
_LOOK_S = 0.5
"""How often a silent server is looked at."""
_END_S = 10.0
"""How long it may take to end by itself."""


class Served:
    """A server process; a system under test for LoadGen."""

    def __init__(
        self, order: Order, questions: Questions, patience_s: float = 300.0, command: tuple[str, ...] = _COMMAND
    ) -> None:
        """Start the process; `patience_s` is the longest silence while it has something to do."""
        self._questions = questions
        self._patience = patience_s
        self._waiting: dict[int, Ticket] = {}
        self._next = 0
        self._why: BenchmarkError | None = None
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._heard = time.monotonic()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, cwd=ROOT
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._send(msgspec.json.encode(order))

    def __enter__(self) -> Self:
        try:
            self._ready.wait()
            with self._lock:
                if self._why is not None:
                    raise self._why
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the server process."""
        return self._process.pid

    def take(self, ticket: Ticket) -> None:
        """Send a question; what becomes of it is told to the ticket by another thread."""
        with self._lock:
            if self._why is None:
                number = self._next
                self._next += 1
                if not self._waiting:  # its silence until now was rest
                    self._heard = time.monotonic()
                self._waiting[number] = ticket
        if self._why is not None:
            ticket.fail(self._why)
        else:
            self._send(msgspec.json.encode(Put(number, self._questions.texts[ticket.index])))

    def answer(self, index: int) -> Answered:
        """Ask one question without LoadGen.

        Raises:
            BenchmarkError: the server has failed.
        """
        over = threading.Event()
        answers: list[Answered] = []
        errors: list[BaseException] = []

        def finished(_: Ticket, answer: Answered) -> None:
            answers.append(answer)
            over.set()

        def failed(error: BaseException) -> None:
            errors.append(error)
            over.set()

        self.take(Ticket(index, 0, time.perf_counter(), finished, failed))
        over.wait()
        if errors:
            raise errors[0]
        return answers[0]

    def close(self) -> None:
        """End the process; calling it again is harmless."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._errors.close()

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: the listener says so
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        reason: str | None = None
        with self._process.stdout as output:
            try:
                for line in self._lines(output):
                    self._happened(msgspec.json.decode(line, type=Event))
            except _Silent:
                reason = f"The server was silent for {self._patience:.0f} s while questions waited, and was ended"
            except (msgspec.DecodeError, KeyError) as exc:
                reason = f"The server wrote something that is no event ({exc}), and was ended"
        if reason is not None:
            self._process.kill()
        self._ended(reason)

    def _lines(self, output: IO[bytes]) -> Iterator[bytes]:
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while True:
                if not selector.select(_LOOK_S):
                    self._look()
                    continue
                piece = os.read(output.fileno(), 1 << 16)
                if not piece:
                    return
                self._heard = time.monotonic()
                *lines, rest = (rest + piece).split(b"\n")
                yield from lines

    def _look(self) -> None:
        with self._lock:
            busy = bool(self._waiting) or not self._ready.is_set()
        if busy and time.monotonic() - self._heard > self._patience:
            raise _Silent

    def _happened(self, event: Event) -> None:
        if event.kind == "ready":
            self._ready.set()
            return
        with self._lock:
            ticket = self._waiting.pop(event.number) if event.kind == "done" else self._waiting[event.number]
        if event.kind == "taken":
            ticket.take()
        elif event.kind == "text":
            ticket.say()
        elif event.answer is not None:
            ticket.finish(event.answer)

    def _ended(self, reason: str | None) -> None:
        """The process is gone: whoever waits, or comes later, is told why."""
        code = self._process.wait()
        with self._lock:
            left = list(self._waiting.values())
            self._waiting.clear()
            said = reason or self._said(code)
            still_open = f"; {len(left)} of its questions were open" if left else ""
            self._why = BenchmarkError(f"{said}{still_open}.")
            self._ready.set()
        for ticket in left:
            ticket.fail(self._why)

    def _said(self, code: int) -> str:
        if code < 0:
            return f"The server was ended by signal {-code} ({signal.Signals(-code).name})"
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return f"The server ended with code {code}: {lines[-1].rstrip('.') if lines else 'it said nothing'}"


class _Silent(Exception):
    """The server has something to do and says nothing."""
