"""Rules that judge a reply without any model: whether it refuses, and whether a quotation supports a sentence.

Pure. Rules can be fooled, and the rows say which rule judged: support is a matter of words and numbers, so a sentence
that turns the meaning round with the same words passes, and a true one in other words does not.
"""

from __future__ import annotations

import re
from functools import lru_cache

import snowballstemmer

from benchmarks.quality.metrics import numbers

REFUSAL = "a refusal is a reply whose first two sentences say that it is not known or not in the context"
SUPPORT = "a quote supports a sentence when it holds all its numbers and negations and 3 of 4 of its other words"

_LEAST_HELD = 0.75
_NOT = r"(?:not|n['’]t)(?: actually| \w+ly)?"
_TOLD = (
    r"(?:mention|stat|specif|provid|contain|giv|answer|includ|describ|indicat|say|tell|hold|discuss|address|found|know)"
)
_GIVEN = r"\b(?:context|passages?|texts?|excerpts?|documents?|manuals?|information|question|answer|emails?|details?)\b"
_REFUSAL = re.compile(
    "|".join(
        (
            r"\bi (?:do not|don['’]t) (?:know|have|see|find)\b|^\W*(?:do not|don['’]t) know\b",
            r"\bi (?:cannot|can['’]t|could not|couldn['’]t) (?:answer|find|determine|tell|provide|say|help)\b",
            r"\bi(?: am|['’]m) (?:not sure|sorry|unable|not able)\b|^\W*sorry\b",
            r"\bunable to (?:answer|find|determine|tell)\b",
            rf"{_GIVEN}[^.!?]{{0,60}}\b(?:does|do|did|is|are|was|were|can|has|have) ?{_NOT} (?:be )?{_TOLD}",
            rf"\b(?:is|are|was|were) ?{_NOT} {_TOLD}\w* (?:in|by|within|from) (?:the |this |these |any )?{_GIVEN}",
            r"\bno (?:\w+ )?(?:information|mention|answer|details)\b|\bnot enough (?:information|context|details)\b",
            r"^\W*(?:the answer is |it is |it['’]s )?(?:unknown|not known)\b",
        )
    ),
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NEGATIONS = frozenset("no not never none nothing neither nor without cannot".split())
_EMPTY = frozenset(
    "a an the of to in on at by for from with as and or but if then than that this these those it its is are was were "
    "be been being do does did has have had will would can could may might shall should must you your i we they he she "
    "there here so such also into onto about over under between up down out off when where which who whom what how why "
    "each every any some all both more most other one two yes please only just very".split()
)
_STEMMER = snowballstemmer.stemmer("english")


def sentences(text: str) -> list[str]:
    """The sentences of running text, by their end marks and line breaks."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def refuses(text: str) -> bool:
    """Whether a reply in words says that there is no answer; an empty one does."""
    said = sentences(text)[:2]
    return not said or any(_REFUSAL.search(sentence) for sentence in said)


def supports(quote: str, sentence: str) -> bool:
    """Whether the quotation, with the headings above it, holds what the sentence says."""
    claimed, held = content(sentence), content(quote)
    if not numbers(sentence) <= numbers(quote) or (_negated(sentence) and not _negated(quote)):
        return False
    told = {word for word in claimed if not word.isdigit()}
    return not told or len(told & held) >= _LEAST_HELD * len(told)


def _negated(text: str) -> bool:
    found = (word.lower().replace("’", "'") for word in _WORD.findall(text))
    return any(word in _NEGATIONS or word.endswith("n't") for word in found)


def content(text: str) -> frozenset[str]:
    """The stems of the words that carry the meaning: no articles, pronouns, auxiliaries, conjunctions or negations."""
    lowered = (word.lower() for word in _WORD.findall(text))
    return frozenset(_stem(word) for word in lowered if word not in _EMPTY and word not in _NEGATIONS)


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    stem: str = _STEMMER.stemWord(word)
    return stem
