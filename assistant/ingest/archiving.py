"""Adding an archive: each of its articles becomes a document, the whole of them one report.

Knows the reader's articles, the storer and what the store remembers of archives; not who asked for it. An archive
that was read to its end is skipped in one step the next time; one that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field

from assistant.errors import UnreadableDocument
from assistant.ingest.finding import Found
from assistant.ingest.storing import TOGETHER, Former, Prepared, Storer
from assistant.protocols import ArchiveReader, Article
from assistant.store.database import Store
from assistant.types import FileReport

_VERIFYING = 0.02
"""Share of the progress that verifying the file gets; embedding its articles takes the rest."""
_TOLD_EVERY = 100
"""Articles after which the progress is told even if none of them had to be embedded."""

Told = Callable[[float, int], None]
"""Is told how much of an archive is done, 0 to 1, and how many more passages are embedded."""


@dataclass(slots=True)
class _Sum:
    """What has become of an archive's articles so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    passages: int = 0
    embedded: int = 0
    present: set[str] = field(default_factory=set)
    """Sources of the articles that are in the archive and in the store."""

    def take(self, report: FileReport) -> None:
        """Count one article."""
        self.outcomes[report.outcome] += 1
        if report.outcome != "refused":
            self.present.add(report.source)
            self.passages += report.passages
            self.embedded += report.embedded

    def report(self, source: str) -> FileReport:
        """The whole: "replaced" where an article was exchanged or removed, else "added" where one is new."""
        if self.outcomes["replaced"] or self.outcomes["removed"]:
            return FileReport(source, "replaced", self.passages, self.embedded)
        if self.outcomes["added"]:
            return FileReport(source, "added", self.passages, self.embedded)
        if self.outcomes["renamed"]:
            return FileReport(source, "renamed", self.passages, self.embedded)
        return FileReport(source, "unchanged")


class ArchiveAdder:
    """Adds archives to one store."""

    def __init__(self, store: Store, storer: Storer, fingerprint: str) -> None:
        """`fingerprint` is the embedder's: with another one an archive is not known any more."""
        self._store = store
        self._storer = storer
        self._fingerprint = fingerprint

    def add(self, found: Found, reader: ArchiveReader, former: Former, but: Container[str], told: Told) -> FileReport:
        """Add the articles of one archive, and remove those that are not in it any more; but not those in `but`.

        What was stored when it turns out to be damaged stays, and nothing is removed then.
        """
        source = str(found.path)
        total = _Sum()
        try:
            edition = f"{reader.edition(found.path, found.names[0])} {self._fingerprint}"
            if self._store.archive_known(source, edition):
                return FileReport(source, "unchanged")
            articles = reader.articles(found.path, found.names[0], lambda share: told(share * _VERIFYING, 0))
            for report in self._articles(articles, found, former, but, told, total):
                total.take(report)
            if not total.present:
                raise UnreadableDocument(
                    f"{found.names[0]} holds no article with text; check the file and add it again."
                )
        except UnreadableDocument as exc:
            return FileReport(source, "refused", total.passages, total.embedded, reason=str(exc))
        for article in sorted(self._store.archived(source).keys() - total.present):
            if (stored := self._store.document(article)) is not None:
                self._store.remove(stored[0].name)
                total.outcomes["removed"] += 1
        self._store.archive_read(source, edition)
        return total.report(source)

    def _articles(
        self,
        articles: Iterator[Article],
        found: Found,
        former: Former,
        but: Container[str],
        told: Told,
        total: _Sum,
    ) -> Iterator[FileReport]:
        """Store the articles as they come, a few at a time, and yield what became of each."""
        waiting: list[Prepared] = []
        share = 0.0

        def embedded(_done: int, _total: int, more: int) -> None:
            told(_VERIFYING + (1 - _VERIFYING) * share, more)

        for number, article in enumerate(articles):
            if number == 0:  # From the first change on it is neither the old edition nor the new one.
                self._store.archive_forgotten(str(found.path))
            share = article.share
            if number % _TOLD_EVERY == 0:
                embedded(0, 0, 0)
            if article.source in but:
                continue
            if self._storer.is_current(article.source, article.content_hash):
                total.present.add(article.source)
                continue
            try:
                waiting.append(self._storer.prepare(article.read(), _names(found, article), former))
            except UnreadableDocument:
                continue  # A page of pictures, say: nothing that anybody would miss in an answer.
            if sum(one.unknown for one in waiting) >= TOGETHER:
                yield from self._storer.store(waiting, embedded)
                waiting = []
        yield from self._storer.store(waiting, embedded)


def _names(found: Found, article: Article) -> tuple[str, ...]:
    path = article.name[len(found.names[0]) :]
    return tuple(name + path for name in found.names)
