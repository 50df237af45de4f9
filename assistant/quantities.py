"""Numbers, units and identifiers in running text: what an answer must never get wrong.

Pure. Retrieval uses it to find `5.5 kW` and `E07` exactly, answering to hold a sentence against its evidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from assistant.characters import plainly

_UNITS = {
    "mm": 'mm cm m km µm um inch inches ft "',
    "kg": "kg g mg t lb lbs oz",
    "l": "l ml cl dl liter liters litre litres gal",
    "bar": "bar mbar psi pa hpa kpa mpa",
    "v": "v mv kv vac vdc",
    "a": "a ma µa",
    "w": "w kw mw kwh wh va kva hp",
    "hz": "hz khz mhz ghz rpm",
    "°c": "°c °f °k k °dh °d degrees",
    "s": "s ms µs sec second seconds min minute minutes h hr hour hours day days week weeks month months year years",
    "nm": "nm n kn",
    "db": "db dba db(a)",
    "ohm": "ohm ohms kohm mohm ω kω mω",
    "%": "% ppm percent",
    "b": "b kb mb gb tb kib mib gib bit bits kbit/s mbit/s gbit/s kbps mbps gbps px",
    "s, de": "sek sekunde sekunden minuten std stunde stunden tag tage tagen woche wochen monat monate monaten jahr "
    "jahre jahren",
    "s, es": "segundo segundos minuto minutos hora horas día días semana semanas mes meses año años",
    "others, de": "zoll grad prozent litern u/min",
    "others, es": "pulgada pulgadas grado grados litro litros",
    "rate": "l/min l/h m³/h m3/h m/s km/h m³ m3 m² m2 mm² mm2 cm² cm2 w/m²",
}
_SPELLED = {
    "inches": "inch", '"': "inch", "liter": "l", "liters": "l", "litre": "l", "litres": "l",
    "second": "s", "seconds": "s", "sec": "s", "minute": "min", "minutes": "min", "hour": "h", "hours": "h", "hr": "h",
    "days": "day", "weeks": "week", "months": "month", "years": "year", "degrees": "°", "percent": "%", "lbs": "lb",
    "ohms": "ohm", "ω": "ohm", "kω": "kohm", "mω": "mohm", "um": "µm", "m3": "m³", "m2": "m²", "mm2": "mm²",
    "cm2": "cm²", "m3/h": "m³/h", "db(a)": "dba",
    "sek": "s", "sekunde": "s", "sekunden": "s", "minuten": "min", "std": "h", "stunde": "h", "stunden": "h",
    "tag": "day", "tage": "day", "tagen": "day", "woche": "week", "wochen": "week", "jahr": "year", "jahre": "year",
    "jahren": "year", "monat": "month", "monate": "month", "monaten": "month", "zoll": "inch", "grad": "°",
    "prozent": "%", "litern": "l", "u/min": "rpm",
    "segundo": "s", "segundos": "s", "minuto": "min", "minutos": "min", "hora": "h", "horas": "h", "día": "day",
    "días": "day", "semana": "week", "semanas": "week", "mes": "month", "meses": "month", "año": "year", "años": "year",
    "pulgada": "inch", "pulgadas": "inch", "grado": "°", "grados": "°", "litro": "l", "litros": "l",
}  # fmt: skip
"""Spellings of one unit; units that differ by a factor stay different: a conversion is not a quotation."""

KNOWN_UNITS = frozenset(" ".join(_UNITS.values()).split())

_NUMBER = r"\d+(?:[.,]\d+)*"
_UNIT = r"°\s?[CFKd]\w?|[a-zA-Zµμ°Ωω\u2126%\"][a-zA-Z0-9íñµΩω\u2126²³/()]*"
_SIGN = re.compile(r"(?:^|[\s(:=|/])[-–−]$")
"""A minus directly in front of a number and not between two: "-20 °C", but not "5-10 mm"."""
_MEGA = frozenset({"mw", "mwh", "mhz", "mpa", "mv", "mva", "mohm"})
_QUANTITY = re.compile(rf"(?<![\w.,])(?<![^\W\d][-–−])[-–−]?({_NUMBER})(?:[ \u00a0\u202f]?({_UNIT}))?")
_SEPARATORS = re.compile(r"[-‐‑–/_.]")
_COMPOUND = re.compile(r"[^\W_]+(?:[-‐‑–/_.][^\W_]+)*")
_SPACED = re.compile(r"(?<![\w°-])([A-Z]{1,3})[ \u00a0](?:[-–][ \u00a0])?(\d{1,4})(?![\w.,]\d|\w)")
"""A code set or read with a space: "E 07", "F - 220"."""
_CODE = re.compile(r"[^\W\d_]{1,3}[-‐‑–]\d+")
_BEHIND = re.compile(rf"[ \u00a0\u202f]?({_UNIT})")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it stands in a text, with the unit behind it where one is known."""

    number: str
    """Digits with a decimal point, no leading zeros or thousands separators, and a minus: "5.5", "1200", "-20"."""
    unit: str
    """Unit in one spelling, or "" for a bare number."""
    start: int
    end: int


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Lower case without accents, after Unicode's canonical decomposition; one script, see `plainly`."""
    if word.isascii():
        return word.lower()
    return plainly(_unaccented(plainly(_unaccented(word)).casefold()))  # cases differ in what they look like


