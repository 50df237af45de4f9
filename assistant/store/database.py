"""The knowledge base: one SQLite file that holds documents, passages, their words and their vectors.

It knows SQLite, and of an embedder only a fingerprint and the vectors' length. It does not know settings, the
command line, how text becomes passages, tokens or vectors, nor how answers are made.

Every write is one transaction on disk before its method returns: a cut at any instant loses at most the call
in hand. A store is used by one thread at a time; other processes may read and write the same file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from assistant.errors import InputError
from assistant.store import archives, checks, folders, fulltext, reading, schema, tags, writing
from assistant.store import vectors as vector_rows
from assistant.store.connection import connect, now
from assistant.store.guard import guarded, translated
from assistant.store.records import DocumentRecord, EmbedderRecord, Outcome, Problem, RowDamaged, Statistics
from assistant.store.vectors import Ids, Vectors
from assistant.types import Document, Passage, Scope

if TYPE_CHECKING:
    from sqlite_utils import Database


class Store:
    """An open knowledge base. Its methods raise `KnowledgeBaseError`s and `StorageError`, each a full sentence."""

    def __init__(self, db: Database, path: Path, *, read_only: bool) -> None:
        self._db = db
        self.path = path
        self.read_only = read_only

    @classmethod
    def open(cls, path: Path, *, create: bool, busy_timeout: float = 30.0, read_only: bool = False) -> Store:
        """Open the knowledge base at `path`; with `create`, make it if there is none.

        `busy_timeout` is how long to wait for another process, in seconds. `read_only` changes nothing on
        disk and works in a folder that cannot be written.

        Raises:
            StorageError: it is not there, or its folder or file cannot be used as asked.
            KnowledgeBaseTooNew: a newer version of Fieldmate wrote it.
            KnowledgeBaseDamaged: it is damaged, or something else's file.
            KnowledgeBaseBusy: another process is creating or upgrading it for too long.
        """
        with translated(path):
            db = connect(path, create=create, busy_timeout=busy_timeout, read_only=read_only)
        return cls(db, path, read_only=read_only)

    def close(self) -> None:
        """Close the file; calling it again is harmless."""
        with translated(self.path):
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Transactions

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Reads inside see one state of the knowledge base, whatever other processes write meanwhile.

        Snapshots nest. Writing inside one is a mistake in the program.
        """
        if self._db.conn.in_transaction:
            yield
            return
        with translated(self.path):
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            with translated(self.path):
                self._db.rollback()

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """One transaction that counts as a generation if it changes anything; for this package."""
        if self._db.conn.in_transaction:
            raise RuntimeError("the store cannot write inside a snapshot")
        with translated(self.path):
            try:
                # Immediate: who reads first and then wants to write could only fail when somebody else was
                # faster.
                self._db.execute("BEGIN IMMEDIATE")
                before = self._db.conn.total_changes
                yield self._db
                if self._db.conn.total_changes != before:
                    self._db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # What went wrong first is what matters.
                    self._db.rollback()
                raise

    @property
    @guarded
    def generation(self) -> int:
        """How many writes there have been: a different number means that something has changed."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        if row is None or not isinstance(row[0], int):
            raise RowDamaged("its count of changes is gone")
        return row[0]

    def changed_since(self, generation: int) -> bool:
        """Whether this or another process has written since; takes microseconds."""
        return self.generation != generation

    # Documents

    def put(
        self,
        document: Document,
        passages: Sequence[Passage],
        tokens: Sequence[tuple[str, str]],
        vectors: Vectors,
        fingerprint: str,
        former: str | None = None,
    ) -> Outcome:
        """Store a document with all that belongs to it, in place of what its source had before.

        With `former`, a source whose file has been renamed to this one, its document goes in the same step.

        `tokens` are each passage's heading and body tokens, separated by spaces; `vectors` are float32
        (passages, dimensions), rows of length 1, of the embedder with this fingerprint. "unchanged" means
        that another process was faster with the same content.

        Raises:
            NameTaken: another source's document has this name.
            UnreadableDocument: its text is not Unicode or too large.
            ValueError: the parts do not belong together.
        """
        stored = writing.require_valid(document, passages, tokens, vectors)
        with self.writing() as db:
            return writing.put(db, document, passages, tokens, stored, fingerprint, now(), former)

    def remove(self, name: str, *, leave_out: bool = False) -> int:
        """Remove the document of this name; returns how many passages went with it.

        With `leave_out` a sync does not bring it back while its file is still there.

        Raises:
            InputError: there is no such document.
        """
        with self.writing() as db:
            removed = writing.remove(db, reading.storable_key(name), leave_out=leave_out)
        if removed is None:
            raise InputError(f"There is no document called {name}; list the documents to see their names.")
        return removed

    @guarded
    def is_current(self, source: str, content_hash: str, fingerprint: str) -> bool:
        """Whether this content of this source is stored with vectors of this embedder: nothing is left to do."""
        return writing.is_current(self._db, reading.storable_key(source), content_hash, fingerprint)

    @guarded
    def documents(self) -> list[DocumentRecord]:
        """Every document, by name."""
        return reading.documents(self._db)

    @guarded
    def document(self, name_or_source: str) -> tuple[DocumentRecord, str] | None:
        """The document of this name, else of this source, with its text; None when there is none."""
        return reading.document(self._db, name_or_source)

    @guarded
    def find_documents(self, pattern: str) -> list[DocumentRecord]:
        """The documents meant by `pattern`: of that name or source, else those whose path ends with "/pattern"."""
        return reading.find(self._db, pattern)

    @guarded
    def known_vectors(self, source: str, fingerprint: str) -> dict[str, Vectors]:
        """Vectors that this embedder gave the passages of `source`, by the text that was embedded."""
        with self.snapshot():
            ids, matrix = vector_rows.of_source(self._db, fingerprint, reading.storable_key(source))
            passages = reading.passages(self._db, ids.tolist())
        return {passages[id_].searchable(): row for id_, row in zip(ids.tolist(), matrix, strict=True)}

    # Embedders

    @property
    @guarded
    def live(self) -> str | None:
        """Fingerprint of the embedder whose vectors answers come from; None while there are none."""
        return vector_rows.live(self._db)

    @guarded
    def without_vector(self, fingerprint: str, limit: int) -> dict[int, Passage]:
        """The first passages that have no vector of this embedder, by id."""
        with self.snapshot():
            return reading.passages(self._db, vector_rows.missing(self._db, fingerprint, limit))

    def put_vectors(self, ids: Sequence[int], vectors: Vectors, fingerprint: str) -> int:
        """Store this embedder's vectors of these passages; returns of how many.

        A passage that is gone meanwhile, or has a vector already, is left out.

        Raises:
            ValueError: the parts do not belong together, or the vectors have another length than before.
        """
        stored = vector_rows.require_vectors(vectors, len(ids))
        with self.writing() as db:
            wanted = set(vector_rows.lacking(db, ids, fingerprint))
            rows = [row for row, id_ in enumerate(ids) if id_ in wanted]
            vector_rows.insert(db, [ids[row] for row in rows], stored[rows], fingerprint)
        return len(rows)

    def make_live(self, fingerprint: str) -> bool:
        """Let answers come from this embedder's vectors, in one step; False while a passage has none of it."""
        with self.writing() as db:
            return vector_rows.make_live(db, fingerprint)

    def drop_other_vectors(self, limit: int) -> int:
        """Remove up to `limit` vectors of embedders that are not live; returns how many there were."""
        with self.writing() as db:
            return vector_rows.drop_others(db, limit)

    # Folders that are followed

    @guarded
    def folders(self) -> list[str]:
        """The folders that a sync keeps the documents in step with, by path."""
        return folders.paths(self._db)

    def follow(self, path: str) -> bool:
        """Follow a folder from now on; False when it was followed already.

        Raises:
            InputError: its path is not Unicode.
        """
        with self.writing() as db:
            return folders.add(db, path, now())

    def unfollow(self, path: str) -> bool:
        """Stop following a folder; its documents stay. False when it was not followed."""
        with self.writing() as db:
            return folders.remove(db, path)

    @guarded
    def left_out(self) -> frozenset[str]:
        """Sources that were removed by their owner and that a sync must not bring back."""
        return folders.left_out(self._db)

    def take_back(self, sources: Sequence[str]) -> None:
        """Let a sync take these sources again."""
        with self.writing() as db:
            folders.take_back(db, [reading.storable_key(source) for source in sources])

    # Archives: files that hold many documents

    @guarded
    def archive_known(self, source: str, content_hash: str) -> bool:
        """Whether the archive with this content was read to its end."""
        return archives.known(self._db, reading.storable_key(source), content_hash)

    def archive_read(self, source: str, content_hash: str) -> None:
        """Note that the archive with this content was read to its end."""
        with self.writing() as db:
            archives.finish(db, source, content_hash)

    def archive_forgotten(self, source: str) -> None:
        """Let the archive be read again; what came out of it stays."""
        with self.writing() as db:
            archives.forget(db, reading.storable_key(source))

    def remove_archive(self, source: str, *, leave_out: bool = False) -> int:
        """Remove all that came out of the archive, in one step; returns how many documents that were.

        With `leave_out` a sync does not bring it back while its file is still there.
        """
        with self.writing() as db:
            return archives.remove(db, source, leave_out=leave_out)

    @guarded
    def archived(self, source: str) -> dict[str, str]:
        """What came out of the archive and is stored: content hash by the article's source."""
        return archives.articles(self._db, reading.storable_key(source))

    # Tags

    @guarded
    def tags(self) -> list[tuple[str, str]]:
        """Paths and the tags that everything at or below them has, in order."""
        return tags.rows(self._db)

    def tag(self, path: str, words: Sequence[str]) -> None:
        """Give what is at or below a path these tags, also what comes later.

        Raises:
            InputError: the path is not Unicode.
        """
        with self.writing() as db:
            tags.add(db, folders.unicode_path(path), words)

    def untag(self, path: str, words: Sequence[str]) -> int:
        """Take tags from a path; how many of them it had itself."""
        with self.writing() as db:
            return tags.remove(db, reading.storable_key(path), words)

    # Passages

    @guarded
    def ids_within(self, scope: Scope) -> Ids:
        """The ids of the passages of the documents within `scope`, ascending.

        Raises:
            InputError: the scope names a document, a language or a tag that there is none of.
        """
        with self.snapshot():
            return reading.ids_within(self._db, scope)

    @guarded
    def passage(self, ids: Iterable[int]) -> dict[int, Passage]:
        """The passages with these ids, in the order asked for; an id that is not stored is left out."""
        return reading.passages(self._db, ids)

    @guarded
    def neighbours(self, id_: int, before: int, after: int) -> dict[int, Passage]:
        """A passage with up to so many before and after it in its document, in reading order."""
        return reading.neighbours(self._db, id_, before, after)

    @guarded
    def passage_ids(self, name: str | None = None) -> list[int]:
        """The ids of one document's passages, or of all, documents by name and passages in reading order."""
        return reading.passage_ids(self._db, name)

    @property
    @guarded
    def passage_count(self) -> int:
        """How many passages there are."""
        return int(self._db.execute("SELECT count(*) FROM passages").fetchone()[0])

    # Search

    @guarded
    def lexical(
        self,
        tokens: Iterable[str],
        limit: int,
        weights: tuple[float, float] = (1.0, 1.0),
        allowed: Ids | None = None,
    ) -> list[tuple[int, float]]:
        """Passages that hold any of the tokens, best first: (id, BM25 score above 0), ties by id.

        `weights` are those of heading and body. Of more than `fulltext.MAX_TOKENS` different tokens the
        rarest count. With `allowed`, only passages with one of these ids are found; scores stay the same.
        """
        return fulltext.search(self._db, tokens, limit, weights, allowed)

    @guarded
    def passage_tokens(self, first: int, last: int) -> list[tuple[int, list[str], list[str]]]:
        """Passages `first` to `last` by id, each with the tokens of its heading and body as they are searched."""
        return fulltext.tokens(self._db, first, last)

    @guarded
    def tokens_of(self, ids: Iterable[int]) -> dict[int, tuple[list[str], list[str]]]:
        """Tokens of heading and body of these passages, as they are searched; an id without any is left out."""
        return fulltext.tokens_of(self._db, ids)

    @guarded
    def document_frequency(self, tokens: Iterable[str]) -> dict[str, int]:
        """In how many passages each token occurs."""
        return fulltext.document_frequency(self._db, tokens)

    @guarded
    def vocabulary(self) -> list[str]:
        """Every token that stands in a passage; see `fulltext.vocabulary`."""
        return fulltext.vocabulary(self._db)

    @guarded
    def load_vectors(self, fingerprint: str) -> tuple[Ids, Vectors]:
        """All vectors of this embedder: ids int64 (n,) ascending and float32 (n, d)."""
        with self.snapshot():
            return vector_rows.load(self._db, fingerprint)

    @guarded
    def vector_keys(self, fingerprint: str, first: int = 0, last: int = 2**63 - 1) -> Ids:
        """Passage ids and checksums of this embedder's vectors, int64 (n, 2) by id: equal keys, equal vectors.

        Of the passages `first` to `last`.
        """
        return vector_rows.keys(self._db, fingerprint, first, last)

    @guarded
    def vector_digests(self, fingerprint: str, block: int) -> dict[int, tuple[int, int, int, int]]:
        """Sums over the keys of each block of so many passage ids: equal sums, equal keys."""
        return dict(vector_rows.digests(self._db, fingerprint, block))

    @guarded
    def select_vectors(self, fingerprint: str, ids: Ids) -> Vectors:
        """The vectors of the passages `ids`, which ascend and exist: float32 (len(ids), d)."""
        with self.snapshot():
            return vector_rows.select(self._db, fingerprint, ids)

    def iterate_vectors(self, fingerprint: str) -> Iterator[tuple[Ids, Vectors]]:
        """The embedder's vectors by id, a few thousand at a time, so that memory stays small."""
        with self.snapshot(), translated(self.path):
            yield from vector_rows.batches(self._db, fingerprint)

    # Copies, for `assistant.store.backup`

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy the state of this moment into an empty database, while others read and write this one."""
        with translated(self.path):
            self._db.conn.backup(target)

    def copy_from(self, other: Store) -> None:
        """Put the other store's whole content in place of this one's, as one transaction."""
        with translated(self.path):
            other.copy_to(self._db.conn)

    def count_from(self, generation: int) -> None:
        """Set the count of changes."""
        with translated(self.path):
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'generation'", (generation,))

    def leave_no_journal(self) -> None:
        """Make the file complete in itself, so that it may be moved; nobody else may have it open."""
        with translated(self.path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._db.execute("PRAGMA journal_mode = DELETE").fetchone()

    # Care

    def check(self, quick: bool = False) -> list[Problem]:
        """Everything found to be wrong; `quick` leaves out what reads every byte."""
        with translated(self.path), self.snapshot():
            found = list(checks.problems(self._db, quick=quick))
        if not quick and not self.read_only:
            with translated(self.path):
                try:
                    self._db.execute("BEGIN IMMEDIATE")
                    found += checks.full_text_index(self._db)
                finally:
                    self._db.rollback()
        return found

    @guarded
    def statistics(self) -> Statistics:
        """What the knowledge base holds."""
        with self.snapshot():
            totals = "SELECT count(*), coalesce(sum(characters), 0) FROM documents"
            documents, characters = self._db.execute(totals).fetchone()
            embedders = self._db.execute(
                "SELECT fingerprint, dimensions, (SELECT count(*) FROM vectors WHERE embedder_id = "
                "embedders.id) FROM embedders ORDER BY id"
            ).fetchall()
            return Statistics(
                documents=documents,
                passages=self.passage_count,
                characters=characters,
                file_bytes=self._file_bytes(),
                embedders=tuple(EmbedderRecord(*row) for row in embedders),
                generation=self.generation,
                schema_version=schema.version(self._db),
                journal_mode=self._db.execute("PRAGMA journal_mode").fetchone()[0],
            )

    def _file_bytes(self) -> int:
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
