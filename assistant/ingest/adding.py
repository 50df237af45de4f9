"""Adding: files become documents, passages and vectors in the store, one transaction a file.

Knows readers, the splitter, an embedder and the store; not who asked for it nor how progress is shown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from assistant.errors import UnreadableDocument
from assistant.ingest.files import hash_file
from assistant.ingest.passages import PassageLimits, split
from assistant.ingest.readers import SAVE_AS, reader_for, supported_suffixes
from assistant.protocols import Embedder, Reader
from assistant.retrieval.terms import terms
from assistant.store.database import Store
from assistant.store.records import NameTaken, Outcome
from assistant.store.vectors import Vectors
from assistant.types import Document, FileReport, Passage

_BATCH = 64
"""Passages embedded between two looks at the progress; sorted by length within."""

_TOGETHER = 32
"""Passages from which on files are embedded and stored. A folder of small files has one or two passages each, and a
call of the embedder for each of them takes about twice as long (benchmarks/LOG.md)."""


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


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    names: tuple[str, ...]
    """How it may be cited: the shortest first, longer ones for when that is another document's."""
    size: int


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was looked at: a document to store, or the report that there is none."""

    found: _Found
    document: Document | None = None
    passages: Sequence[Passage] = ()
    former: str | None = None
    """The source whose file was renamed to this one."""
    known: Mapping[str, Vectors] = field(default_factory=dict)
    """Vectors that are stored already, by the text that was embedded."""
    report: FileReport | None = None

    @property
    def unknown(self) -> int:
        """Passages that have to be embedded."""
        return sum(passage.searchable() not in self.known for passage in self.passages)


class Adder:
    """Adds files to one store with one embedder."""

    def __init__(self, store: Store, embedder: Embedder, *, max_tokens: int, max_file_bytes: int) -> None:
        """`max_tokens` bounds a passage with its headings, in the embedder's tokens; so does the embedder itself."""
        self._store = store
        self._embedder = embedder
        limit = min(max_tokens, embedder.max_tokens)
        self._limits = PassageLimits(max_tokens=limit, target_tokens=min(PassageLimits().target_tokens, limit))
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
        Each file is stored in a transaction of its own before it is reported; small files share a call of the
        embedder, so stopping or killing the process at any time costs at most the reading of those in hand.
        """
        files = [found for found in _files(paths) if str(found.path) not in but]
        meter = _Meter(files, progress)
        waiting: list[_Read] = []
        for found in files:
            meter.begin(found)
            waiting.append(self._read(found, former))
            count = sum(one.unknown for one in waiting)
            if count == 0 or count >= _TOGETHER:
                yield from self._store_all(waiting, meter)
                waiting = []
        yield from self._store_all(waiting, meter)

    def _read(self, found: _Found, former: Callable[[str], str | None]) -> _Read:
        source = str(found.path)
        try:
            reader = _reader(found.path)
            content_hash = hash_file(found.path, found.names[0], self._max_file_bytes)
            if self._store.is_current(source, content_hash, self._embedder.fingerprint):
                return _Read(found, report=FileReport(source, "unchanged"))
            document = reader.read(found.path, found.names[0])
            passages = split(document, self._embedder.count_tokens, self._limits)
            known = self._store.known_vectors(source, self._embedder.fingerprint)
            before = None if known else former(content_hash)
            if before is not None:
                known = self._store.known_vectors(before, self._embedder.fingerprint)
            return _Read(found, document, passages, before, known)
        except UnreadableDocument as exc:
            return _Read(found, report=FileReport(source, "refused", reason=str(exc)))

    def _store_all(self, waiting: Sequence[_Read], meter: _Meter) -> Iterator[FileReport]:
        new = list(dict.fromkeys(text for one in waiting for text in _texts(one) if text not in one.known))
        embedded = dict(zip(new, self._embed(new, [one.found for one in waiting], meter), strict=True))
        for one in waiting:
            rows = [one.known[text] if text in one.known else embedded[text] for text in _texts(one)]
            vectors = np.stack(rows) if rows else np.zeros((0, self._embedder.dimensions), dtype=np.float32)
            yield one.report or self._put_one(one, vectors)
            meter.end(one.found)

    def _put_one(self, one: _Read, vectors: Vectors) -> FileReport:
        source = str(one.found.path)
        assert one.document is not None
        try:
            outcome = self._put(one.document, one.passages, vectors, one)
        except UnreadableDocument as exc:
            return FileReport(source, "refused", reason=str(exc))
        return FileReport(source, outcome, passages=len(one.passages), embedded=one.unknown)

    def _embed(self, texts: Sequence[str], files: Sequence[_Found], meter: _Meter) -> Vectors:
        # Neighbours of one length share a batch; their order is restored below.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.zeros((len(texts), self._embedder.dimensions), dtype=np.float32)
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            vectors[batch] = self._embedder.embed([texts[index] for index in batch])
            meter.embedded(files, begin + len(batch), len(order), len(batch))
        return vectors

    def _put(self, document: Document, passages: Sequence[Passage], vectors: Vectors, one: _Read) -> Outcome:
        tokens = [_tokens(passage) for passage in passages]
        for name in one.found.names:
            named = _renamed(document, passages, name)
            try:
                return self._store.put(named[0], named[1], tokens, vectors, self._embedder.fingerprint, one.former)
            except NameTaken:
                continue
        raise UnreadableDocument(
            f"{document.source} has the name of another document; rename the file and add it again."
        )


class _Meter:
    """Counts what is done and tells `progress`."""

    def __init__(self, files: Sequence[_Found], progress: Callable[[AddProgress], None]) -> None:
        self._progress = progress
        self._files_total = len(files)
        self._bytes_total = sum(found.size for found in files)
        self._files = self._bytes = self._told = self._passages = 0
        self._started = time.monotonic()

    def begin(self, found: _Found) -> None:
        self._tell(found)

    def embedded(self, files: Sequence[_Found], done: int, total: int, more: int) -> None:
        self._passages += more
        self._tell(files[-1], int(sum(found.size for found in files) * done / total))

    def end(self, found: _Found) -> None:
        self._files += 1
        self._bytes += found.size
        self._tell(found)

    def _tell(self, found: _Found, more_bytes: int = 0) -> None:
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


def _texts(one: _Read) -> list[str]:
    """What is embedded of each passage."""
    return [passage.searchable() for passage in one.passages]


def _tokens(passage: Passage) -> tuple[str, str]:
    """Heading and body terms of a passage, as the store's full-text rows take them."""
    heading = " \n ".join((passage.title, *passage.heading_path))
    return " ".join(terms(heading)), " ".join(terms(f"{passage.context} \n {passage.text}"))


