"""Asks the questions, and keeps what the product saw of each with whether its answer was right. A cut run goes on.

The judge of an answer is a rule: right when it cites a document that the set names for the question, and holds its
answer, where that is short, or shares enough words with it, where it is not. The rule is blind to meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from assistant import Assistant
from assistant.types import Answer
from benchmarks.calibrating import asking, groups
from benchmarks.calibrating.keeping import kept
from benchmarks.datasets import Question
from benchmarks.plan import Plan
from benchmarks.quality import bases, metrics

_SHORT = 8
"""Words of an answer that must be in the reply as they stand; of a longer one it is enough to share words."""
_LEAST_SHARED = 0.2
"""Word F1 with a longer answer at which a reply counts as right."""
QUOTED = "quoted"


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was seen of one question, which was answered with whatever was found."""

    documents: str
    questions: str
    id: str
    answerable: bool
    weight: float
    fitted: bool
    """Whether it belongs to the part that is fitted on."""
    wording: str
    signals: dict[str, float]
    answered: bool
    """Whether anything was found to say."""
    right: bool
    embedder: str


def collect(plan: Plan, generator: str, asked_of_generator: int, file: Path) -> Iterator[Row]:
    """The rows in `file`, then those that are still missing, each written as soon as it is there.

    Args:
        plan: where the data and models are.
        generator: what words a sample of the answers; "" for none.
        asked_of_generator: questions of each answerable and each open group that it words.
        file: rows of a run before, or of one that was cut.
    """
    known = {_key(row): row for row in kept(file, Row)}
    with file.open("ab") as out:
        for base in groups.of(plan):
            for wording, questions in _todo(base, plan, generator, asked_of_generator):
                keys = [(base.name, group.name, one.id, wording) for group, one in questions]
                yield from (known[key] for key in keys if key in known)
                left = [item for item, key in zip(questions, keys, strict=True) if key not in known]
                if not left:
                    continue
                with asking.opened(plan, base, _settings(wording)) as (fieldmate, _):
                    for group, question in left:
                        row = _row(fieldmate, base, group, question, wording, plan.seed)
                        out.write(msgspec.json.encode(row) + b"\n")
                        out.flush()
                        yield row


def _settings(wording: str) -> dict[str, str]:
    """Settings of the product with which answers are quoted, or worded by this generator."""
    if wording == QUOTED:
        return {"answering.wording": QUOTED}
    return {"answering.wording": "generated", "generator.id": wording}


def _todo(
    base: groups.Base, plan: Plan, generator: str, asked: int
) -> Iterator[tuple[str, list[tuple[groups.Group, Question]]]]:
    yield QUOTED, [(group, one) for group in base.groups for one in group.questions]
    if generator and asked and base.worded:
        sampled = [group for group in base.groups if group.answerable or group.name == "left open"]
        yield (
            generator,
            [(group, one) for group in sampled for one in bases.some(group.questions, asked, plan.seed)],
        )


def _row(
    fieldmate: Assistant, base: groups.Base, group: groups.Group, question: Question, wording: str, seed: int
) -> Row:
    answer = fieldmate.answer(question.text)
    answered = answer.status == "answered"
    return Row(
        base.name, group.name, question.id, group.answerable, group.weight, groups.is_fitted(question, seed), wording,
        {name: round(value, 5) for name, value in answer.signals.items()}, answered,
        answered and group.answerable and is_right(answer, question), answer.embedder,
    )  # fmt: skip


def is_right(answer: Answer, question: Question) -> bool:
    """Whether `answer` says what is right, as far as words tell."""
    cited = {citation.document for citation in answer.citations}
    relevant = any(_same(name, document) for name in question.relevant for document in cited)
    short = [text for text in question.answers if len(text.split()) <= _SHORT]
    if short and metrics.contains(answer.text, short):
        return relevant or not question.relevant
    long = [text for text in question.answers if len(text.split()) > _SHORT]
    if not question.answers:
        return relevant
    return relevant and metrics.word_f1(answer.text, long) >= _LEAST_SHARED


def _same(name: str, document: str) -> bool:
    return name == document or name == bases.document_of(document) or name.endswith(f"/{document}")


def _key(row: Row) -> tuple[str, str, str, str]:
    return row.documents, row.questions, row.id, row.wording
