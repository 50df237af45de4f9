"""Words that were mistyped or misheard, mended with the words of the knowledge base. Pure.

A word is mended only when it stands in no passage and one that does is a slip or two away. What counts as a slip is
weighed: a neighbouring key, two letters in the wrong order and letters that sound alike cost less than other changes.
Whether a word is a common one, which was meant as it stands, is for the caller to say. Codes and numbers are never
mended: E08 is no misspelt E07.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from assistant.quantities import fold
from assistant.retrieval.terms import STOP_WORDS, term

_SHORTEST = 4
"""Letters from which on a word is mended; below, almost any two words are one slip apart."""
_LONGEST = 30
_LONG = 8
"""Letters from which on a word may hold two slips."""
_ONE_SLIP, _TWO_SLIPS = 1.0, 1.8
"""Most that the slips of a short and of a long word may cost (synthetic errors of NoiseQA, see benchmarks/LOG.md)."""
_STOP_FREQUENCY = 1000
"""Passages that a function word counts as standing in; it is in none of the lists."""
_NEAR_KEY, _ALIKE, _SWAPPED, _DOUBLED, _FIRST = 0.7, 0.7, 0.8, 0.5, 0.3
"""Cost of a slip, 1 being any other change; `_FIRST` comes on top in the first letter, which is seldom wrong."""
_COMMON = 0.1
"""What ten times as many passages with a word make up for."""
_CANDIDATES = 60
_SHARED = 6
"""Most marks of pairs of letters in which two words differ for each slip: the pairs before and behind it, in both."""

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SOUNDS = ("aeiouy", "ckqsxz", "dt", "bp", "fv", "mn", "gj", "lr", "sz", "iy", "uw", "vw")
_ENDINGS = ("ing", "ings", "ed", "es", "s", "ies", "ly", "er", "ers", "ion", "ions", "ation", "ment", "ments", "able")
_CUT_OFF = ("ings", "ing", "ed", "s")
_SHORT_STOP_WORDS = sorted(one for one in STOP_WORDS if len(one) == _SHORTEST - 1)
_WORD = re.compile(r"[^\W\d_]+")
_COUNTS = np.array([number.bit_count() for number in range(1 << 16)], dtype=np.uint8)

Signatures = npt.NDArray[np.uint64]


def _near() -> frozenset[str]:
    """Pairs of letters that lie side by side on a keyboard, or one above the other."""
    found = set()
    for number, row in enumerate(_ROWS):
        for place, key in enumerate(row):
            around = [row[place + 1 : place + 2]]
            if number + 1 < len(_ROWS):
                around += [_ROWS[number + 1][place : place + 1], _ROWS[number + 1][max(0, place - 1) : place]]
            found |= {key + other for other in around if other}
    return frozenset(found | {pair[::-1] for pair in found})


_KEYS = _near()
_SAME_SOUND = frozenset(a + b for sound in _SOUNDS for a in sound for b in sound if a != b)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a question: `text[start:end]`."""

    text: str
    start: int
    end: int
    term: str


class Vocabulary:
    """The words that can be meant."""

    def __init__(self, terms: Iterable[str]) -> None:
        """`terms`: those of the passages; what is no word is left out."""
        self._known = frozenset(one for one in terms if _SHORTEST - 1 <= len(one) <= _LONGEST and one.isalpha())
        longer = {one for one in STOP_WORDS if len(one) >= _SHORTEST}
        listed = sorted(self._known | longer, key=lambda one: (len(one), one))
        self._words = listed
        self._lengths = np.array([len(one) for one in listed], dtype=np.int32)
        self._signatures = np.array([_signature(one) for one in listed], dtype=np.uint64)

    def __contains__(self, one: str) -> bool:
        return one in self._known

    def near(self, word: str, most: float) -> list[tuple[float, str]]:
        """Words that slips of at most this cost lead to: (cost, word), the cheapest first."""
        slips = math.ceil(most)
        first, behind = np.searchsorted(self._lengths, [len(word) - slips, len(word) + slips + 1]).tolist()
        differ = self._signatures[first:behind] ^ np.uint64(_signature(word))
        apart = _COUNTS[differ.view(np.uint16).reshape(-1, 4)].sum(axis=1)
        places = np.flatnonzero(apart <= _SHARED * slips)
        if len(places) > _CANDIDATES:
            places = places[np.argsort(apart[places], kind="stable")[:_CANDIDATES]]
        found = [
            (cost(word, self._words[first + place], most), self._words[first + place]) for place in places.tolist()
        ]
        return sorted(one for one in found if one[0] <= most)