def _renamed(document: Document, passages: Sequence[Passage], name: str) -> tuple[Document, Sequence[Passage]]:
    if name == document.name:
        return document, passages
    return replace(document, name=name), [replace(passage, document=name) for passage in passages]


def _reader(path: Path) -> Reader:
    reader = reader_for(path)
    if reader is None:
        kind = f"a {path.suffix} file" if path.suffix else "a file without an ending"
        raise UnreadableDocument(f"{path.name} is {kind}; {SAVE_AS}.")
    return reader


def readable_files(folder: Path) -> list[str]:
    """Absolute paths of the files below `folder` that some reader takes, in order.

    Raises:
        OSError: it, or a folder below it, cannot be looked at: what is in there is not known.
    """

    def fail(error: OSError) -> None:
        raise error

    return sorted(str(path) for path in _walk(folder, fail))


def _files(paths: Iterable[Path]) -> Iterator[_Found]:
    """Named files as they are, and below folders every file that some reader takes; each once."""
    seen: set[Path] = set()
    for root in paths:
        absolute = root.absolute()
        below = sorted(_walk(absolute)) if absolute.is_dir() else [absolute]
        for path in below:
            if path not in seen:
                seen.add(path)
                yield _Found(path, _names(path, absolute), _size(path))


def _walk(folder: Path, failed: Callable[[OSError], None] = lambda _: None) -> Iterator[Path]:
    """Readable files below `folder`, hidden ones and links to folders left out; `failed` is told what is closed."""
    suffixes = supported_suffixes()
    for parent, folders, files in os.walk(folder, onerror=failed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(parent, name)


def _names(path: Path, root: Path) -> tuple[str, ...]:
    """The path below the folder that was added, then with one more parent each, to the absolute path."""
    short = len(path.parts) - (len(root.parts) if path != root else len(root.parts) - 1)
    return (*("/".join(path.parts[-count:]) for count in range(short, len(path.parts))), path.as_posix())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
