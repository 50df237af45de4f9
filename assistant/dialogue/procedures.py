"""Procedures: the numbered steps of a manual, given whole and in order instead of being retold. Pure.

A model of this size leaves steps out and joins what belongs apart; a technician follows what is on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from assistant.retrieval.terms import terms
from assistant.types import Evidence, Passage

_ASKS_HOW = re.compile(
    r"^\W*(and\s+|so\s+)?(please\s+|can you\s+|could you\s+)?((tell|show|explain)\s+(me\s+)?)?"
    r"how\s+(do|can|to|should|would|must)\b|\b(steps|procedure|instructions|step by step)\b|"
    r"^\W*wie\s+(kann|muss|soll|sollte|\w+[et])\s+(ich|man|wir)\b|\b(schritte|anleitung|schritt für schritt)\b|"
    r"^\W*c[oó]mo\s+(se|puedo|debo|debe|hay que|\w{3,}o)\b|\b(pasos|procedimiento|instrucciones|paso a paso)\b",
    re.IGNORECASE,
)
_STEP = re.compile(r"^(\d{1,2})[.)]\s+\S.*$", re.MULTILINE)
SIGNAL_WORDS = (
    "warning|caution|danger|attention|achtung|warnung|vorsicht|gefahr|advertencia|precaución|peligro|atención|"
    "avertissement|attenzione|avvertenza|pericolo"
)
"""What warnings begin with after ISO 3864-2 and ANSI Z535.6, and the translations; a pattern."""
_WARNING = re.compile(rf"^({SIGNAL_WORDS})\b.*$", re.MULTILINE | re.IGNORECASE)
_FEWEST_STEPS = 3
_LEAST_COVERED = 0.6
"""Share of the question's terms, by weight, that headings and steps must hold."""
_LEAST_NAMED = 0.3
"""Share that the headings alone must hold: a procedure is named by them, and its steps mention many things."""


def asks_how(question: str) -> bool:
    """Whether `question` asks for a way to do something."""
    return bool(_ASKS_HOW.search(question))


def best_steps(sections: Iterable[Passage], weights: Mapping[str, float]) -> Evidence | None:
    """The steps of the section that is named most like the question, the first of equals; see `steps`.

    The best passage may be a table of contents, whose numbered lines mention the procedure and are none.
    """
    found = [(evidence, _named(section, weights)) for section in sections if (evidence := steps(section, weights))]
    return max(found, key=lambda one: one[1], default=(None, 0.0))[0]


def _named(section: Passage, weights: Mapping[str, float]) -> float:
    """Weight of the question's terms that the section's own heading holds."""
    heading = frozenset(terms(section.section))
    return sum(weight for term, weight in weights.items() if term in heading)


def steps(section: Passage, weights: Mapping[str, float]) -> Evidence | None:
    """The numbered steps of `section`, with the warnings in front of them, as they stand there.

    Args:
        section: a whole section; the steps of half of one would leave out the rest without saying so.
        weights: the question's terms with their inverse document frequencies.

    Returns:
        None when it holds no procedure, or one that is named unlike the question.
    """
    span = _procedure(section.text)
    total = sum(weights.values())
    if span is None or total <= 0:
        return None
    headings = frozenset(terms(" \n ".join((section.title, *section.heading_path))))
    inside = headings | frozenset(terms(section.text))
    named, covered = (
        sum(weight for term, weight in weights.items() if term in held) / total for held in (headings, inside)
    )
    if named < _LEAST_NAMED or covered < _LEAST_COVERED:
        return None
    return Evidence(section, section.start + span[0], section.start + span[1], min(1.0, covered))


def _procedure(text: str) -> tuple[int, int] | None:
    """Where the steps of `text` begin and end, when it has one procedure that begins with its first step."""
    found = list(_STEP.finditer(text))
    numbers = [int(match.group(1)) for match in found]
    if len(found) < _FEWEST_STEPS or numbers != list(range(1, len(found) + 1)):
        return None
    warning = _WARNING.search(text, 0, found[0].start())
    return (warning or found[0]).start(), found[-1].end()
