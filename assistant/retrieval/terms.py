"""Terms for lexical search: words folded and stemmed, identifiers and quantities kept whole.

Pure. The same function serves documents and questions, so what is written `F-220`, `F 220` or `f220` meets in one term.
It knows no language of a text: a word has one term wherever it stands, also in a question that is too short to tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from snowballstemmer import stemmer

from assistant.characters import without_marks
from assistant.quantities import codes, fold, joined_compounds, plain_number, quantities, spaced_identifiers

_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:['’][^\W_]+)?")
_POSSESSIVE = re.compile(r"['’]s?$")

STOP_WORDS = frozenset(
    "a about all also am an and any are as at be because been being but by can could did do does doing for from "
    "had has have having he her here him his how i if in into is it its itself just me might mine my of or our "
    "ours she should so some such than that the their them then there these they this those through to too us was "
    "we were what when where which while who whom why will with would you your yours please tell".split()
)
"""Function words that say nothing about the subject. `no`, `not`, `off`, `on`, `up` and `down` do, and stay."""

_OTHER_STOP_WORDS = frozenset(
    # German
    "der die das den dem des ein eine einen einem einer eines und oder ist sind wird werden wurde wurden worden wie wo "
    "wann wer wen wem welche welcher welches welchen welchem von vom zu zum zur mit bei beim im auf aus für über unter "
    "nach durch es er sie wir ich ihr ihre ihren ihrer ihrem sein seine seinen seiner seinem mein meine meinen dein "
    "deine als auch dass daß wenn ob sich haben hatte hatten kann können soll muss müssen dieser diese dieses diesen "
    "diesem um bis "
    # Spanish
    "el la los las un una unos unas y o u e de del al en con por para que qué como cómo cuál cuáles quién cuándo dónde "
    "es son fue ser está están se su sus lo le les mi tu este esta estos estas ese esa hay ha han cuando donde".split()
)
"""The same of German and Spanish, but for those that are English words with a meaning ("war", "hat")."""

_SCRAP = 2
_STEMMER = stemmer("english")
_INFLECTED = re.compile(r"([^\W\d]{5,}?)(?:en|em|es|e|n)")
"""A stem with an ending of German nouns, adjectives and verbs, which English stems keep: "sicherung-en". With five
letters left it hardly ever joins two English words (see benchmarks/LOG.md)."""


def terms(text: str) -> list[str]:
    """The terms of `text`, repeated as often as they occur; words first, then joined forms.

    A compound such as `NP-4410-07`, `Wi-Fi` or `5.5 kW` gives its joined form (`np441007`, `wifi`, `5.5kw`) beside its
    parts, so that the whole is found exactly and a part still finds it. Only the scraps of a short code, "E" and "07"
    of `E-07`, are no terms: they would find everything else that is numbered.
    """
    text = without_marks(unicodedata.normalize("NFKC", text))
    whole = codes(text)
    found = [term(word.group()) for word in _WORD.finditer(text) if not _is_scrap(word, whole)]
    found += joined_compounds(text)
    found += spaced_identifiers(text)
    found += [quantity.number.lstrip("-") + quantity.unit.casefold() for quantity in quantities(text) if quantity.unit]
    return [term for term in found if term]


def _is_scrap(word: re.Match[str], whole: Sequence[tuple[int, int]]) -> bool:
    """Whether `word` is a part of a code and too short to mean anything without it."""
    length = word.end() - word.start()
    return length <= _SCRAP and any(start <= word.start() and word.end() <= end for start, end in whole)


@lru_cache(maxsize=65536)
def term(word: str) -> str:
    """The term of one word: folded and stemmed; "" for a stop word."""
    folded = fold(_POSSESSIVE.sub("", word))
    if folded in STOP_WORDS or word.casefold() in _OTHER_STOP_WORDS:
        return ""
    if folded[:1].isdigit():
        return plain_number(folded) if folded.replace(",", "").replace(".", "").isdecimal() else folded
    stem = str(_STEMMER.stemWord(folded))
    inflected = _INFLECTED.fullmatch(stem)
    return inflected.group(1) if inflected else stem
