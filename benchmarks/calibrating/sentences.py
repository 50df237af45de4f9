"""The sentences that are read for questions that want an explanation, with whether each belongs to the right answer.

Search, reading and features are the product's own. The judge is a rule: a sentence belongs when most of its pairs of
neighbouring words stand in a right answer. The rule is blind to meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assistant.answering.quoting import wants_explanation
from assistant.answering.reading import read
from assistant.answering.stretch import features
from benchmarks.calibrating import asking, groups
from benchmarks.calibrating.keeping import kept
from benchmarks.datasets import Question
from benchmarks.plan import Plan
from benchmarks.quality import metrics

if TYPE_CHECKING:
    from assistant.wiring import Parts

_LEAST_SHARED = 0.6
"""Share of a sentence's pairs of words that a right answer must hold."""


class Sentences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was read for one question."""

    documents: str
    id: str
    explains: bool
    """Whether the question wants an explanation; without, what follows is empty."""
    features: list[dict[str, float]]
    belongs: list[bool]
    embedder: str


def collect(plan: Plan, file: Path) -> Iterator[Sentences]:
    """What is in `file`, then what is still missing, each question written as soon as it is read.

    Args:
        plan: where the data and models are.
        file: rows of a run before, or of one that was cut.
    """
    known = {(one.documents, one.id): one for one in kept(file, Sentences)}
    with file.open("ab") as out:
        for base in groups.of(plan):
            questions = [one for one in base.read if groups.is_fitted(one, plan.seed)]
            yield from (known[base.name, one.id] for one in questions if (base.name, one.id) in known)
            left = [one for one in questions if (base.name, one.id) not in known]
            if not left:
                continue
            with asking.opened(plan, base, {}) as (_, parts):
                for question in left:
                    found = _read(parts, base.name, question)
                    out.write(msgspec.json.encode(found) + b"\n")
                    out.flush()
                    yield found


def _read(parts: Parts, documents: str, question: Question) -> Sentences:
    count, retriever = parts.settings.answering.passages, parts.retriever
    found = retriever.search(question.text, count)
    passages = [hit.passage for hit in found.hits[:count]]
    sentences = read(found.text, found.weights, passages, retriever.similarities)
    explains = wants_explanation(found.text, sentences)
    seen = features(sentences) if explains else []
    return Sentences(
        documents,
        question.id,
        explains,
        [{name: round(value, 5) for name, value in one.items()} for one in seen],
        [belongs(one.text, question.answers) for one in sentences] if explains else [],
        parts.serving.fingerprint,
    )


def belongs(sentence: str, answers: Sequence[str]) -> bool:
    """Whether `sentence` is part of one of the right answers, as far as words tell."""
    said = metrics.words(sentence)
    pairs = list(pairwise(said))
    if not pairs:
        return any(set(said) & set(metrics.words(answer)) for answer in answers)
    right = [set(pairwise(metrics.words(answer))) for answer in answers]
    return any(sum(pair in held for pair in pairs) >= _LEAST_SHARED * len(pairs) for held in right)
