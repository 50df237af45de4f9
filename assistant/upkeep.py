"""Looks after a knowledge base: whether it is sound, mending what can be derived, changing its embedder.

Joins the store, the readers and the embedder of one assistant; has no command line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.store.records import Problem

if TYPE_CHECKING:
    from assistant.ingest.changing import ChangeProgress
    from assistant.store.database import Store
    from assistant.store.repair import Salvage
    from assistant.wiring import Parts

_TOGETHER = 500
"""Passages whose words are compared at a time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found."""

    problems: tuple[Problem, ...]
    documents: int
    passages: int

    def to_dict(self) -> dict[str, Any]:
        """The object that `fieldmate verify --json` prints."""
        return {
            "sound": not self.problems,
            "problems": [asdict(problem) for problem in self.problems],
            "documents": self.documents,
            "passages": self.passages,
        }


@dataclass(frozen=True, slots=True)
class Mended:
    """What `repair` did."""

    found: tuple[Problem, ...]
    """What was wrong."""
    left: tuple[Problem, ...]
    """What still is."""
    kept: int
    """Documents that were sound."""
    read_again: tuple[str, ...]
    """Sources of documents that were damaged and have been read from their files again."""
    lost: tuple[str, ...]
    """Sources of documents that were damaged and whose files are not there."""
    unnamed: int
    """Documents of which not even the source could be read."""
    embedded: int
    """Passages that got a new vector."""
    aside: str | None
    """Where the damaged file is now, if something in it could not be copied."""

    def to_dict(self) -> dict[str, Any]:
        """The object that `fieldmate verify --repair --json` prints."""
        return {"sound": not self.left and not self.lost and not self.unnamed, **asdict(self)}


def verify(parts: Parts) -> Verdict:
    """Derive again everything that the knowledge base promises and compare.

    Raises:
        StorageError: there is none.
        KnowledgeBaseError: it cannot be opened.
    """
    store = parts.store(create=False)
    problems = store.check()
    if not problems:
        problems = [*_words(store), *_caches(parts)]
    documents = passages = 0
    if not any(problem.part == "file" for problem in problems):
        numbers = store.statistics()
        documents, passages = numbers.documents, numbers.passages
    return Verdict(tuple(problems), documents, passages)


def repair(parts: Parts, progress: Callable[[ChangeProgress], None] = lambda _: None) -> Mended:
    """Mend what can be derived: copy what is sound, read damaged documents from their files again, embed what has lost
    its vector, make the full-text index and the caches anew.

    Raises:
        StorageError: there is no knowledge base, or the disk does not take it.
        KnowledgeBaseError: nothing in the file can be read any more, or another process writes.
        ModelError: the embedder is missing or damaged.
    """
    from assistant.ingest.changing import EmbedderChange
    from assistant.ingest.storing import search_terms
    from assistant.store.repair import repair as repaired

    found = _found(parts)
    if not found:
        return Mended((), (), parts.store(create=False).statistics().documents, (), (), 0, 0, None)
    if all(problem.part == "index" for problem in found):
        discard_caches(parts)
        build_caches(parts)
        verdict = verify(parts)
        return Mended(found, verdict.problems, verdict.documents, (), (), 0, 0, None)

    def complete(sound: Store, salvage: Salvage) -> Mended:
        embedded = EmbedderChange(sound, parts.embedder).run(progress)
        again = _read_again(parts, sound, salvage.lost)
        lost = tuple(source for source in salvage.lost if source not in again)
        return Mended(found, (), salvage.documents, tuple(again), lost, salvage.unnamed, embedded, None)

    parts.close()
    mended, aside = repaired(
        parts.settings.database,
        lambda passage: search_terms(passage, passage.title),
        complete,
        parts.settings.store.busy_timeout_s,
    )
    discard_caches(parts)
    build_caches(parts)
    return replace(mended, left=verify(parts).problems, aside=None if aside is None else str(aside))


def change_embedder(parts: Parts, progress: Callable[[ChangeProgress], None] = lambda _: None) -> int:
    """Let answers come from the embedder of the settings, once every passage has a vector of it; see
    `assistant.ingest.changing`.

    Returns:
        How many passages were embedded: 0 where nothing was to be done.
    """
    from assistant.ingest.changing import EmbedderChange

    change = EmbedderChange(parts.store(create=False), parts.embedder)
    embedded = change.run(progress) if change.needed else 0
    parts.follow_change()
    return embedded


def build_caches(parts: Parts) -> None:
    """Bring what speeds searches up in step with the knowledge base."""
    parts.index.build()
    parts.lexical.build()


def discard_caches(parts: Parts) -> None:
    """Remove what speeds searches up: it is made anew."""
    folder: Path = parts.settings.index
    for name in ("lexical", "index", "retriever", "answerer"):
        parts.__dict__.pop(name, None)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_file():
            with suppress(OSError):  # What stays is checked before it is used, as ever.
                path.unlink()


def _found(parts: Parts) -> tuple[Problem, ...]:
    from assistant.errors import KnowledgeBaseDamaged

    try:
        return verify(parts).problems
    except KnowledgeBaseDamaged as exc:
        return (Problem("file", str(exc)),)


def _words(store: Store) -> Iterator[Problem]:
    """Whether the full-text rows hold the words of their passages, as they are searched today."""
    from assistant.ingest.storing import search_terms

    ids, wrong = sorted(store.passage_ids()), 0
    for begin in range(0, len(ids), _TOGETHER):
        batch = ids[begin : begin + _TOGETHER]
        held = {id_: (heading, body) for id_, heading, body in store.passage_tokens(batch[0], batch[-1])}
        for id_, passage in store.passage(batch).items():
            heading, body = search_terms(passage, passage.title)
            wrong += held.get(id_) != (heading.split(), body.split())
    if wrong:
        yield Problem("full text", f"The words of {wrong} passages are not stored as they are searched for.")


def _caches(parts: Parts) -> Iterator[Problem]:
    """Whether the files that speed searches up can be used, where there are enough passages for them."""
    for part in (parts.index, parts.lexical):
        part.refresh()
        if part.note:
            yield Problem("index", part.note)


def _read_again(parts: Parts, store: Store, lost: Sequence[str]) -> list[str]:
    """Add the files again whose documents were lost; returns the sources for which that worked."""
    present = [Path(source) for source in lost if Path(source).is_file()]
    # Below the folder that they were added with: so they get the names that citations know.
    folders = [Path(folder) for folder in store.folders()]
    roots = [next((folder for folder in folders if path.is_relative_to(folder)), path) for path in present]
    reports = parts.adder_to(store).add(list(dict.fromkeys(roots)), but=_Others(map(str, present)))
    return [report.source for report in reports if report.outcome != "refused"]


class _Others:
    """Everything but a few sources."""

    def __init__(self, few: Iterable[str]) -> None:
        self._few = frozenset(few)

    def __contains__(self, source: object) -> bool:
        return source not in self._few
