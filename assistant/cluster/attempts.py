"""How often work was begun and not ended: it took its process with it.

Counted in small files of the machine that works, because nothing else outlives a process that is gone.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


class Attempts:
    """The attempts of one run on this machine."""

    def __init__(self, run: str) -> None:
        """`run` names the run: what another run left behind does not count."""
        self._stem = str(Path(tempfile.gettempdir(), f"fieldmate-{run}-"))

    @contextlib.contextmanager
    def of(self, work: str) -> Iterator[int]:
        """Do `work`, which has the given number of attempts behind it that never came to an end, good or bad."""
        path = Path(self._stem + work)
        before = path.stat().st_size if path.exists() else 0
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, b".")
        finally:
            os.close(handle)
        try:
            yield before
        finally:
            path.unlink(missing_ok=True)
