"""Passages that say the same, told from those that only look alike. Pure.

Owners load several revisions of one manual, one warranty in ten manuals, one FAQ as PDF and as HTML. What says the same
becomes one hit, shown from the newest document; what is worded alike and differs in a number, a unit, a code or a "not"
stays apart, the newest first. Nothing is dropped for looking alike: the words themselves are compared.

It knows neither the store nor how passages are found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from assistant.quantities import unit_of
from assistant.retrieval.terms import term
from assistant.types import Passage

_ALIKE = 0.9
"""Least share of the words of two passages, numbers apart, that they have in common to be compared at all."""
_MOST_MORE = 0.1
"""Most that one of two passages that say the same has more than the other, of its words: a link, a running title."""
_TOKEN = re.compile(r"[-+±<>≤≥]?\s?\d+(?:[.,]\d+)*|[^\W\d_]+|[°%Ωµ]|(?<=\d)[\"'″′]|<=|>=")
_DASHES = str.maketrans("‐‑‒–—−", "------")
_SECTION_NUMBER = re.compile(r"\s*(?:\d+\.)*\d+\.?\s+(?=([^\W\d_]+))")
_LIMITING = frozenset(
    "not no never none nothing neither nor without cannot except unless only "
    "nicht kein keine keinen keinem keiner keines nie niemals ohne außer nur weder "
    "nunca jamás sin ni salvo excepto solo sólo ne pas sans jamais sauf".split()
)
"""Words that change what a sentence says by standing in it."""


class Member:
    """A passage that is worded like others."""

    def __init__(self, place: int, id: int, passage: Passage, parts: Sequence[Sequence[str]]) -> None:
        """`place` is where it stands in the ranking, `parts` are the terms of title and headings, and of its text."""
        self.place = place
        self.passage = passage
        self._id = id
        self._held = frozenset[str]().union(*parts)

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Its words, numbers and units in their order."""
        return tuple(_tokens(f"{self.passage.context}\n{self.passage.text}"))

    @cached_property
    def around(self) -> frozenset[str]:
        """All that stands in it and above it."""
        return frozenset(self.tokens).union(*(_tokens(one) for one in (self.passage.title, *self.passage.heading_path)))

    def answers(self, weights: Mapping[str, float]) -> float:
        """How much of the question it holds: more where the question names its document."""
        return sum(weight for term, weight in weights.items() if term in self._held)

    def preferred(self, weights: Mapping[str, float]) -> tuple[float, str, int, int]:
        """Greatest for the one to show of those that say the same.

        It is the one of the document that the question names, else of the newest, else the one found best; of documents
        without a date that which was added last.
        """
        dated = self.passage.dated or ""
        return self.answers(weights), dated, 0 if dated else self._id, -self.place


@dataclass(frozen=True, slots=True)
class Saying:
    """What one or more passages say."""

    place: int
    """Where it is shown in the ranking."""
    members: tuple[int, ...]
    """Places of its passages in the ranking, the one to show first."""


def sketch(body: Sequence[str]) -> frozenset[str]:
    """The words among the terms of a passage's text, for `families`."""
    return frozenset(filter(str.isalpha, body))


def families(sketches: Sequence[frozenset[str]]) -> list[list[int]]:
    """Places of passages that are worded alike, together: each belongs to the first that it is like."""
    found: list[tuple[int, frozenset[str], list[int]]] = []
    for place, words in enumerate(sketches):
        size = len(words)
        for known, others, family in found:  # most are of another length, so that is asked first
            if size >= _ALIKE * known and known >= _ALIKE * size and size and _alike(words, others):
                family.append(place)
                break
        else:
            found.append((size, words, [place]))
    return [family for _, _, family in found]


def sayings(family: Sequence[Member], weights: Mapping[str, float]) -> list[Saying]:
    """What the passages of one family say, and where it is shown: the best place goes to the newest.

    A newer one goes ahead only where it holds as much of the question: another device's document is newer, too.

    Args:
        family: passages that are worded alike, best placed first.
        weights: the question's terms with their inverse document frequencies.
    """
    found = []
    for subject in _grouped(family, lambda one, other: _belongs(one, other) and _belongs(other, one)):
        same = _grouped(subject, lambda one, other: _same(one, other, weights))
        places = [members[0].place for members in same]
        ordered: list[list[Member]] = []
        for members in same:
            members.sort(key=lambda one: one.preferred(weights), reverse=True)
            ahead = len(ordered)
            while ahead and _newer(members[0], ordered[ahead - 1][0], weights):
                ahead -= 1
            ordered.insert(ahead, members)
        for place, members in zip(places, ordered, strict=True):
            found.append(Saying(place, tuple(member.place for member in members)))
    return found


def _grouped(members: Sequence[Member], together: Callable[[Member, Member], bool]) -> list[list[Member]]:
    """Members in groups: each in the first with all of which it goes together."""
    groups: list[list[Member]] = []
    for member in members:
        group = next((group for group in groups if all(together(member, other) for other in group)), None)
        if group is None:
            groups.append([member])
        else:
            group.append(member)
    return groups


def _newer(one: Member, other: Member, weights: Mapping[str, float]) -> bool:
    dates = one.passage.dated, other.passage.dated
    return bool(dates[0] and dates[1] and dates[0] > dates[1]) and one.answers(weights) >= other.answers(weights)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    common = len(one & other)
    return common >= _ALIKE * (len(one) + len(other) - common)


def _same(one: Member, other: Member, weights: Mapping[str, float]) -> bool:
    """Whether both say the same, word for word but for a few that one has more."""
    if one.tokens == other.tokens:
        return True
    short, long = sorted((one.tokens, other.tokens), key=len)
    more = _inserted(short, long)
    return more is not None and len(more) <= _MOST_MORE * len(long) and not any(_matters(one, weights) for one in more)


def _inserted(short: Sequence[str], long: Sequence[str]) -> list[str] | None:
    """What has to be put into `short` to make `long` of it; None where that is not all."""
    more, place = [], 0
    for token in long:
        if place < len(short) and short[place] == token:
            place += 1
        else:
            more.append(token)
    return more if place == len(short) else None


def _matters(token: str, weights: Mapping[str, float]) -> bool:
    """Whether a passage says something else with this word: a number, a unit, a "not", or what was asked about."""
    return not token.isalpha() or token in _LIMITING or bool(unit_of(token)) or term(token) in weights


def _belongs(one: Member, other: Member) -> bool:
    """Whether the headings of `one` also stand above or in `other`: "Replace it once a year" is said of something.

    Of two documents the innermost heading counts; within one, all of them, since its chapters may be variants.
    """
    path = one.passage.heading_path
    if one.passage.document != other.passage.document:
        path = path[-1:]
    return all(token in other.around for heading in path for token in _tokens(_unnumbered(heading)))


def _unnumbered(heading: str) -> str:
    """A heading without its section's number: "3.2 Warranty", but not "230 V supply"."""
    match = _SECTION_NUMBER.match(heading)
    return heading[match.end() :] if match and not unit_of(match.group(1)) else heading


def _tokens(text: str) -> Iterator[str]:
    """Words, numbers with their sign, and units; case counts behind a number, where it tells mega from milli."""
    behind_number = False
    for token in _TOKEN.findall(unicodedata.normalize("NFKC", text).translate(_DASHES)):
        yield token if behind_number else "".join(token.split()).casefold()
        behind_number = token[-1].isdigit()
