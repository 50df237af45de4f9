"""One thread that owns an `Assistant` and does its work, one thing after the other, for callers in other threads.

What talks to people stands on it: the chat, a server, a voice loop. It knows the facade only, and nothing of terminals,
sockets or sound.

What waits is done in this order: questions, as they came; what can be done ahead for a question that is still being
put, the newest such input only; and when nothing has come for a while, idle work, one state of a passage a step. A
question stops either of the latter from within.

Idle work is made gentle by pauses as long as its steps, not by a lower priority of the thread: without privilege Linux
lets a niceness be raised only, so that the questions answered by the same thread would be slow for ever after; and the
threads of an engine's pool keep the niceness of the moment in which they were made. A process that does nothing but
warm (`fieldmate warm`) is made nice by whoever starts it.
"""

from __future__ import annotations

import atexit
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Condition, Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from assistant.errors import Busy, FieldmateError

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.protocols import Cancelled
    from assistant.types import AnswerEvent, Scope

T = TypeVar("T")

_MOST_WAITING = 16
"""Questions that may wait; with seconds for each, nobody waits longer than for these."""
_REST_S = 2.0
"""Without questions and partial input, before idle work goes on: nobody has read an answer by then."""
_CLOSED = "the worker is closed"
_DONE = object()


@dataclass(frozen=True, slots=True)
class _Over:
    """The end of a stream, and the error that ended it."""

    error: BaseException | None = None


class Stream(Iterator[T], Generic[T]):
    """What comes of one piece of work, as it comes; the work's errors are raised here with their own type.

    For one reader. `cancel` and `close` may be called from any thread.
    """

    def __init__(
        self,
        work: Callable[[Assistant, Cancelled], Iterator[T]],
        withdraw: Callable[[Stream[Any]], None] = lambda _: None,
    ) -> None:
        """Made by a `Worker`; `withdraw` is told that the stream was closed."""
        self._work = work
        self._withdraw = withdraw
        self._results: SimpleQueue[T | _Over] = SimpleQueue()
        self._stopped = Event()
        self._left = False
        self._ended = False

    def __next__(self) -> T:
        if self._ended or self._left:
            raise StopIteration
        try:
            result = self._results.get()
        except BaseException:  # Ctrl-C while it waits: nobody will read on
            self.close()
            raise
        if not isinstance(result, _Over):
            return result
        self._ended = True
        if result.error is not None:
            raise result.error
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def cancel(self) -> None:
        """Let the work end as soon as it can; what comes until then can still be read."""
        self._stopped.set()

    def close(self) -> None:
        """The same, and nothing more is read. What waited gives its place free; calling it again is harmless."""
        self._left = True
        self._stopped.set()
        self._withdraw(self)

    def run(self, opened: Callable[[], Assistant]) -> None:
        """Do the work; called by the worker in its thread."""
        error: BaseException | None = None
        try:
            if not self._left:
                self._feed(opened())
        except BaseException as exc:  # noqa: BLE001  # raised again in the thread that reads
            error = exc
        self.end(error)

    def _feed(self, assistant: Assistant) -> None:
        # Leaving this function drops the iterator, and with it ends the work, in this thread.
        for result in self._work(assistant, self._stopped.is_set):
            if self._left:
                return
            self._results.put(result)

    def end(self, error: BaseException | None) -> None:
        """Nothing more comes; called by the worker."""
        self._results.put(_Over(error))


@dataclass(frozen=True, slots=True)
class _Partial:
    """A question that is still being put."""

    question: str
    session: str | None
    scope: Scope | None


