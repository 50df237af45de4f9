"""Whether what is cited holds what is said, and whether it is the right place. Knows replies; runs nothing.

A baseline is taken to cite what it was given: the naive pipeline its three passages, the best passage itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.datasets import Question
from benchmarks.quality import bases, judges, metrics
from benchmarks.quality.pipelines import Reply, Source
from benchmarks.quality.scoring import Asked, Sheet
from benchmarks.rows import Measurement


def scores(sheet: Sheet, asked: Sequence[Asked]) -> Iterator[Measurement]:
    """Precision and recall of citations.

    Support and verbatim quotation are looked at in every reply that says something; the right place, where the set
    names one.
    """
    keys = [item.question.id for item in asked]
    answered = [item.reply for item in asked]
    yield from sheet.mean(
        "citation supports", keys, [supported(reply) for reply in answered], detail={"judge": judges.SUPPORT}
    )
    yield from sheet.mean("citation verbatim", keys, [verbatim(reply) for reply in answered])
    placed = [item for item in asked if item.question.relevant]
    keys = [item.question.id for item in placed]
    yield from sheet.mean("citation in right place", keys, [precision(item) for item in placed])
    yield from sheet.mean(
        "right place cited", keys, [recall(item) for item in placed],
        detail={"measured": "of all questions that can be answered; a refusal cites nothing"},
    )  # fmt: skip
    told = [item for item in placed if not item.reply.refused]
    yield from sheet.mean("right place cited, if answered", [one.question.id for one in told], [*map(recall, told)])


def supported(reply: Reply) -> float | None:
    """Share of the sentences that a source of theirs supports; None when nothing is said."""
    if not reply.sentences:
        return None
    held = [any(judges.supports(source.read(), text) for source in sources) for text, sources in reply.sentences]
    return sum(held) / len(held)


def verbatim(reply: Reply) -> float | None:
    """Share of the sources that stand in their document as they are quoted; None where nothing is quoted."""
    quoted = [source.verbatim for source in reply.sources if source.verbatim is not None]
    return sum(quoted) / len(quoted) if quoted else None


def precision(item: Asked) -> float | None:
    """Share of the sources that point to where the answer stands; None without any."""
    sources = item.reply.sources
    return sum(right_place(item.question, source) for source in sources) / len(sources) if sources else None


def recall(item: Asked) -> float:
    """1 if a source points to where the answer stands, else 0."""
    return float(any(right_place(item.question, source) for source in item.reply.sources))


def right_place(question: Question, source: Source) -> bool:
    """Whether the source is in a relevant document and, where the set names them, in the section or on the page."""
    if not {source.document, bases.document_of(source.document)} & question.relevant:
        return False
    if not question.section:
        return True
    named = metrics.words(question.section)
    same_page = question.page is not None and source.page == question.page
    return same_page or named in [metrics.words(line) for line in source.section.splitlines()]
