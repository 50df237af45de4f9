"""Follow-up questions made to stand alone, without a second model pass. Pure.

"and how often?" says too little to search with. What it leaves out was said in the turn before, so the words of that
question are searched as well, with less weight than its own. A question that names its subject itself is left as it
is: words of an older subject would only pull the search back to it.
"""

from __future__ import annotations

import re

from assistant.quantities import identifiers
from assistant.retrieval.terms import terms
from assistant.types import Question

_REFERS_BACK = re.compile(
    r"^\s*(and|but|or|so|then|also|what about|how about|what if)\b"
    r"|\b(it|its|they|them|their|this|that|these|those|ones?|same|another|the (other|first|second|last))\b",
    re.IGNORECASE,
)
_FEW_TERMS = 2
"""A question with at most this many terms of its own is too short to search with alone."""


def subject(question: Question) -> str:
    """What was asked before and is meant again: earlier questions, a line each; "" when the question stands alone.

    Args:
        question: with its history, oldest turn first.
    """
    if not question.history or not _refers_back(question.text, terms(question.text)):
        return ""
    return _subject(question)


def standalone(question: Question) -> str:
    """The question behind its `subject`."""
    return "\n".join(filter(None, (subject(question), question.text)))


def _refers_back(text: str, own: list[str]) -> bool:
    if identifiers(text):
        return False  # "and E08?" names the new subject itself
    return len(set(own)) <= _FEW_TERMS or bool(_REFERS_BACK.search(text))


def _subject(question: Question) -> str:
    """The latest earlier question that does not itself lean on another, with those that lean on it."""
    collected: list[str] = []
    for turn in reversed(question.history):
        collected.insert(0, turn.question)
        if not _refers_back(turn.question, terms(turn.question)):
            break
    return "\n".join(collected[-3:])
