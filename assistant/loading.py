"""Something heavy that is made in a thread while the caller goes on; the only thread of the core.

The caller stays synchronous: it asks for the result and waits. Knows nothing of what is made.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, Protocol, TypeVar


class _Closable(Protocol):
    def close(self) -> None: ...


_Made = TypeVar("_Made", bound=_Closable)


class Ahead(Generic[_Made]):
    """One thing in the making; taken once by `result`, or given up by `close`."""

    def __init__(self, make: Callable[[], _Made]) -> None:
        """Begin; `make` runs in a thread of its own, so it must not touch what the caller uses meanwhile."""
        self._make = make
        self._made: _Made | None = None
        self._error: BaseException | None = None
        self._done = Event()
        # No daemon: an interpreter that ends in the middle of a native call crashes.
        self._thread = Thread(target=self._run, name="fieldmate-loading")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._made = self._make()
        except BaseException as exc:  # noqa: BLE001  # raised where the result is asked for
            self._error = exc
        finally:
            self._done.set()

    def result(self) -> _Made:
        """What was made, from now on the caller's to close; raises what `make` raised. Ctrl-C ends the waiting."""
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        if self._error is not None:
            raise self._error
        assert self._made is not None
        made, self._made = self._made, None
        return made

    def close(self) -> None:
        """Wait for the thread and close what it made; calling it again is harmless."""
        self._wait()
        if self._made is not None:
            self._made.close()
            self._made = None

    def _wait(self) -> None:
        # Not `join` at once: a `join` that a signal interrupts takes the thread for ended (CPython 3.11).
        self._done.wait()
        self._thread.join()