class Worker:
    """Does the work of one assistant in a thread of its own. May be called from any thread."""

    def __init__(
        self, opened: Callable[[], Assistant], *, most_waiting: int = _MOST_WAITING, rest_s: float = _REST_S
    ) -> None:
        """Start the thread.

        Args:
            opened: opens the assistant, in the thread, at the first work. Where it fails that work gets the error, and
                the next one tries anew.
            most_waiting: questions that may wait for their turn.
            rest_s: how long nothing must have come before idle work goes on.
        """
        self._open = opened
        self._assistant: Assistant | None = None
        self._most_waiting = most_waiting
        self._rest_s = rest_s
        self._changed = Condition()
        self._closing = False
        self._waiting: deque[Stream[Any]] = deque()
        self._running: Stream[Any] | None = None
        self._partial: _Partial | None = None
        self._overtaken = Event()
        """Tells what is done ahead that something more urgent has come."""
        self._idle = self._idle_left = False
        """Whether idle work is wanted, and whether there may be some."""
        self._idle_steps: Iterator[object] | None = None
        self._quiet_s = 0.0
        """How long nothing must come before the next step of idle work."""
        self._failed = False
        self._note = ""
        self._ended = Event()
        # A daemon, so that a program which forgets to close it can end; closed at exit all the same, because a thread
        # that is stopped inside an engine takes the process down with it.
        self._thread = Thread(target=self._run, name="assistant", daemon=True)
        atexit.register(self.close)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # For callers

    def ask(self, question: str, session: str | None = None, *, scope: Scope | None = None) -> Stream[AnswerEvent]:
        """The events of `Assistant.ask`, behind the questions that came before.

        Raises:
            Busy: as many questions wait as are taken.
        """
        return self._submit(
            lambda assistant, cancelled: assistant.ask(question, session, scope=scope, cancelled=cancelled)
        )

    def call(self, work: Callable[[Assistant], T]) -> T:
        """What `work` returns for the assistant: called in the worker's thread as if it were a question.

        Raises:
            Busy: as many questions wait as are taken.
        """

        def once(assistant: Assistant, cancelled: Cancelled) -> Iterator[T]:
            yield work(assistant)

        with self._submit(once) as results:
            return next(results)

    def prepare(self, question: str, session: str | None = None, *, scope: Scope | None = None) -> None:
        """Do ahead what `question`, perhaps unfinished, will need, unless a question comes; instead of an older one."""
        with self._changed:
            self._partial = _Partial(question, session, scope)
            self._overtaken.set()
            self._changed.notify()

    def work_ahead(self) -> None:
        """From now on load models, and compute states of passages, while nothing else is to be done."""
        with self._changed:
            self._idle = self._idle_left = not self._failed
            self._changed.notify()

    def take_note(self) -> str:
        """A sentence when work ahead has failed and was given up, once; else empty."""
        with self._changed:
            note, self._note = self._note, ""
        return note

    def close(self) -> None:
        """Stop what is being done, whatever it is, and end the thread; calling it again is harmless."""
        with self._changed:
            self._closing = True
            self._overtaken.set()
            if self._running is not None:
                self._running.cancel()
            self._changed.notify()
        interrupted: KeyboardInterrupt | None = None
        # Not `join`: up to Python 3.12 one that Ctrl-C interrupts takes the thread for ended.
        while not self._ended.is_set():
            try:
                self._ended.wait()
            except KeyboardInterrupt as exc:  # once more: it ends soon, and must not be left behind
                interrupted = exc
        self._thread.join()
        atexit.unregister(self.close)
        if interrupted is not None:
            raise interrupted

    def _submit(self, work: Callable[[Assistant, Cancelled], Iterator[T]]) -> Stream[T]:
        stream = Stream(work, self._withdraw)
        with self._changed:
            if self._closing:
                raise RuntimeError(_CLOSED)
            if len(self._waiting) >= self._most_waiting:
                raise Busy(f"{self._most_waiting} questions wait for their answers already; ask again in a moment.")
            self._waiting.append(stream)
            self._partial = None  # most likely this is what has become of it
            self._overtaken.set()
            self._changed.notify()
        return stream

    def _withdraw(self, stream: Stream[Any]) -> None:
        with self._changed:
            if stream not in self._waiting:
                return
            self._waiting.remove(stream)
        stream.end(None)

    # In the thread

    def _run(self) -> None:
        try:
            while (turn := self._next()) is not None:
                turn()
        finally:
            try:
                self._idle_steps = None
                if self._assistant is not None:
                    self._assistant.close()
            finally:
                self._end()

    def _end(self) -> None:
        with self._changed:
            self._closing = True
            left, self._waiting = self._waiting, deque()
        for stream in left:
            stream.end(RuntimeError(_CLOSED))
        self._ended.set()

    def _opened(self) -> Assistant:
        if self._assistant is None:
            self._assistant = self._open()
        return self._assistant

    def _next(self) -> Callable[[], None] | None:
        """Wait for something to do; None when there will be nothing more."""
        with self._changed:
            self._running = None
            while not (self._closing or self._waiting or self._partial):
                come = self._changed.wait(self._quiet_s if self._idle_left else None)
                if not (come or self._closing or self._waiting or self._partial):
                    self._overtaken.clear()
                    return self._idle_step
            if self._closing:
                return None
            if self._waiting:
                self._running = self._waiting.popleft()
                return partial(self._answer, self._running)
            self._overtaken.clear()
            begun, self._partial = self._partial, None
            assert begun is not None
            return partial(self._prepare, begun)

    def _answer(self, stream: Stream[Any]) -> None:
        self._idle_steps = None
        stream.run(self._opened)
        # What has come to its end may have more to do: other passages are asked for most, or are new.
        self._idle_left, self._quiet_s = self._idle, self._rest_s

    def _prepare(self, begun: _Partial) -> None:
        self._idle_steps = None
        if not self._failed:
            self._try(
                lambda: self._opened().prepare(
                    begun.question, begun.session, scope=begun.scope, cancelled=self._overtaken.is_set
                )
            )
        self._quiet_s = self._rest_s

    def _idle_step(self) -> None:
        began = time.monotonic()
        self._try(self._step)
        self._quiet_s = time.monotonic() - began

    def _step(self) -> None:
        if self._idle_steps is None:
            self._idle_steps = self._ahead(self._opened())
        if next(self._idle_steps, _DONE) is _DONE:
            self._idle_steps = None
            self._idle_left = self._overtaken.is_set()  # else all is done

    def _ahead(self, assistant: Assistant) -> Iterator[object]:
        assistant.load()
        yield None
        yield from assistant.warming(self._overtaken.is_set)

    def _try(self, work: Callable[[], object]) -> None:
        """Do what nobody has asked for: it may fail, but not take the thread with it."""
        try:
            work()
        except FieldmateError:  # whoever needs what is missing is told by the question that needs it
            self._idle_steps, self._idle_left = None, False
        except Exception as exc:  # noqa: BLE001  # a bug there must not keep questions from being answered
            self._idle_steps, self._idle, self._idle_left, self._failed = None, False, False, True
            with self._changed:
                self._note = (
                    f"Work ahead of questions failed and was stopped ({type(exc).__name__}: {exc}). Answers come as "
                    "before; `fieldmate doctor` may say more."
                )
