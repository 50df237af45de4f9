"""The facade: what a command, a server, a voice loop, a benchmark or somebody's own script stands on.

It joins the parts that `assistant.wiring` makes; it has no logic about answering of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from assistant.dialogue.sessions import Sessions
from assistant.errors import UsageError
from assistant.protocols import Cancelled
from assistant.retrieval.followup import standalone
from assistant.settings import Settings
from assistant.types import AddReport, Answer, AnswerDone, AnswerEvent, FileReport, Hit, Question, SyncReport, Turn

if TYPE_CHECKING:
    from assistant.ingest.adding import AddProgress
    from assistant.store.records import DocumentRecord
    from assistant.wiring import Parts

_HITS = 10
"""Hits that an answer carries; the prompt uses the first few of them."""


class Assistant:
    """An assistant over one knowledge base. Not for several threads at once."""

    def __init__(self, parts: Parts) -> None:
        """Usually made by `Assistant.open`."""
        self._parts = parts
        self._sessions = Sessions(time.monotonic)

    @classmethod
    def open(cls, settings: Settings | None = None) -> Self:
        """An assistant with these settings; nothing is loaded or created before it is needed."""
        from assistant.wiring import Parts

        return cls(Parts(settings if settings is not None else Settings()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free models and close the knowledge base; calling it again is harmless."""
        self._parts.close()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._parts.settings

    def add(
        self,
        paths: Iterable[str | PathLike[str]],
        *,
        progress: Callable[[AddProgress], None] = lambda _: None,
        each: Callable[[FileReport], None] = lambda _: None,
    ) -> AddReport:
        """Add files and the readable files below folders; what is unchanged since the last time is skipped.

        Folders are followed from then on: see `sync`. A file that was removed from a folder by `remove` comes back only
        when it is named itself.

        Args:
            paths: files and folders.
            progress: told after each file and each batch of passages.
            each: told what became of each file as soon as that is certain: it is on disk then.

        Raises:
            StorageError: the data folder or disk does not take it. What was reported before is stored.
            KnowledgeBaseError: the knowledge base is busy or damaged.
            ModelError: the embedder is missing or damaged.
        """
        places = [Path(path).absolute() for path in paths]
        store, adder = self._parts.store(create=True), self._parts.adder
        left_out = store.left_out()
        named = {str(place) for place in places}
        if left_out & named:
            store.take_back(sorted(left_out & named))
        for place in places:
            if place.is_dir() and str(place) not in store.folders():
                store.follow(str(place))
        reports = []
        for report in adder.add(places, progress, but=left_out - named):
            reports.append(report)
            each(report)
        self._parts.index.build()
        return AddReport(tuple(reports))

    def sync(
        self,
        *,
        progress: Callable[[AddProgress], None] = lambda _: None,
        each: Callable[[FileReport], None] = lambda _: None,
    ) -> SyncReport:
        """Bring the knowledge base in step with the folders that were added: additions, edits, renames, deletions.

        Passages that have not changed keep their vectors. Questions are answered meanwhile, from the old document or
        the new one. The documents of a folder that is not there stay.

        Args:
            progress: told after each file and each batch of passages.
            each: told what became of each file as soon as that is certain.

        Raises:
            StorageError: there is no knowledge base yet, or the disk does not take it.
            KnowledgeBaseError, ModelError: see `add`.
        """
        from assistant.ingest.syncing import Syncer

        store = self._parts.store(create=False)
        syncer = Syncer(store, self._parts.adder)
        reports = []
        for report in syncer.sync(progress):
            reports.append(report)
            each(report)
        self._parts.index.build()
        return SyncReport(tuple(reports), tuple(syncer.kept))

    def folders(self) -> list[str]:
        """The folders that `sync` follows."""
        return self._parts.store(create=False).folders()

    def unfollow(self, folder: str | PathLike[str]) -> bool:
        """Follow a folder no longer; its documents stay. False when it was not followed."""
        return self._parts.store(create=False).unfollow(str(Path(folder).absolute()))

    def search(self, query: str, k: int = _HITS) -> list[Hit]:
        """The `k` best passages for `query`, best first."""
        query = _worded(query)
        return list(self._parts.retriever.search(query, k).hits)

    def ask(
        self, question: str, session: str | None = None, *, cancelled: Cancelled = lambda: False
    ) -> Iterator[AnswerEvent]:
        """Answer `question`; the events come as they become certain, and `AnswerDone` is the last.

        Args:
            question: in any words.
            session: name of a conversation; its earlier turns help to understand this question. None: no memory.
            cancelled: asked between tokens; what was said until then is the answer.

        Raises:
            UsageError: the question is empty.
            StorageError: there is no knowledge base yet.
            ModelError, KnowledgeBaseError: see `assistant.errors`.
        """
        started = time.perf_counter()
        question = _worded(question)
        asked = Question(question, self._sessions.history(session))
        searched = standalone(asked)
        retriever, answerer = self._parts.retriever, self._parts.answerer
        loaded = (time.perf_counter() - started) * 1000
        events = answerer.answer(
            asked, searched, lambda: retriever.search(searched, _HITS), cancelled, started=started, load_ms=loaded
        )
        for event in events:
            if isinstance(event, AnswerDone) and event.answer.status == "answered":
                self._sessions.remember(session, Turn(question, event.answer.text))
            yield event

    def answer(self, question: str, session: str | None = None) -> Answer:
        """The same as `ask`, collected."""
        for event in self.ask(question, session):
            if isinstance(event, AnswerDone):
                return event.answer
        raise RuntimeError("an answer ended without AnswerDone")

    def forget(self, session: str) -> None:
        """Drop a conversation's turns."""
        self._sessions.forget(session)

    def backup(self, path: str | PathLike[str]) -> int:
        """Write the knowledge base into the file `path`, checked, while it may be in use; returns bytes.

        Raises:
            InputError: `path` is something else than a backup, or its folder does not exist.
            StorageError: there is no knowledge base yet, or the disk does not take the backup.
            KnowledgeBaseError: the knowledge base is damaged.
        """
        from assistant.store.backup import back_up

        return back_up(self._parts.store(create=False), Path(path).absolute())

    def restore(self, path: str | PathLike[str]) -> Path | None:
        """Put the backup `path` in place of the knowledge base; returns where a damaged one was moved, else None.

        Raises:
            InputError: there is no such file.
            KnowledgeBaseError: the backup is damaged or newer, or the knowledge base busy.
            StorageError: the disk does not take it.
        """
        from assistant.store.backup import restore

        self._parts.close()
        database = self._parts.settings.database
        database.parent.mkdir(parents=True, exist_ok=True)
        return restore(Path(path).absolute(), database, self._parts.settings.store.busy_timeout_s)

    def documents(self) -> list[DocumentRecord]:
        """What the knowledge base holds."""
        return self._parts.store(create=False).documents()

    def document(self, name: str) -> tuple[DocumentRecord, str] | None:
        """A document's record and stored text, by its name or source; None when there is none."""
        return self._parts.store(create=False).document(name)

    def remove(self, pattern: str) -> list[str]:
        """Remove the documents that `pattern` names (a name, a source or the end of one); returns their names.

        A sync does not bring them back while their files are still there.
        """
        store = self._parts.store(create=False)
        names = [record.name for record in store.find_documents(pattern)]
        for name in names:
            store.remove(name, leave_out=True)
        return names


def _worded(text: str) -> str:
    """`text` as Unicode: half a surrogate pair, which a mis-encoded terminal hands over, becomes a question mark."""
    if not text.strip():
        raise UsageError("The question is empty; put it in quotes behind the command.")
    return text.encode("utf-8", "replace").decode("utf-8")