def _unaccented(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def quantities(text: str) -> list[Quantity]:
    """All numbers of `text` that are not part of an identifier, in reading order, with offsets into `text`."""
    named = [match.span() for match in _COMPOUND.finditer(text) if _is_identifier(match.group())]
    named += [match.span() for match in _spaced(text)]
    found = []
    match = _QUANTITY.search(text)
    while match:
        end = match.end(1)
        if not any(start <= match.start(1) < stop for start, stop in named):
            behind = _leading_unit(match.group(2) or "")
            end = match.start(2) + len(behind) if behind else end
            sign = "-" if _SIGN.search(text, max(0, match.start(1) - 2), match.start(1)) else ""
            found.append(Quantity(sign + plain_number(match.group(1)), unit_of(behind), match.start(1), end))
        match = _QUANTITY.search(text, end)
    return found


def _leading_unit(text: str) -> str:
    """The longest unit with which `text` begins: all of "l/min", and "V" of "V/50Hz", "kW" of "kW)"."""
    ends = (end for end in range(len(text), 0, -1) if end == len(text) or not text[end].isalnum())
    return next((text[:end] for end in ends if unit_of(text[:end])), "")


def unit_of(text: str) -> str:
    """`text` as a unit in its one spelling, or "" when it is none."""
    if text == "a":
        return ""  # the article, not ampere
    key = text.replace(" ", "").casefold().replace("μ", "µ").rstrip(".")  # casefold makes µ the Greek letter
    unit = _SPELLED.get(key, key) if key in KNOWN_UNITS else ""
    return f"M{unit[1:]}" if unit in _MEGA and text.startswith("M") else unit  # case tells mega from milli


_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_GERMAN_THOUSANDS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+,\d+")
_EITHER = re.compile(r"[1-9]\d{0,2}\.\d{3}")
"""One and a half, or one thousand five hundred where the comma is the decimal mark."""


def plain_number(number: str) -> str:
    """Digits with a decimal point, without thousands separators, leading or trailing zeros.

    "1.500" stays as it is: what it means depends on who wrote it, and 1.5 must never be confirmed by it.
    """
    if not number.isascii():  # full-width, Arabic and other digits
        number = "".join(str(unicodedata.decimal(character, character)) for character in number)
    if _EITHER.fullmatch(number):
        return number
    if _THOUSANDS.fullmatch(number):  # 1,200 is one thousand two hundred
        number = number.replace(",", "")
    elif _GERMAN_THOUSANDS.fullmatch(number):
        number = number.replace(".", "")
    number = number.replace(",", ".")
    whole, _, part = number.partition(".")
    if "." in part:
        return number  # a version, date or chapter: kept as it stands
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def identifiers(text: str) -> set[str]:
    """Joined, folded forms of what names one thing exactly: codes, part numbers, sizes; letters and digits mixed.

    `F-220`, `F 220` and `f220` are all "f220". A number with a unit is a quantity, not an identifier.
    """
    joined = {fold(_SEPARATORS.sub("", word)) for word in _COMPOUND.findall(text) if _is_identifier(word)}
    return joined | set(spaced_identifiers(text))


def spaced_identifiers(text: str) -> list[str]:
    """Folded forms of codes that are written with a space between letters and digits."""
    return [fold(match.group(1) + match.group(2)) for match in _spaced(text)]


def codes(text: str) -> list[tuple[int, int]]:
    """Spans of the codes of two parts, letters and a number: "E 07", "F-220". By itself the number is none."""
    joined = [match.span() for match in _COMPOUND.finditer(text) if _CODE.fullmatch(match.group())]
    return joined + [match.span() for match in _spaced(text)]


def _spaced(text: str) -> Iterator[re.Match[str]]:
    """Codes written with a space; "AC 230 V" is a quantity behind a word."""
    for match in _SPACED.finditer(text):
        behind = _BEHIND.match(text, match.end())
        unit = unit_of(_leading_unit(behind.group(1))) if behind else ""
        if unit in ("", "in") or match.group(2).startswith("0"):  # "E 17 in the display"
            yield match


def joined_compounds(text: str) -> list[str]:
    """Folded, separator-free forms of all words that contain a hyphen, slash, dot or underscore."""
    compounds = [word for word in _COMPOUND.findall(text) if _SEPARATORS.search(word)]
    return [fold(_SEPARATORS.sub("", word)) for word in compounds if not word[0].isdigit() or _is_identifier(word)]


def _is_identifier(word: str) -> bool:
    """Letters and digits mixed, and not merely quantities side by side such as `230V/50Hz`."""
    mixed = any(character.isdigit() for character in word) and any(character.isalpha() for character in word)
    return mixed and not all(_is_measure(part) for part in _SEPARATORS.split(word))


def _is_measure(part: str) -> bool:
    match = re.fullmatch(r"(\d*)(\D*)", part)
    return bool(match and (match.group(2) == "" or unit_of(match.group(2))))
