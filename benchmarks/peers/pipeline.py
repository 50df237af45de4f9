"""Our end of a pipeline's process, and the pipelines there are. Knows the worker's lines of JSON; not what is
compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT
from benchmarks.processes import RSS_UNIT

WORKER = Path(__file__).with_name("worker.py")
PIPELINES = Path(__file__).with_name("pipelines")
PATIENCE_S = 600.0
"""Longest wait for one line: a pipeline that hangs must not take the others with it."""
ENDING_S = 30.0


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to run a pipeline."""

    name: str
    """As rows call it."""
    pipeline: str
    """A file in `pipelines`."""
    python: str
    """Of its environment."""
    config: dict[str, Any]
    variables: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of its process."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer of a pipeline."""

    text: str
    first_ms: float | None
    """Until there was text; None when there was none."""
    total_ms: float
    token_ms: float | None
    """Until the generator's first token: the first text, unless the pipeline holds text back to check it."""
    abstained: bool
    """Where the pipeline says so by itself; otherwise its words have to be looked at."""


class Process:
    """A pipeline in a process of its own; started, and waiting for its first order."""

    def __init__(self, arm: Arm) -> None:
        self.started = time.perf_counter()
        self.peak_mb: float | None = None
        """Largest resident set, 10^6 bytes; known when the process has ended."""
        self._name = arm.name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        # Isolated, so that nothing of ours and of the user's reaches it; our own pipeline has to find the checkout.
        ours = arm.pipeline == "fieldmate"
        isolation = [] if ours else ["-I"]
        file = os.fspath(PIPELINES / f"{arm.pipeline}.py")
        command = [arm.python, *isolation, os.fspath(WORKER), file, json.dumps(arm.config)]
        path = {"PYTHONPATH": str(ROOT)} if ours else {}
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
                env=os.environ | path | dict(arm.variables), text=True, encoding="utf-8",
            )  # fmt: skip
        except OSError as exc:
            self._log.close()
            raise BenchmarkError(f"{arm.name} cannot be started ({exc.strerror}); remove its environment.") from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            _kill(self._process)  # it may be in the midst of an answer that nobody waits for
        self.close()

    def close(self) -> None:
        """Let it end, and learn its peak; calling it again is harmless."""
        if self.peak_mb is not None:
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with _Patience(self._process, ENDING_S):
            _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._process.stdout.close()
        self._log.close()
        self.peak_mb = usage.ru_maxrss * RSS_UNIT / 1e6

    def load(self) -> None:
        """Let it load its embedder."""
        self._tell({"op": "load"})

    def ingest(self, documents: Path) -> dict[str, float]:
        """Let it add documents: passages, seconds and processor seconds."""
        return self._tell({"op": "ingest", "documents": str(documents)})

    def texts(self, folder: Path) -> None:
        """Let Fieldmate write the texts that it stored into `folder`."""
        self._tell({"op": "texts", "folder": str(folder)})

    def about(self) -> dict[str, Any]:
        """Versions, settings, how it reads documents, bytes that are installed."""
        return self._tell({"op": "about"})

    def ask(self, question: str) -> tuple[Answered, float | None]:
        """The answer, and seconds from the start of the process to its first text: a cold start if nothing came
        before.
        """
        self._send({"op": "ask", "question": question})
        reply, first = self._receive(), None
        if reply.get("first"):
            first = time.perf_counter() - self.started
            reply = self._receive()
        abstained = reply.get("status") == "abstained"
        token = reply["first_token_ms"] if "first_token_ms" in reply else reply["first_ms"]
        return Answered(reply["answer"], reply["first_ms"], reply["total_ms"], token, abstained), first

    def _tell(self, order: dict[str, Any]) -> dict[str, Any]:
        self._send(order)
        return self._receive()

    def _send(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended: reading says why
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        with _Patience(self._process, PATIENCE_S) as patience:
            line = self._process.stdout.readline()
        if not line and patience.over:
            raise BenchmarkError(
                f"{self._name} said nothing for {PATIENCE_S:.0f} s and was ended; ask fewer questions."
            )
        if not line:
            self._log.seek(0)
            lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
            raise BenchmarkError(f"{self._name} ended: {lines[-1] if lines else 'it said nothing'}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise BenchmarkError(f"{self._name} failed: {reply['error']}")
        return reply


def _kill(process: subprocess.Popen[str]) -> None:
    """End it at once, and leave it to `wait4`: `Popen.kill` would take its peak memory away with its exit code."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


class _Patience:
    """Kills a process when the block takes too long."""

    def __init__(self, process: subprocess.Popen[str], seconds: float) -> None:
        self.over = False
        self._process = process
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self.over = True
        _kill(self._process)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def ours(settings: dict[str, Any], models: str, store: Path) -> Arm:
    """Fieldmate, in the Python that the harness runs in."""
    config = {"settings": settings, "models": models, "store": str(store)}
    return Arm("fieldmate", "fieldmate", sys.executable, config)
