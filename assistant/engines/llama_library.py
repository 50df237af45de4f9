"""llama.cpp's functions, its messages, and signals that arrive while it works. Knows no model.

Uses llama.cpp's own functions instead of the `Llama` class of llama-cpp-python: that class offers neither an abort
during prefill nor the sequence handling that stored states need, and copies logits that nobody reads.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

from assistant.errors import ModelDamaged

_FEW_CORES = 2
_SPINS = "10000"
"""Of a waiting thread before it sleeps, well below a millisecond; 3,000 to 100,000 were equally fast when idle."""


class Held:
    """Keeps what a signal raises inside our callbacks, and raises it when the native call is over.

    An exception cannot cross the library, and at a callback's first instruction no `try` can catch it: ctypes hands it
    to `sys.unraisablehook`, which would print and forget it, and Ctrl-C would be lost.
    """

    def __init__(self) -> None:
        self.exception: BaseException | None = None

    def __enter__(self) -> None:
        self.exception = None
        self._before, sys.unraisablehook = sys.unraisablehook, self._keep

    def _keep(self, unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            self.exception = unraisable.exc_value
        else:
            self._before(unraisable)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.unraisablehook = self._before
        if kind is None and self.exception is not None:
            raise self.exception


class Log:
    """Takes llama.cpp's messages away from stderr and keeps the last ones for an error sentence.

    The library has one callback for the whole process and keeps calling it, whichever generators come and go: there is
    one `LOG`, and it is never freed.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._callback: Any = None

    def install(self, library: Any) -> None:
        """Take them from now on, with none kept."""

        def take(level: int, text: bytes, _: Any) -> None:
            if level in (2, 3) and text:  # warnings and errors
                self._lines = [*self._lines[-3:], text.decode("utf-8", "replace").strip()]

        self._lines = []
        if self._callback is None:
            self._callback = library.llama_log_callback(take)
            library.llama_log_set(self._callback, None)

    def last(self) -> str:
        """The last warnings and errors, as a clause."""
        return "; ".join(self._lines) or "no reason given"


LOG = Log()


def library() -> Any:
    """llama.cpp's functions. Imported late: loading the library takes longer than `fieldmate --help` may."""
    # Threads that spin while they wait take the core from whoever they wait for as soon as another program wants it
    # too: with both cores busy, 22 tokens took 3 to 28 s spinning and 1.0 to 1.3 s sleeping (benchmarks/LOG.md).
    # Read when the OpenMP library is loaded, so it has to be set before.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if (os.cpu_count() or 1) > _FEW_CORES:
        # Half of the cores write, so a short wait may spin: going to sleep at each barrier costs more than the work.
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    try:
        from llama_cpp import llama_cpp
    except (ImportError, OSError, RuntimeError) as exc:
        raise ModelDamaged(
            f"llama.cpp does not start on this machine ({exc}); reinstall with `pip install --force-reinstall "
            "llama-cpp-python`."
        ) from exc
    return llama_cpp
