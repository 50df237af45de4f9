"""The facade: what a command, a server, a voice loop, a benchmark or somebody's own script stands on.

It joins the parts that `assistant.wiring` makes; it has no logic about answering of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from assistant.dialogue.sessions import Sessions
from assistant.errors import InputError, UsageError
from assistant.protocols import Cancelled
from assistant.settings import Settings
from assistant.types import (
    AddReport,
    Answer,
    AnswerDone,
    AnswerEvent,
    FileReport,
    Hit,
    Question,
    Scope,
    StateUsage,
    SyncReport,
    Turn,
    Warming,
)

if TYPE_CHECKING:
    from assistant.artifacts.progress import Report
    from assistant.bundles.keys import PrivateKey
    from assistant.bundles.manifest import Manifest
    from assistant.bundles.updating import Updater, UpdateReport
    from assistant.ingest.adding import AddProgress
    from assistant.ingest.changing import ChangeProgress
    from assistant.store.bundles import Installed
    from assistant.store.database import Store
    from assistant.store.records import DocumentRecord
    from assistant.store.vectors import Ids
    from assistant.upkeep import Mended, Verdict
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

    def begin_loading(self, question: str = "") -> None:
        """Begin to load the generator beside what is done next: in front of a single question, its search.

        Does nothing where `question` (empty: any) can be seen not to need it. What is wrong with the generator is said
        when a question needs it.
        """
        self._parts.load_ahead(question)

    def load(self) -> None:
        """Load all that a question may need: the first one is answered as fast as the tenth afterwards.

        Takes about as long as a first question, and the memory that questions need. A process that is asked once does
        better with `begin_loading`.

        Raises:
            StorageError: there is no knowledge base yet.
            ModelError, KnowledgeBaseError: see `assistant.errors`.
        """
        self._parts.load()

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
        tags: Iterable[str] = (),
        on: str | None = None,
        progress: Callable[[AddProgress], None] = lambda _: None,
        changing: Callable[[ChangeProgress], None] = lambda _: None,
        each: Callable[[FileReport], None] = lambda _: None,
    ) -> AddReport:
        """Add files and the readable files below folders; what is unchanged since the last time is skipped.

        Folders are followed from then on: see `sync`. A file that was removed from a folder by `remove` comes back only
        when it is named itself. Where another embedder has been chosen, what is there is embedded anew first; until
        that is done answers come from the former one.

        Args:
            paths: files and folders.
            tags: words to sort them under, and whatever comes into the folders later.
            on: address of a Ray cluster that reads, splits and embeds: "auto", "local" or "host:port"; see
                docs/ray.md. None: this process does.
            progress: told after each file and each batch of passages.
            changing: told after each batch of passages that is embedded anew for another embedder.
            each: told what became of each file as soon as that is certain: it is on disk then.

        Raises:
            StorageError: the data folder or disk does not take it. What was reported before is stored.
            KnowledgeBaseError: the knowledge base is busy or damaged.
            ModelError: the embedder is missing or damaged.
            InputError: the cluster cannot be used, or cannot go on. What was reported before is stored.
        """
        from assistant.store.tags import is_below
        from assistant.upkeep import build_caches, change_embedder

        places = [Path(path).absolute() for path in paths]
        store = self._parts.store(create=True)
        with ExitStack() as stack:
            adder = self._parts.adder if on is None else stack.enter_context(self._parts.adder_on(on))
            change_embedder(self._parts, changing)
            if tags := tuple(tags):
                for place in places:
                    store.tag(str(place), tags)
            left_out = store.left_out()
            named = {str(place) for place in places}
            files = [str(place) for place in places if not place.is_dir()]
            # An archive that is named brings back its articles too.
            if back := {one for one in left_out if one in named or any(is_below(one, file) for file in files)}:
                store.take_back(sorted(back))
            for place in places:
                if place.is_dir() and str(place) not in store.folders():
                    store.follow(str(place))
            reports = []
            for report in adder.add(places, progress, but=left_out - back):
                reports.append(report)
                each(report)
        self._parts.done_adding()
        build_caches(self._parts)
        return AddReport(tuple(reports))

    def sync(
        self,
        *,
        progress: Callable[[AddProgress], None] = lambda _: None,
        changing: Callable[[ChangeProgress], None] = lambda _: None,
        each: Callable[[FileReport], None] = lambda _: None,
    ) -> SyncReport:
        """Bring the knowledge base in step with the folders that were added: additions, edits, renames, deletions.

        Passages that have not changed keep their vectors. Questions are answered meanwhile, from the old document or
        the new one. The documents of a folder that is not there stay. Where another embedder has been chosen, what is
        there is embedded anew first; until that is done answers come from the former one.

        Args:
            progress: told after each file and each batch of passages.
            changing: told after each batch of passages that is embedded anew for another embedder.
            each: told what became of each file as soon as that is certain.

        Raises:
            StorageError: there is no knowledge base yet, or the disk does not take it.
            KnowledgeBaseError, ModelError: see `add`.
        """
        from assistant.ingest.syncing import Syncer
        from assistant.upkeep import build_caches, change_embedder

        store = self._parts.store(create=False)
        change_embedder(self._parts, changing)
        syncer = Syncer(store, self._parts.adder)
        reports = []
        for report in syncer.sync(progress):
            reports.append(report)
            each(report)
        self._parts.done_adding()
        build_caches(self._parts)
        return SyncReport(tuple(reports), tuple(syncer.kept))

    def folders(self) -> list[str]:
        """The folders that `sync` follows."""
        return self._parts.store(create=False).folders()

    def unfollow(self, folder: str | PathLike[str]) -> bool:
        """Follow a folder no longer; its documents stay. False when it was not followed."""
        return self._parts.store(create=False).unfollow(str(Path(folder).absolute()))

    def tag(self, path: str | PathLike[str], tags: Iterable[str]) -> None:
        """Sort a document, or all that is and will be in a folder, under these words.

        Raises:
            InputError: nothing of that name or path is stored or followed.
        """
        store = self._parts.store(create=False)
        for place in _places(store, path):
            store.tag(place, tuple(tags))

    def untag(self, path: str | PathLike[str], tags: Iterable[str]) -> int:
        """Take these words from a document or folder; returns how many it had itself.

        Raises:
            InputError: nothing of that name or path is stored or followed.
        """
        store, words = self._parts.store(create=False), tuple(tags)
        return sum(store.untag(place, words) for place in _places(store, path))

    def search(self, query: str, k: int = _HITS, scope: Scope | None = None) -> list[Hit]:
        """The `k` best passages for `query`, best first; only of the documents within `scope`.

        Raises:
            InputError: the scope names a document, a language or a tag that there is none of.
        """
        query = _worded(query)
        self._parts.follow_change()
        return list(self._parts.retriever.search(query, k, self._allowed(scope)).hits)

    def _allowed(self, scope: Scope | None) -> Ids | None:
        return self._parts.store(create=False).ids_within(scope) if scope else None

    @property
    def notice(self) -> str:
        """A sentence while answers come from another embedder than the chosen one; else empty."""
        if not self._parts.settings.database.exists():
            return ""
        former, chosen = self._parts.store(create=False).live, self._parts.chosen
        if former in (None, chosen):
            return ""
        return (
            f"Answers come from the embedder {former.rpartition(':')[0]} until `fieldmate sync` has made the change to "
            f"{chosen.rpartition(':')[0]}."
        )

    def verify(self) -> Verdict:
        """Derive again everything that the knowledge base promises, and compare; see `assistant.upkeep`."""
        from assistant.upkeep import verify

        return verify(self._parts)

    def repair(self, progress: Callable[[ChangeProgress], None] = lambda _: None) -> Mended:
        """Mend what can be derived; see `assistant.upkeep`."""
        from assistant.upkeep import repair

        return repair(self._parts, progress)

    def ask(
        self,
        question: str,
        session: str | None = None,
        *,
        scope: Scope | None = None,
        cancelled: Cancelled = lambda: False,
    ) -> Iterator[AnswerEvent]:
        """Answer `question`; the events come as they become certain, and `AnswerDone` is the last.

        Args:
            question: in any words.
            session: name of a conversation; its earlier turns help to understand this question. None: no memory.
            scope: answer from these documents only.
            cancelled: asked between tokens; what was said until then is the answer.

        Raises:
            UsageError: the question is empty.
            StorageError: there is no knowledge base yet.
            ModelError, KnowledgeBaseError: see `assistant.errors`.
        """
        from assistant.retrieval.followup import standalone, subject

        started = time.perf_counter()
        question = _worded(question)
        asked = Question(question, self._sessions.history(session))
        searched = standalone(asked)
        self._parts.follow_change()
        allowed = self._allowed(scope)
        retriever, answerer = self._parts.retriever, self._parts.answerer
        loaded = (time.perf_counter() - started) * 1000
        events = answerer.answer(
            asked,
            searched,
            lambda: retriever.search(question, _HITS, allowed, subject(asked)),
            cancelled,
            started=started,
            load_ms=loaded,
        )
        for event in events:
            if isinstance(event, AnswerDone) and event.answer.status == "answered":
                self._sessions.remember(session, Turn(question, event.answer.text))
            yield event

    def answer(self, question: str, session: str | None = None, *, scope: Scope | None = None) -> Answer:
        """The same as `ask`, collected."""
        for event in self.ask(question, session, scope=scope):
            if isinstance(event, AnswerDone):
                return event.answer
        raise RuntimeError("an answer ended without AnswerDone")

    def prepare(
        self,
        question: str,
        session: str | None = None,
        *,
        scope: Scope | None = None,
        cancelled: Cancelled = lambda: False,
    ) -> None:
        """Do ahead what an answer to `question`, perhaps unfinished, will need: the search, and states of passages.

        An empty question needs nothing. Remembers nothing but what makes the answer come sooner.

        Raises:
            StorageError, ModelError, KnowledgeBaseError, InputError: as `ask` would.
        """
        try:
            question = _worded(question)
        except UsageError:
            return
        from assistant.retrieval.followup import standalone, subject

        asked = Question(question, self._sessions.history(session))
        self._parts.follow_change()
        allowed = self._allowed(scope)
        retriever = self._parts.retriever
        self._parts.answerer.prepare(
            asked,
            standalone(asked),
            lambda: retriever.search(question, _HITS, allowed, subject(asked)),
            cancelled,
        )

    def warming(self, cancelled: Cancelled = lambda: False, *, scope: Scope | None = None) -> Iterator[Warming]:
        """Compute and keep the states of passages that have none, one a step; most asked and newest first.

        Ends when all have one, when there is no room for less useful ones, or soon after `cancelled()` is true. Without
        a step where the generator is never given whole passages: it words facts from some sentences, and explanations
        only with the setting `answering.wording = "generated"`.

        Raises:
            UsageError: the generator or the settings keep no states; at the first step.
            ModelError: the generator is missing or damaged.
            InputError: the scope names a document, a language or a tag that there is none of.
        """
        from assistant.warming import warming

        yield from warming(self._parts, self._allowed(scope), cancelled)

    def states(self) -> StateUsage | None:
        """What the store of passage states holds; None where the settings or the disk give it no room."""
        store = self._parts.states
        if store is None:
            return None
        usage = store.usage()
        return StateUsage(usage.count, usage.bytes, usage.budget, store.note)

    def clear_states(self) -> StateUsage | None:
        """Delete all kept states of passages; returns what they took, None where the store has no room."""
        before = self.states()
        if self._parts.states is not None:
            self._parts.states.clear()
        return before

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

    def bundle(
        self,
        path: str | PathLike[str],
        key: PrivateKey,
        *,
        name: str | None = None,
        version: int | None = None,
        since: str | PathLike[str] | None = None,
    ) -> Manifest:
        """Publish the knowledge base as the signed bundle `path`; see `assistant.bundles.publishing.publish`."""
        from assistant.bundles.publishing import publish

        return publish(
            self._parts.store(create=False),
            self._bundles,
            Path(path).absolute(),
            key,
            name=name,
            version=version,
            since=Path(since).absolute() if since is not None else None,
            patience_s=self._parts.settings.store.busy_timeout_s,
        )

    def update(
        self,
        source: str | PathLike[str],
        *,
        allow_older: bool = False,
        new_signer: bool = False,
        report: Report | None = None,
    ) -> UpdateReport:
        """Take over a bundle from a file or an http address; see `assistant.bundles.updating.Updater.update`."""
        done = self._updater(create=True, report=report).update(
            fspath(source), allow_older=allow_older, new_signer=new_signer
        )
        self._build_index()
        return done

    def roll_back(self, name: str | None = None) -> UpdateReport:
        """Return to the version before, of the one bundle that is installed, or of that called `name`."""
        done = self._updater(create=False).roll_back(name)
        self._build_index()
        return done

    def remove_bundle(self, name: str | None = None) -> UpdateReport:
        """Remove a bundle with its documents."""
        return self._updater(create=False).remove(name)

    def bundles(self) -> list[Installed]:
        """The bundles that are installed."""
        from assistant.store.bundles import installed

        return installed(self._parts.store(create=False)) if self._parts.settings.database.exists() else []

    def _updater(self, *, create: bool, report: Report | None = None) -> Updater:
        from assistant.artifacts.progress import Report
        from assistant.bundles.updating import Updater

        parts, patience = self._parts, self._parts.settings.store.busy_timeout_s
        return Updater(
            lambda: parts.store(create=create),
            self._bundles,
            lambda: parts.embedder.fingerprint,
            report or Report(),
            patience,
        )

    def _build_index(self) -> None:
        from assistant.store.lexical_index import BUILD_FROM
        from assistant.upkeep import build_caches

        # Only where they are used: a device with a small bundle need not load its embedder to take it.
        if self._parts.store(create=False).passage_count >= min(BUILD_FROM, self._parts.settings.retrieval.exact_below):
            build_caches(self._parts)

    @property
    def _bundles(self) -> Path:
        return self._parts.settings.home / "bundles"

    def documents(self) -> list[DocumentRecord]:
        """What the knowledge base holds."""
        return self._parts.store(create=False).documents()

    def document(self, name: str) -> tuple[DocumentRecord, str] | None:
        """A document's record and stored text, by its name or source; None when there is none."""
        return self._parts.store(create=False).document(name)

    def remove(self, pattern: str) -> list[str]:
        """Remove the documents that `pattern` names (a name, a source or the end of one); returns their names.

        An archive goes as a whole, in one step. A sync does not bring back what is still there as a file.
        """
        store = self._parts.store(create=False)
        names = [record.name for record in store.find_documents(pattern)]
        for name in names:
            store.remove(name, leave_out=True)
        if names:
            return names
        ending = f"/{pattern.lstrip('/')}"
        archives = sorted({one.archive for one in store.documents() if one.archive and one.archive.endswith(ending)})
        for archive in archives:
            store.remove_archive(archive, leave_out=True)
        return archives


def _places(store: Store, path: str | PathLike[str]) -> list[str]:
    """The folder of that path, or the sources of the documents of that name.

    Raises:
        InputError: there is nothing of the kind.
    """
    from assistant.store.tags import is_below

    folder = str(Path(path).absolute())
    if any(is_below(one, folder) for one in store.folders()):
        return [folder]
    found = [record.source for record in store.find_documents(fspath(path))]
    if not found:
        found = [folder] if any(is_below(record.source, folder) for record in store.documents()) else []
    if not found:
        raise InputError(f"There is no document or folder {path}; list the documents to see their names.")
    return found


def _worded(text: str) -> str:
    """`text` as documents are read: without what nobody sees; half a surrogate pair becomes a question mark."""
    from assistant.ingest.cleaning import clean

    text = clean(text.encode("utf-8", "replace").decode("utf-8"))
    if not text.strip():
        raise UsageError("The question is empty; put it in quotes behind the command.")
    return text
