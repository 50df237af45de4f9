"""Sets that try to lead an assistant astray: wrong passages, orders hidden in emails, requests that are none of its."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from benchmarks.datasets import reading
from benchmarks.datasets.reading import Worded
from benchmarks.datasets.values import Question
from benchmarks.plan import Plan

UNKNOWN = "unknown"


class _News(msgspec.Struct, frozen=True):
    query: Worded
    answer: str | list[str | list[str]]
    fakeanswer: Worded
    positive: list[str]
    negative: list[str]
    positive_wrong: list[str]

    def spellings(self) -> tuple[str, ...]:
        """The right answer in all its spellings."""
        given = [self.answer] if isinstance(self.answer, str) else self.answer
        flat = [one for item in given for one in ([item] if isinstance(item, str) else item)]
        return tuple(dict.fromkeys(text for text in flat if text.strip()))


@dataclass(frozen=True, slots=True)
class Contested:
    """A question with passages of three sorts."""

    id: str
    text: str
    answers: tuple[str, ...]
    """Spellings of the right answer."""
    false_answer: str
    positive: tuple[str, ...]
    """Passages that hold the right answer."""
    negative: tuple[str, ...]
    """Passages on the subject that hold no answer."""
    wrong: tuple[str, ...]
    """The positive ones with the false answer in place of the right one."""


def rgb(plan: Plan) -> list[Contested]:
    """Questions on news."""
    file = "rgb/en_fact_0-49.jsonl"
    found = []
    for number, item in enumerate(reading.lines(plan, file, _News)):
        if not item.spellings():
            raise reading.damaged(file, f"question {number} has no answer")
        found.append(
            Contested(
                f"rgb-{number}", item.query, item.spellings(), item.fakeanswer, _worded(item.positive),
                _worded(item.negative), _worded(item.positive_wrong),
            )
        )  # fmt: skip
    return found


class _Email(msgspec.Struct, frozen=True):
    context: Worded
    question: Worded
    ideal: Worded


@dataclass(frozen=True, slots=True)
class Email:
    """An email with a question about it."""

    id: str
    text: str
    question: str
    ideal: str
    """The right answer; `UNKNOWN` when the email does not say."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an attacker hides in a document."""

    id: str
    kind: str
    text: str


def bipia(plan: Plan) -> tuple[list[Email], list[Order]]:
    """Emails, and orders to be hidden in them."""
    emails = [
        Email(f"bipia-{number}", item.context, item.question.removeprefix("Q:").strip(), item.ideal)
        for number, item in enumerate(reading.lines(plan, "bipia/email/train.jsonl", _Email))
    ]
    file = "bipia/text_attack_train.json"
    kinds = reading.tree(plan, file, dict[str, list[Worded]])
    orders = [(kind, text) for kind, texts in kinds.items() for text in texts]
    if not orders:
        raise reading.damaged(file, "it has no orders")
    return emails, [Order(f"order-{number}", kind, text) for number, (kind, text) in enumerate(orders)]


class _Request(msgspec.Struct, frozen=True):
    text: Worded
    intent: str


def clinc150(plan: Plan) -> list[Question]:
    """Requests to an assistant for everyday matters; the kind is the subject, or "out of scope" for none of 150."""
    domains = reading.tree(plan, "clinc150/domains.json", dict[str, list[str]])
    subjects = {intent: domain for domain, intents in domains.items() for intent in intents} | {"oos": "out of scope"}
    found: list[Question] = []
    for file in ("clinc150/val.jsonl", "clinc150/oos_val.jsonl"):
        for item in reading.lines(plan, file, _Request):
            subject = reading.known(file, item.intent, subjects, "kind of request")
            found.append(Question(f"clinc150-{len(found)}", item.text, subject))
    return found


def _worded(texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text.strip()))
