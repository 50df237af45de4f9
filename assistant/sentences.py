"""Where sentences begin and end in plain text.

Pure: it knows no document, passage, model or language setting, only a short list of the abbreviations that manuals use
and those that its caller has found in a document.
A rule can be wrong about one boundary; what never happens is that a character other than white space is in no sentence
or in two.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

# An end mark with the quotes and brackets that close behind it. A line break always ends a sentence: readers put each
# block on a line of its own. Full-width marks need no space behind them.
_CANDIDATE = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[」』”]?|\n")
_OPENING = "\"'“‘«([¿¡ \t"
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘«/]+$")
_LONGEST_WORD = 40
_NEXT_LETTER = re.compile(r"[ \u00a0\u202f]?[^\W\d_]\.")

# Never the end of a sentence: something always follows.
_FIRM_WORDS = """
    approx appr fig figs tbl eq eqs sect chap pp cf vs incl excl resp viz al e.g i.e dr mr mrs prof abb nr bzw ca
    evtl ggf inkl exkl z.b d.h u.a o.ä i.d.r vgl sog zzgl env réf
    abschn bzgl aprox pág págs núm sr sra ud uds ej p.ej
"""
_FIRM = frozenset(_FIRM_WORDS.split())
# The end of a sentence only where a capital letter follows: "wait 5 min. Then …", but "min. 2 bar".
_SOFT_WORDS = """
    max min no nos sec hr hrs in ft lb oz etc usw inc ltd co corp dia temp tel ext rev ver qty std nom dept gal op
    tab ref ch vol pos art st mind bspw a.m p.m u.s u.k kap ziff mwst máx mín
"""
_SOFT = frozenset(_SOFT_WORDS.split())
_MONTHS_WORDS = """
    januar februar märz april mai juni juli august september oktober november dezember
"""
_MONTHS = frozenset(_MONTHS_WORDS.split())
_BEFORE_ORDINAL = [[article] for article in ("der", "die", "das", "dem", "den", "des", "zum", "beim", "jeder", "jede")]
_BEFORE_INITIAL = frozenset({"by", "and", "&", "von", "und", "author", "contact"})


def iter_sentences(text: str, abbreviations: Collection[str] = frozenset()) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each sentence, without the white space around it, in order.

    `abbreviations` are words, lower case and without the stop, that end a sentence only where a capital letter follows,
    as "max." and "min." do. The spans never overlap, and together they hold every character that is not white space.
    """
    start = _skip_space(text, 0)
    for match in _CANDIDATE.finditer(text):
        end = match.end()
        if end <= start or (text[match.start()] in ".!?…" and not _ends(text, start, match, abbreviations)):
            continue
        stop = _rstrip(text, start, end)
        if stop > start:
            yield start, stop
        start = _skip_space(text, end)
    stop = _rstrip(text, start, len(text))
    if stop > start:
        yield start, stop


def _ends(text: str, start: int, match: re.Match[str], abbreviations: Collection[str]) -> bool:
    """Whether the end mark found by `match` ends the sentence that began at `start`."""
    following = _next_character(text, match.end())
    if following in ("", "\n"):
        return True
    if following == "|":
        return False
    mark = match.group()
    if mark[0] in "!?":
        return not (following.islower() and len(mark) > 1)
    if following.islower():
        return False
    if mark[0] == "…" or mark.startswith(".."):
        return following.isupper()
    return not _continues(text, start, match, following, abbreviations)


def _continues(text: str, start: int, match: re.Match[str], following: str, abbreviations: Collection[str]) -> bool:
    """Whether a single full stop belongs to the word before it: an abbreviation, an ordinal, an initial."""
    before = _WORD_BEFORE.search(text, max(start, match.start() - _LONGEST_WORD), match.start())
    if before is None:
        return False
    word = before.group().lower().rstrip(".")
    at_start = before.start() <= start
    if word in _FIRM:
        return True
    if word in _SOFT or word in abbreviations:
        return not following.isupper()
    if word.isdigit():
        ordinal = _words_before(text, start, before)[-1:] in _BEFORE_ORDINAL
        return (at_start and len(word) <= 3) or ordinal or _next_word(text, match.end()) in _MONTHS
    if len(word) == 1 and word.isalpha():
        if word == before.group() and _spaced_out(text, start, before, match.end()):
            return True
        return at_start or _is_initial(text, start, before)
    letters = word.split(".")
    return len(letters) > 1 and all(len(letter) == 1 and letter.isalpha() for letter in letters)


def _spaced_out(text: str, start: int, letter: re.Match[str], end: int) -> bool:
    """Whether a small letter is one of several of an abbreviation: "z. B.", "d. h.", "i. d. R."."""
    earlier = _words_before(text, start, letter)[-1:]
    return bool(_NEXT_LETTER.match(text, end)) or any(len(one) == 2 and one[1] == "." for one in earlier)


def _is_initial(text: str, start: int, letter: re.Match[str]) -> bool:
    """Whether a single letter abbreviates a name ("by J. Smith") rather than naming a part ("valve A. Close it")."""
    if not letter.group().isupper():
        return False
    earlier = _words_before(text, start, letter)
    return not earlier or earlier[-1].endswith(".") or earlier[-1] in _BEFORE_INITIAL


def _words_before(text: str, start: int, word: re.Match[str]) -> list[str]:
    return text[max(start, word.start() - _LONGEST_WORD) : word.start()].lower().split()


def _next_character(text: str, index: int) -> str:
    """The first character behind `index` that is no space or opening mark; empty at the end of the text."""
    while index < len(text) and text[index] in _OPENING:
        index += 1
    return text[index] if index < len(text) else ""


def _next_word(text: str, index: int) -> str:
    words = text[index : index + _LONGEST_WORD].split(maxsplit=1)
    return words[0].strip(".,;:!?").lower() if words else ""


def _skip_space(text: str, index: int) -> int:
    while index < len(text) and text[index].isspace():
        index += 1
    return index


def _rstrip(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
