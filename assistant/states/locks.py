"""Says whether any living process uses something. Knows files and the kernel's locks on them, which end with a process.

Where the file system has no locks, everything counts as used: nothing of others is touched then.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class Use:
    """Marks something as used, by a shared lock on a file, until it is closed or the process dies."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be made or locked, or somebody has it alone."""
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BaseException:
            os.close(self._handle)
            raise

    def alone(self) -> bool:
        """Try to become the only one; others that come are refused until `shared` or `close`."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with suppress(OSError):  # Asking for more may have lost what there was.
                fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        return True

    def shared(self) -> None:
        """Let others in again."""
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def close(self) -> None:
        """Use it no longer."""
        os.close(self._handle)


def claimed(handle: int) -> bool:
    """Take an open file for this process alone, unless another one has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def unused(path: Path) -> bool:
    """Whether no living process has the file at `path` locked, as far as can be known."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return claimed(handle)
    finally:
        os.close(handle)
