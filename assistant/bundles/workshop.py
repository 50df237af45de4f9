"""The folder of everything that bundles leave in a data folder, and the lock that keeps two processes out of it.

    bundles/trusted-keys        see `trust`
    bundles/undo-SHA256.db      the way back to the version before, one for each installed bundle
    bundles/download*           a bundle on its way here
    bundles/*.draft*            work in hand; what a killed process left is removed by the next

It knows these names. It does not know what is in the files.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.artifacts.files import storage
from assistant.errors import KnowledgeBaseBusy

DOWNLOAD = "download"


class Workshop:
    """The folder, locked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def draft(self, name: str) -> Path:
        """Where an unfinished file goes."""
        return self.folder / f"{name}.draft"

    def tidy(self) -> None:
        """Remove what earlier work has left unfinished, but for a download, which goes on."""
        with storage(self.folder):
            for path in self.folder.glob("*.draft*"):
                path.unlink(missing_ok=True)

    def keep_undo(self, digests: Container[str | None]) -> None:
        """Remove the ways back that lead from nothing that is installed."""
        with storage(self.folder):
            for path in self.folder.glob("undo-*"):
                if path.stem.removeprefix("undo-") not in digests:
                    path.unlink(missing_ok=True)


@contextmanager
def workshop(folder: Path, patience_s: float) -> Iterator[Workshop]:
    """The folder, for one process at a time; unfinished work is removed before and after.

    Raises:
        KnowledgeBaseBusy: another process has had it for longer than `patience_s` seconds.
        StorageError: it cannot be made or written.
    """
    from filelock import FileLock, Timeout

    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=patience_s)
        except Timeout as exc:
            raise KnowledgeBaseBusy(
                "Another process is making or applying a bundle; wait until it is done and run the same command again."
            ) from exc
    place = Workshop(folder)
    try:
        place.tidy()
        yield place
    finally:
        try:
            place.tidy()
        finally:
            lock.release()
