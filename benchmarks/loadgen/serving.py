"""The server under test: one long-lived process with one worker and its queue, questions in and events out as lines.

Stands in for the HTTP service until there is one. Knows the product's public surface; not LoadGen. Standard input
brings what to serve, then questions; standard output takes events; standard error says in one sentence why it ended.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from assistant.errors import FieldmateError
from benchmarks import product
from benchmarks.errors import BenchmarkError
from benchmarks.loadgen.asking import Answered, ask
from benchmarks.loadgen.null import NullAssistant
from benchmarks.plan import Plan, Variant


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is served."""

    plan: Plan
    variant: Variant
    home: str
    null_ms: float | None = None
    """Milliseconds of work of the null assistant, which is served instead of the variant; None: the variant."""


class Put(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question that arrives."""

    number: int
    question: str


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has become of a question; "ready" belongs to none."""

    kind: Literal["ready", "taken", "text", "done"]
    number: int = -1
    answer: Answered | None = None


def main() -> int:
    """Serve until standard input ends; returns the exit code."""
    # Libraries may print: only this copy of standard output carries events.
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        lines = _lines(0)
        order = msgspec.json.decode(next(lines), type=Order)
        try:
            with _assistant(order) as assistant:
                _serve(assistant, order.variant.slow_down, lines, output)
        except (BenchmarkError, FieldmateError) as exc:
            print(exc, file=sys.stderr)
            return 1
        except BrokenPipeError:  # whoever asked is gone
            return 0
    return 0


def _assistant(order: Order) -> AbstractContextManager[Any]:
    if order.null_ms is not None:
        return NullAssistant(order.null_ms)
    return product.opened(order.plan, order.variant, Path(order.home))


def _lines(descriptor: int) -> Iterator[bytes]:
    """The lines of a descriptor. Not of `sys.stdin`: Python aborts when it ends while a thread waits in there."""
    rest = b""
    while piece := os.read(descriptor, 1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _serve(assistant: Any, slow_down: float, lines: Iterator[bytes], output: IO[bytes]) -> None:
    waiting: queue.SimpleQueue[Put | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(lines, waiting), daemon=True).start()

    def send(kind: Literal["ready", "taken", "text", "done"], number: int = -1, answer: Answered | None = None) -> None:
        output.write(msgspec.json.encode(Event(kind, number, answer)) + b"\n")
        output.flush()

    send("ready")
    while (put := waiting.get()) is not None:
        number = put.number
        send("taken", number)
        answer = ask(assistant, put.question, slow_down, lambda number=number: send("text", number))  # type: ignore[misc]
        send("done", number, answer)


def _receive(lines: Iterator[bytes], waiting: queue.SimpleQueue[Put | None]) -> None:
    """Empty the pipe at once: questions wait in this process, where their arrival does not depend on its size."""
    for line in lines:
        waiting.put(msgspec.json.decode(line, type=Put))
    waiting.put(None)


if __name__ == "__main__":
    sys.exit(main())
