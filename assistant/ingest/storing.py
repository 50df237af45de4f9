"""Storing: documents become passages and vectors, each document in a transaction of its own.

Knows the splitter, an embedder and the store; not where a document comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from assistant.errors import UnreadableDocument
from assistant.ingest.describing import Describer
from assistant.ingest.passages import PassageLimits, split
from assistant.protocols import Embedder
from assistant.retrieval.terms import terms
from assistant.store.database import Store
from assistant.store.records import NameTaken, Outcome
from assistant.store.vectors import Vectors
from assistant.types import Document, FileReport, Passage

_BATCH = 64
"""Passages embedded between two looks at the progress; sorted by length within."""

TOGETHER = 32
"""Passages from which on documents are embedded and stored. A folder of small files has one or two passages each, and a
call of the embedder for each of them takes about twice as long (benchmarks/LOG.md)."""

_LONG = 5_000
"""Passages of a document that takes much memory itself: what describing has loaded goes before it is embedded."""

Former = Callable[[str], str | None]
"""Gives, for a content hash, the source that had this content and is gone, if there is one."""
Embedded = Callable[[int, int, int], None]
"""Is told how many passages of how many are embedded, and how many of them since the last time."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A source that was looked at: a document to store, or the report that there is none."""

    source: str
    names: tuple[str, ...] = ()
    """How it may be cited, the best first."""
    document: Document | None = None
    passages: Sequence[Passage] = ()
    former: str | None = None
    """The source whose file was renamed to this one."""
    known: Mapping[str, Vectors] = field(default_factory=dict)
    """Vectors that are stored already, by the text that was embedded."""
    report: FileReport | None = None

    def tokens(self) -> list[tuple[str, str]]:
        """Heading and body terms of each passage."""
        title = self.document.title if self.document is not None else ""
        return [search_terms(passage, title) for passage in self.passages]

    @property
    def unknown(self) -> int:
        """Passages that have to be embedded."""
        return sum(passage.searchable() not in self.known for passage in self.passages)


def full(waiting: Sequence[Prepared]) -> bool:
    """Whether these are embedded and stored now, rather than together with what comes next."""
    count = sum(one.unknown for one in waiting)
    return count == 0 or count >= TOGETHER


class Maker:
    """Makes the passages of documents and their vectors, with one embedder; it knows no store."""

    def __init__(self, embedder: Embedder, max_tokens: int) -> None:
        """`max_tokens` bounds a passage with its headings, in the embedder's tokens; so does the embedder itself."""
        self._embedder = embedder
        self._describer = Describer()
        limit = min(max_tokens, embedder.max_tokens)
        self._limits = PassageLimits(max_tokens=limit, target_tokens=min(PassageLimits().target_tokens, limit))

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._embedder.dimensions

    def passages(self, document: Document) -> tuple[Document, list[Passage]]:
        """The document with what can be told of it, and its passages."""
        document = self._describer.describe(document, Path(document.archive or document.source))
        passages = split(document, self._embedder.count_tokens, self._limits)
        if len(passages) > _LONG:
            self._describer = Describer()
        return document, passages

    def vectors(self, waiting: Sequence[Prepared], embedded: Embedded) -> Vectors:
        """Embed what is new in one go; gives one row for each passage of each document, in order.

        Of a book of 3,000 pages a second copy has 40 MB.
        """
        rows = [(passage.searchable(), one.known) for one in waiting for passage in one.passages]
        vectors = np.zeros((len(rows), self._embedder.dimensions), dtype=np.float32)
        places: dict[str, int] = {}
        for place, (text, known) in enumerate(rows):
            if text in known:
                vectors[place] = known[text]
            else:
                places.setdefault(text, place)
        order = sorted(places, key=len)  # neighbours of one length share a batch
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            vectors[[places[text] for text in batch]] = self._embedder.embed(batch)
            embedded(begin + len(batch), len(order), len(batch))
        for place, (text, known) in enumerate(rows):
            if text not in known and places[text] != place:
                vectors[place] = vectors[places[text]]
        return vectors


class Storer:
    """Puts documents into one store with the vectors of one embedder."""

    def __init__(self, store: Store, embedder: Embedder, max_tokens: int) -> None:
        """`max_tokens` bounds a passage with its headings, in the embedder's tokens; so does the embedder itself."""
        self._store = store
        self._fingerprint = embedder.fingerprint
        self._maker = Maker(embedder, max_tokens)

    def is_current(self, source: str, content_hash: str) -> bool:
        """Whether this content of this source is stored with vectors of the embedder."""
        return self._store.is_current(source, content_hash, self._fingerprint)

    def known(self, source: str) -> Mapping[str, Vectors]:
        """The vectors that are stored of a source, by the text that was embedded."""
        return self._store.known_vectors(source, self._fingerprint)

    def prepare(self, document: Document, names: tuple[str, ...], former: Former) -> Prepared:
        """The document with its passages, and with the vectors that are stored of them already."""
        document, passages = self._maker.passages(document)
        known = self.known(document.source)
        before = None if known else former(document.content_hash)
        if before is not None:
            known = self.known(before)
        return Prepared(document.source, names, document, passages, before, known)

    def store(self, waiting: Sequence[Prepared], embedded: Embedded) -> Iterator[FileReport]:
        """Embed what is new in one go, store each document and yield what became of it."""
        vectors = self._maker.vectors(waiting, embedded)
        begin = 0
        for one in waiting:
            end = begin + len(one.passages)
            if one.report is not None:
                yield one.report
            else:
                yield self.put(one, vectors[begin:end], one.tokens())
            begin = end

    def put(self, one: Prepared, vectors: Vectors, tokens: Sequence[tuple[str, str]]) -> FileReport:
        """Store one document under the first of its names that is free; `tokens` are its passages' search terms."""
        assert one.document is not None
        try:
            outcome = self._put(one.document, vectors, tokens, one)
        except UnreadableDocument as exc:
            return FileReport(one.source, "refused", reason=str(exc))
        return FileReport(one.source, outcome, passages=len(one.passages), embedded=one.unknown)

    def _put(self, document: Document, vectors: Vectors, tokens: Sequence[tuple[str, str]], one: Prepared) -> Outcome:
        for name in one.names:
            named = _renamed(document, one.passages, name)
            try:
                return self._store.put(named[0], named[1], tokens, vectors, self._fingerprint, one.former)
            except NameTaken:
                continue
        raise UnreadableDocument(
            f"{document.source} has the name of another document; rename the file and add it again."
        )


def search_terms(passage: Passage, title: str) -> tuple[str, str]:
    """Heading and body terms of a passage, as the store's full-text rows take them.

    `title` is its document's; that of the passage may have been shortened to leave room for text.
    """
    heading = " \n ".join((title, *passage.heading_path))
    return " ".join(terms(heading)), " ".join(terms(f"{passage.context} \n {passage.text}"))


def _renamed(document: Document, passages: Sequence[Passage], name: str) -> tuple[Document, Sequence[Passage]]:
    if name == document.name:
        return document, passages
    return replace(document, name=name), [replace(passage, document=name) for passage in passages]
