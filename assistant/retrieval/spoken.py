"""Codes, numbers and units as they are spoken, and as a recogniser writes them down. Pure.

"e zero seven", "E oh 7" and "echo 07" may all be the E07 of a manual, "two point five bars" its 2.5 bar. What may be
meant is proposed here; the caller keeps what stands in its documents, so a wild proposal costs nothing. Characters are
never guessed: what was heard as E08 is not taken for E07.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from assistant.quantities import unit_of
from assistant.retrieval.terms import STOP_WORDS

_LETTERS = {
    "ay": "a", "bee": "b", "cee": "c", "dee": "d", "ee": "e", "eff": "f", "gee": "g", "aitch": "h", "jay": "j",
    "kay": "k", "el": "l", "ell": "l", "em": "m", "en": "n", "pee": "p", "cue": "q", "ar": "r", "ess": "s", "tee": "t",
    "vee": "v", "ex": "x", "wye": "y", "zee": "z", "zed": "z",
    "alpha": "a", "alfa": "a", "bravo": "b", "charlie": "c", "delta": "d", "echo": "e", "foxtrot": "f", "golf": "g",
    "hotel": "h", "india": "i", "juliett": "j", "juliet": "j", "kilo": "k", "lima": "l", "mike": "m", "november": "n",
    "oscar": "o", "papa": "p", "quebec": "q", "romeo": "r", "sierra": "s", "tango": "t", "uniform": "u", "victor": "v",
    "whiskey": "w", "xray": "x", "yankee": "y", "zulu": "z", "by": "x",
}  # fmt: skip
"""Names of letters in English and in the spelling alphabet of radio; "by" is the x of M4x12."""
_DIGITS = dict(zip("zero one two three four five six seven eight nine".split(), range(10), strict=True))
_DIGITS |= {"oh": 0, "nought": 0, "naught": 0}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = _DIGITS | {word: 10 + number for number, word in enumerate(_TEENS)}
_TENFOLD = {word: 20 + 10 * number for number, word in enumerate(_TENS)}
_SILENT = frozenset({"dash", "hyphen", "minus", "slash", "dot", "stroke"})
_TWICE = {"double": 2, "triple": 3}
_UNITS = {
    "volts": "V", "volt": "V", "amps": "A", "amp": "A", "amperes": "A", "watts": "W", "watt": "W", "kilowatts": "kW",
    "kilowatt": "kW", "milliamps": "mA", "millivolts": "mV", "kilovolts": "kV", "hertz": "Hz", "kilohertz": "kHz",
    "megahertz": "MHz", "gigahertz": "GHz", "millimeters": "mm", "millimetres": "mm", "millimeter": "mm",
    "millimetre": "mm", "centimeters": "cm", "centimetres": "cm", "meters": "m", "metres": "m", "meter": "m",
    "metre": "m", "kilometers": "km", "kilometres": "km", "grams": "g", "gram": "g", "kilograms": "kg",
    "kilogram": "kg", "kilos": "kg", "pounds": "lb", "milliliters": "ml", "millilitres": "ml", "bars": "bar",
    "millibars": "mbar", "pascals": "Pa", "kilopascals": "kPa", "megapascals": "MPa", "celsius": "°C",
    "centigrade": "°C", "fahrenheit": "°F", "kelvin": "K", "newton meters": "Nm", "newton metres": "Nm",
    "degrees celsius": "°C", "degrees centigrade": "°C", "degrees fahrenheit": "°F", "degrees c": "°C",
    "degrees f": "°F", "decibels": "dB", "milliseconds": "ms", "per cent": "%", "megabytes": "MB", "gigabytes": "GB",
    "kilobytes": "kB", "feet": "ft", "foot": "ft", "ounces": "oz",
}  # fmt: skip
"""Units that are spoken otherwise than written; those of `assistant.quantities` are known as they are."""
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+|%")
_WIDEST = 9
"""Words of a spoken code at most: "n p four four one zero dash zero seven" has ten, and is rarely spoken so."""
_READINGS = 12
"""Of one row of words."""
_SHORT = 2
"""Letters of a word that may be the head of a code as it stands: the NP of NP-4410."""
_CODE = re.compile(r"[a-z]+[0-9][a-z0-9]*|[0-9]+[a-z][a-z0-9]*")
_LEADING = re.compile(r"([a-z]+)([1-9]\d{0,2})")


@dataclass(frozen=True, slots=True)
class Reading:
    """What some words of a question may mean: `text[start:end]` of it."""

    start: int
    end: int
    term: str
    """As the documents' terms have it: "e07", "2.5bar"."""
    written: str
    """As it is written: "E07", "2.5 bar"."""


def readings(text: str) -> list[Reading]:
    """What stands in `text` in spoken form: first what takes in most words."""
    matches = list(_WORD.finditer(text))
    spoken = [match.group().casefold() for match in matches]
    found = sorted([*_codes(spoken), *_quantities(spoken)], key=lambda one: (one[0] - one[1], one[0]))
    return [
        Reading(matches[first].start(), matches[behind - 1].end(), term, written)
        for first, behind, term, written in found
    ]


