"""Adding: files become documents, passages and vectors in the store, one transaction a document.

Knows which files there are, their readers and how far the work is; not who asked for it nor how progress is shown.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import UnreadableDocument
from assistant.ingest.archiving import ArchiveAdder
from assistant.ingest.files import hash_file
from assistant.ingest.finding import Found, find
from assistant.ingest.portions import portions
from assistant.ingest.readers import SAVE_AS, archive_reader_for, reader_for
from assistant.ingest.storing import Former, Prepared, Storer, full
from assistant.protocols import Embedder, Reader
from assistant.store.database import Store
from assistant.types import FileReport


@dataclass(frozen=True, slots=True)
class AddProgress:
    """Where an `add` stands; given after each file and each batch of passages."""

    name: str
    """The file in hand."""
    files_done: int
    files_total: int
    bytes_done: int
    """Of the files done, and of those in hand in proportion to their passages."""
    bytes_total: int
    passages: int
    """Embedded so far in this run."""
    seconds: float
    """Since the run began."""


class Adder:
    """Adds files to one store with one embedder."""

    def __init__(self, store: Store, embedder: Embedder, *, max_tokens: int, max_file_bytes: int) -> None:
        """`max_tokens` bounds a passage with its headings, in the embedder's tokens; so does the embedder itself.

        Archives, which are read article by article, may be larger than `max_file_bytes`.
        """
        self._storer = Storer(store, embedder, max_tokens)
        self._archives = ArchiveAdder(store, self._storer, embedder.fingerprint)
        self._max_file_bytes = max_file_bytes

    def add(
        self,
        paths: Sequence[Path],
        progress: Callable[[AddProgress], None] = lambda _: None,
        *,
        former: Callable[[str], str | None] = lambda _: None,
        but: Container[str] = frozenset(),
    ) -> Iterator[FileReport]:
        """Add files and the readable files below folders; yield what became of each, in the order of their names.

        A passage whose text and headings are as they were keeps its vector. `former` gives, for the content hash of a
        new file, the source that had this content and is gone: the file was renamed. Sources in `but` are left out.

        A file that cannot be read is reported and the rest go on. A file whose bytes are known is not read again.
        Each document is stored in a transaction of its own before its file is reported; small files share a call of the
        embedder, so stopping or killing the process at any time costs at most the reading of those in hand.
        """
        files = [found for found in find(paths) if str(found.path) not in but]
        meter = Meter(files, progress)
        for portion in portions(files):
            waiting: list[Prepared] = []
            held: list[Found] = []
            for found in portion:
                meter.begin(found)
                archive = archive_reader_for(found.path)
                if archive is None:
                    waiting.append(self._read(found, former))
                    held.append(found)
                if archive is not None or full(waiting):
                    yield from self._store(waiting, held, meter)
                    waiting, held = [], []
                if archive is not None:
                    yield self._archives.add(found, archive, former, but, functools.partial(meter.within, found))
                    meter.end(found)
            yield from self._store(waiting, held, meter)

    def _read(self, found: Found, former: Former) -> Prepared:
        source = str(found.path)
        try:
            reader = required_reader(found.path)
            content_hash = hash_file(found.path, found.names[0], self._max_file_bytes)
            if self._storer.is_current(source, content_hash):
                return Prepared(source, report=FileReport(source, "unchanged"))
            return self._storer.prepare(reader.read(found.path, found.names[0]), found.names, former)
        except UnreadableDocument as exc:
            return Prepared(source, report=FileReport(source, "refused", reason=str(exc)))

    def _store(self, waiting: Sequence[Prepared], files: Sequence[Found], meter: Meter) -> Iterator[FileReport]:
        reports = self._storer.store(waiting, functools.partial(meter.embedded, files))
        for report, found in zip(reports, files, strict=True):
            yield report
            meter.end(found)


class Meter:
    """Counts what is done and tells `progress`."""

    def __init__(self, files: Sequence[Found], progress: Callable[[AddProgress], None]) -> None:
        self._progress = progress
        self._files_total = len(files)
        self._bytes_total = sum(found.size for found in files)
        self._files = self._bytes = self._told = self._passages = 0
        self._started = time.monotonic()

    def begin(self, found: Found) -> None:
        """Name the file in hand."""
        self._tell(found)

    def embedded(self, files: Sequence[Found], done: int, total: int, more: int) -> None:
        """Count `more` passages of these files, of whose passages `done` of `total` are embedded."""
        self._passages += more
        self._tell(files[-1], int(sum(found.size for found in files) * done / total))

    def within(self, found: Found, share: float, more: int) -> None:
        """Count `more` passages of a file of which this share is done."""
        self._passages += more
        self._tell(found, int(found.size * share))

    def end(self, found: Found) -> None:
        """Count a file that is done."""
        self._files += 1
        self._bytes += found.size
        self._tell(found)

    def _tell(self, found: Found, more_bytes: int = 0) -> None:
        # Files that are embedded together end one by one: what was told of them already is not taken back.
        self._told = max(self._told, self._bytes + more_bytes)
        self._progress(
            AddProgress(
                name=found.names[0],
                files_done=self._files,
                files_total=self._files_total,
                bytes_done=self._told,
                bytes_total=self._bytes_total,
                passages=self._passages,
                seconds=time.monotonic() - self._started,
            )
        )


def required_reader(path: Path) -> Reader:
    """The reader of files named like `path`.

    Raises:
        UnreadableDocument: there is none.
    """
    reader = reader_for(path)
    if reader is None:
        kind = f"a {path.suffix} file" if path.suffix else "a file without an ending"
        raise UnreadableDocument(f"{path.name} is {kind}; {SAVE_AS}.")
    return reader