def words(text: str) -> Iterator[Word]:
    """The words of letters alone in `text` that say something about the subject."""
    for match in _WORD.finditer(text):
        around = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
        if any(character.isdigit() or character in "-_/" for character in around):
            continue  # a part of a code or compound
        meant = term(match.group())
        if meant:
            yield Word(match.group(), match.start(), match.end(), meant)


def candidates(word: Word, vocabulary: Vocabulary) -> list[tuple[float, str]]:
    """Terms that may have been meant by a word that stands nowhere: (cost, term), the cheapest first."""
    folded = fold(word.text)
    if len(folded) == _SHORTEST - 1:  # "tje" can only have been "the"
        return [(_NEAR_KEY, one) for one in _SHORT_STOP_WORDS if cost(folded, one, _SWAPPED) <= _SWAPPED][:1]
    if not _SHORTEST <= len(folded) <= _LONGEST:
        return []
    most = _TWO_SLIPS if len(folded) >= _LONG else _ONE_SLIP
    found = vocabulary.near(word.term, most + _FIRST)
    for other in _without_endings(folded) - {word.term}:
        found += vocabulary.near(other, most)
    found += [(_ONE_SLIP, mended) for ending in _mended_endings(folded) if (mended := term(ending)) in vocabulary]
    return sorted(one for one in found if one[0] <= _SWAPPED or one[1] not in STOP_WORDS)  # a hose is not "those"


def best(found: Sequence[tuple[float, str]], frequency: Mapping[str, int]) -> str | None:
    """The candidate that is meant most likely: few slips, and a word of many passages."""
    rated = [
        (price - _COMMON * math.log10(frequency.get(one, 0) if one not in STOP_WORDS else _STOP_FREQUENCY), one)
        for price, one in found
        if frequency.get(one) or one in STOP_WORDS
    ]
    return min(rated)[1] if rated else None


def _without_endings(word: str) -> set[str]:
    """The word with and without an ending that the stemmer leaves on an unknown word: "scrwes" gives "scrwe" too."""
    longest = next((ending for ending in _CUT_OFF if word.endswith(ending) and len(word) > len(ending) + 2), "")
    return {word, word.removesuffix(longest)}


def _mended_endings(word: str) -> Iterator[str]:
    """The word with an ending that it misses by one letter: "proceedinhs" gives "proceedings"."""
    for ending in _ENDINGS:
        tail = word[-len(ending) :]
        if len(word) > len(ending) + 2 and sum(a != b for a, b in zip(tail, ending, strict=True)) == 1:
            yield word[: -len(ending)] + ending


def _signature(word: str) -> int:
    """A bit for each pair of neighbouring letters, edges included; of 64, so that pairs may share one."""
    edged = f" {word} "
    bits = 0
    for a, b in pairwise(edged):
        bits |= 1 << ((ord(a) * 31 + ord(b) * 17) % 64)
    return bits


def cost(typed: str, meant: str, most: float) -> float:
    """What the slips between two words cost together; infinite as soon as it is clear that it is more than `most`."""
    before: list[float] = []
    row = [0.0]
    for place in range(1, len(meant) + 1):
        row.append(row[-1] + _one(meant, place - 1))
    for at, key in enumerate(typed):
        previous, before = before, row
        row = [before[0] + _one(typed, at)]
        for place, letter in enumerate(meant):
            change = before[place] + (0.0 if key == letter else _changed(key, letter, at == place == 0))
            change = min(change, row[place] + _one(meant, place), before[place + 1] + _one(typed, at))
            if at and place and key == meant[place - 1] and typed[at - 1] == letter and key != letter:
                change = min(change, previous[place - 1] + _SWAPPED)
            row.append(change)
        if min(row) > most:
            return math.inf
    return row[-1]


def _changed(key: str, letter: str, first: bool) -> float:
    pair = key + letter
    price = _NEAR_KEY if pair in _KEYS else _ALIKE if pair in _SAME_SOUND else 1.0
    return price + (_FIRST if first else 0.0)


def _one(word: str, place: int) -> float:
    """Cost of a letter too much or too few."""
    return _DOUBLED if place and word[place] == word[place - 1] else 1.0 + (_FIRST if place == 0 else 0.0)


def replaced(text: str, words: Mapping[str, str]) -> str:
    """`text` with other words in place of these."""
    return _WORD.sub(lambda match: words.get(match.group(), match.group()), text)
