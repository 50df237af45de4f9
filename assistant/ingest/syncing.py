"""Syncing: what is stored of the followed folders becomes what is in them.

Knows the adder, the store's list of folders and which files are there; not who asked, nor how often. A folder that is
gone, or has nothing readable in it any more, is most likely a stick that was pulled out or a share that is not mounted:
its documents stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from assistant.ingest.adding import Adder, AddProgress
from assistant.ingest.finding import readable_files
from assistant.store.database import Store
from assistant.store.records import DocumentRecord
from assistant.types import FileReport


class Syncer:
    """Keeps one store in step with the folders that it follows."""

    def __init__(self, store: Store, adder: Adder) -> None:
        self._store = store
        self._adder = adder
        self.kept: list[str] = []
        """A sentence for each folder that the latest sync could not look at."""

    def sync(self, progress: Callable[[AddProgress], None] = lambda _: None) -> Iterator[FileReport]:
        """Add what is new, replace what was edited, rename what was moved, remove what is gone; yield what became of
        each file.

        Each file is a transaction of its own, so whoever asks meanwhile sees the old document or the new one. What is
        removed goes last: until then a file that was moved still answers. Stopping at any time loses nothing, and the
        next sync goes on.
        """
        self.kept = []
        records = {record.source: record for record in self._store.documents()}
        folders: list[Path] = []
        present: set[str] = set()
        for folder in map(Path, self._store.folders()):
            files, why = _files(folder)
            below = sum(Path(source).is_relative_to(folder) for source in records)
            if why or (below and not files):
                why = why or "has no readable file in it any more"
                self.kept.append(f"The folder {folder} {why}; its {below} documents stay as they were.")
            else:
                folders.append(folder)
                present.update(files)
        gone = {
            source: record
            for source, record in records.items()
            if (record.archive or source) not in present
            and any(Path(source).is_relative_to(folder) for folder in folders)
        }
        left_out = self._store.left_out()
        yield from self._adder.add(folders, progress, former=_Former(gone), but=left_out)
        yield from self._removed(gone)

    def _removed(self, gone: dict[str, DocumentRecord]) -> Iterator[FileReport]:
        """Remove what is still stored of these; an archive is reported once, with all its articles."""
        stored = {record.source for record in self._store.documents()}
        archives: dict[str, int] = {}
        for source, record in gone.items():
            if source not in stored:
                continue
            if record.archive is None:
                yield FileReport(source, "removed", passages=self._store.remove(record.name))
                continue
            if record.archive not in archives:
                self._store.archive_forgotten(record.archive)
            archives[record.archive] = archives.get(record.archive, 0) + self._store.remove(record.name)
        for archive, passages in archives.items():
            yield FileReport(archive, "removed", passages=passages)


def _files(folder: Path) -> tuple[list[str], str]:
    """The readable files below a folder, or why it cannot be looked at."""
    if not folder.is_dir():
        return [], "is not there"
    try:
        return readable_files(folder), ""
    except OSError as exc:
        return [], f"cannot be read ({exc.strerror or exc})"


class _Former:
    """Finds the source that had some content and is gone; each is given once."""

    def __init__(self, gone: dict[str, DocumentRecord]) -> None:
        self._sources: dict[str, list[str]] = {}
        for source, record in gone.items():
            self._sources.setdefault(record.content_hash, []).append(source)

    def __call__(self, content_hash: str) -> str | None:
        sources = self._sources.get(content_hash)
        return sources.pop(0) if sources else None