_Found = tuple[int, int, str, str]
"""From which word, to behind which, the term and how it is written."""


def _codes(spoken: Sequence[str]) -> Iterator[_Found]:
    pieces = [_pieces(word) for word in spoken]
    for start, first in enumerate(spoken):
        if first == "by" or (first == "a" and spoken[start + 1 : start + 2] and spoken[start + 1][0].isdigit()):
            continue  # "divided by 25", "a 15-year loan"
        for behind in range(start + 1, min(len(spoken), start + _WIDEST) + 1):
            if pieces[behind - 1] is None:
                break
            for joined in _joined(spoken[start:behind]):
                if _CODE.fullmatch(joined):
                    for term in (joined, *_zeros(joined)):
                        yield start, behind, term, term.upper()


def _pieces(word: str) -> tuple[str, ...] | None:
    """What a word may stand for in a code; None when it cannot be a part of one."""
    if word in _TWICE or word in _SILENT:
        return ("",)
    if word in _SMALL:
        return (str(_SMALL[word]), "o") if word == "oh" else (str(_SMALL[word]),)
    if word in _TENFOLD:
        return (str(_TENFOLD[word]),)
    if word in _LETTERS:
        return (_LETTERS[word],)
    if len(word) == 1 and word.isalpha():
        return (word, "0") if word == "o" else (word,)
    if len(word) == _SHORT and word.isalpha() and word not in STOP_WORDS:
        return (word,)
    if any(character.isdigit() for character in word) and word.isalnum() and word.isascii():
        return tuple(dict.fromkeys((word, _digits_for_letters(word))))
    return None


def _digits_for_letters(word: str) -> str:
    """Digits for the letters that look like them, beside digits: "EO7" was meant as E07."""
    return re.sub(r"(?<=\d)[oil]|(?<!^)[oil](?=\d)", lambda match: "0" if match.group() == "o" else "1", word)


def _joined(spoken: Sequence[str]) -> Iterator[str]:
    parts: list[tuple[str, ...]] = []
    times, tens = 1, False
    for word in spoken:
        pieces = _pieces(word)
        if pieces is None:
            return
        if word in _TWICE:
            times = _TWICE[word]
            continue
        if tens and _DIGITS.get(word):  # "seventy two" is 72
            parts[-1] = (parts[-1][0][0] + pieces[0],)
        else:
            parts.append(tuple(piece * times for piece in pieces))
        times, tens = 1, word in _TENFOLD
    for number, chosen in enumerate(product(*parts)):
        if number >= _READINGS:
            return
        yield "".join(chosen)


def _zeros(code: str) -> Iterator[str]:
    """The same with a zero in front of its number: "E 7" for E07."""
    match = _LEADING.fullmatch(code)
    if match:
        yield f"{match.group(1)}0{match.group(2)}"


def _quantities(spoken: Sequence[str]) -> Iterator[_Found]:
    place = 0
    while place < len(spoken):
        number, behind = _number(spoken, place)
        if not number:
            place += 1
            continue
        for width in (2, 1):
            if behind + width > len(spoken):
                continue
            name = " ".join(spoken[behind : behind + width])
            unit = _UNITS.get(name) or (name if unit_of(name) else "")
            if unit:
                yield place, behind + width, number + unit_of(unit).casefold(), f"{number} {unit}"
                break
        place = behind


def _number(spoken: Sequence[str], start: int) -> tuple[str, int]:
    """The number that begins at a word, in digits, and where it ends; "" when there is none."""
    if spoken[start][0].isdigit():
        return (spoken[start].replace(",", "."), start + 1) if re.fullmatch(r"[\d.,]+", spoken[start]) else ("", start)
    value, place = 0, start
    while place < len(spoken):
        word = spoken[place]
        if word in _TENFOLD:
            value += _TENFOLD[word]
        elif word in _SMALL and (
            place == start
            or spoken[place - 1] in _TENFOLD
            or spoken[place - 1] == "and"
            or spoken[place - 1] in ("hundred", "thousand")
        ):
            value += _SMALL[word]
        elif word == "hundred" and 0 < value % 1000 < 100:
            value += value % 1000 * 99
        elif word == "thousand" and 0 < value < 1000:
            value *= 1000
        elif not (word == "and" and place > start and spoken[place - 1] in ("hundred", "thousand")):
            break
        place += 1
    if place == start:
        return "", start
    decimals = ""
    if place + 1 < len(spoken) and spoken[place] == "point":
        behind = place + 1
        while behind < len(spoken) and (spoken[behind] in _DIGITS or spoken[behind].isdigit()):
            decimals += str(_DIGITS.get(spoken[behind], spoken[behind]))
            behind += 1
        place = behind if decimals else place
    decimals = decimals.rstrip("0")
    return (f"{value}.{decimals}" if decimals else str(value)), place
