"""Conversations with follow-up questions over passages of four kinds."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import msgspec

from benchmarks.datasets import reading
from benchmarks.datasets.reading import Worded
from benchmarks.datasets.values import DataSet, Question
from benchmarks.plan import Plan

_FORMS = {"last turn": "lastturn", "all turns": "questions", "rewritten": "rewrite"}
_QRELS = "mtrag/qrels.tsv"


class _Passage(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    text: Worded = ""


class _Query(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    text: Worded = ""

    def messages(self) -> list[str]:
        """What the user said, oldest first."""
        return [part.strip() for part in self.text.split("|user|:") if part.strip()]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One question at the end of a conversation, in the forms in which it can be asked."""

    id: str
    turns: tuple[str, ...]
    """All messages of the user, oldest first; the last is the question."""
    rewritten: str
    """The last message, worded so that it stands alone."""
    relevant: frozenset[str]


def mtrag(plan: Plan) -> DataSet:
    """1,488 passages; the kind of a question is its form: "last turn", "all turns" or "rewritten"."""
    documents, numbers = _passages(plan)
    relevant = _relevant(plan, numbers)
    places: dict[str, int] = {}
    questions = []
    for kind, name in _FORMS.items():
        file = f"mtrag/queries_{name}.jsonl"
        for query in reading.lines(plan, file, _Query):
            ident = f"mtrag-{places.setdefault(query.id, len(places))}"
            found = frozenset(reading.known(file, query.id, relevant, "question"))
            questions.append(Question(ident, _said(file, query), kind, found))
    return DataSet(documents, tuple(questions))


def conversations(plan: Plan) -> list[Conversation]:
    """Each question with all that the user said before it."""
    _, numbers = _passages(plan)
    relevant = _relevant(plan, numbers)
    rewritten = {query.id: query for query in reading.lines(plan, "mtrag/queries_rewrite.jsonl", _Query)}
    last = [query.id for query in reading.lines(plan, "mtrag/queries_lastturn.jsonl", _Query)]
    places = {ident: number for number, ident in enumerate(dict.fromkeys(last))}
    file = "mtrag/queries_questions.jsonl"
    found = []
    for query in reading.lines(plan, file, _Query):
        _said(file, query)
        alone = reading.known(file, query.id, rewritten, "question")
        number = reading.known(file, query.id, places, "question")
        right = frozenset(reading.known(file, query.id, relevant, "question"))
        found.append(
            Conversation(f"mtrag-{number}", tuple(query.messages()), _said("mtrag/queries_rewrite.jsonl", alone), right)
        )
    return found


def _passages(plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """Texts by our id, and our ids by the set's."""
    file = "mtrag/mini_corpus.jsonl"
    passages = reading.lines(plan, file, _Passage)
    if any(not passage.text for passage in passages):
        raise reading.damaged(file, "a passage has no text")
    numbers = {passage.id: f"passage-{number}" for number, passage in enumerate(passages)}
    return {numbers[passage.id]: passage.text for passage in passages}, numbers


def _relevant(plan: Plan, numbers: dict[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in csv.DictReader(io.StringIO(reading.text(plan, _QRELS)), delimiter="\t"):
        query, passage = line.get("query-id"), line.get("corpus-id")
        if not query or not passage:
            raise reading.damaged(_QRELS, "a line lacks query-id or corpus-id")
        found.setdefault(query, set()).add(reading.known(_QRELS, passage, numbers, "passage"))
    return found


def _said(file: str, query: _Query) -> str:
    """All messages in one line."""
    if not (messages := query.messages()):
        raise reading.damaged(file, "a question says nothing")
    return " ".join(messages)
