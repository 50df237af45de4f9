"""Numbers as a spreadsheet shows them: 5.5 in a cell of the format "0.00" is 5.50. Pure.

It knows the formats that say something about a value: decimals, thousands, percent, exponents, units in quotes, dates
and times. Whatever else a format asks for (colours, fill characters, fractions) is left out.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache

_BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00",
    14: "yyyy-mm-dd", 15: "yyyy-mm-dd", 16: "mm-dd", 17: "yyyy-mm", 18: "hh:mm", 19: "hh:mm:ss", 20: "hh:mm",
    21: "hh:mm:ss", 22: "yyyy-mm-dd hh:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|_.|\*.|\[([^\]]*)\]|(General|[#0?][#0?,.]*(?:[eE][+-][0#?]+)?)|(%)|(.)', re.DOTALL | re.IGNORECASE
)
_FRACTION = re.compile(r"[#0?]\s*/\s*[#0?\d]")
_DATE_LETTERS = re.compile(r"[dmyhs]", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h|m|s)[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_DAYS_IN_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LARGEST_DAY = 2_958_466
"""The day behind 9999-12-31."""
_MOST_DECIMALS = 15


def built_in(number: int) -> str:
    """The format that every spreadsheet has under this number; "General" for any other."""
    return _BUILT_IN.get(number, "General")


def shown(value: str, pattern: str, *, since_1904: bool = False) -> str:
    """The number `value`, as the file writes it, in the form that `pattern` gives it."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if not number.is_finite() or number.adjusted() > 40 or number.adjusted() < -40:
        return value
    if is_date(pattern):
        return _date(number, pattern, since_1904) or general(number)
    sections = _sections(pattern)
    section = sections[0]
    if number < 0 and len(sections) > 1 and sections[1].strip():
        section, sign = sections[1], ""
        # A section of its own for negative numbers shows them as it likes: in red, in brackets, with a sign.
        if "-" not in section and "(" not in section:
            sign = "-"
        return sign + _filled(-number, section)
    if number == 0 and len(sections) > 2 and sections[2].strip():
        section = sections[2]
    return _filled(number, section)


@lru_cache(maxsize=256)
def is_date(pattern: str) -> bool:
    """Whether a format shows days or times."""
    if pattern in ("General", "@"):
        return False
    section = _sections(pattern)[0]
    return _ELAPSED.search(section) is not None or _DATE_LETTERS.search(_QUOTED.sub("", section)) is not None


def general(number: Decimal) -> str:
    """A number without a format: as few digits as hold its value, 15 at most."""
    rounded = Decimal(f"{number:.15g}").normalize() if number else Decimal(0)
    return f"{rounded:f}" if -12 < rounded.adjusted() < 16 else f"{rounded:E}"


@lru_cache(maxsize=256)
def _sections(pattern: str) -> tuple[str, ...]:
    """The parts of a format for positive, negative and other numbers."""
    parts: list[str] = []
    held: list[str] = []
    quoted = False
    previous = ""
    for sign in pattern[:400]:
        if sign == '"' and previous != "\\":
            quoted = not quoted
        if sign == ";" and not quoted and previous != "\\":
            parts.append("".join(held))
            held = []
        else:
            held.append(sign)
        previous = sign
    return (*parts, "".join(held))


def _filled(number: Decimal, section: str) -> str:
    """A section of a format with the number in its place."""
    plain = _QUOTED.sub("", section)
    if section.strip() in ("@", "") or _FRACTION.search(plain):
        return general(number)
    percent = "%" in plain
    parts: list[str] = []
    placed = False
    for quoted, escaped, bracket, digits, sign, other in _TOKEN.findall(section):
        if digits and not placed:
            placed = True
            parts.append(_digits(number * 100 if percent else number, digits))
        elif bracket.startswith("$"):
            parts.append(bracket[1:].partition("-")[0])
        else:
            parts.append(quoted or escaped or sign or ("" if digits else other))
    return "".join(parts).strip() or general(number)


def _digits(number: Decimal, pattern: str) -> str:
    """A number with the decimals, thousands and exponent that the placeholders ask for."""
    if pattern.casefold() == "general":
        return general(number)
    mantissa, _, exponent = pattern.replace("e", "E").partition("E")
    scaled = len(mantissa) - len(mantissa.rstrip(","))  # each comma at the end shows thousands of the value
    whole, _, decimals = mantissa.rstrip(",").partition(".")
    number = number.scaleb(-3 * scaled)
    most = min(len(re.findall(r"[#0?]", decimals)), _MOST_DECIMALS)
    least = min(decimals.count("0"), most)
    if exponent:
        digits, _, power = f"{number:.{most}E}".partition("E")
        return f"{digits}E{power[0]}{power[1:].zfill(len(exponent) - 1)}"
    text = f"{abs(number):{',' if ',' in whole else ''}.{most}f}"
    if most > least:
        text = text[: len(text) - (most - least)] + text[len(text) - (most - least) :].rstrip("0")
        text = text.rstrip(".")
    zeros = whole.count("0")
    head, dot, tail = text.partition(".")
    if "," not in head:
        head = head.zfill(zeros)
    nothing = not any(sign in "123456789" for sign in text)
    return f"{'-' if number < 0 and not nothing else ''}{head}{dot}{tail}"


def _date(number: Decimal, pattern: str, since_1904: bool) -> str | None:
    """A day and time as ISO 8601 as far as the format shows them; None where the number is none."""
    days = number + 1462 if since_1904 else number
    if days < 0 or days >= _LARGEST_DAY:
        return None
    plain = _QUOTED.sub("", _sections(pattern)[0]).casefold()
    seconds = int((days % 1 * 86_400).to_integral_value())
    day = int(days) + seconds // 86_400
    seconds %= 86_400
    if _ELAPSED.search(pattern):
        hours = day * 24 + seconds // 3_600
        return f"{hours}:{seconds // 60 % 60:02}" + (f":{seconds % 60:02}" if "s" in plain else "")
    parts = []
    if "y" in plain or "d" in plain:
        year, month, month_day = _calendar(day)
        parts.append(f"{year:04}-{month:02}" + (f"-{month_day:02}" if "d" in plain else ""))
    elif "m" in plain and "h" not in plain and "s" not in plain:
        parts.append(f"{_calendar(day)[1]:02}")
    if "h" in plain or "s" in plain:
        parts.append(f"{seconds // 3600:02}:{seconds // 60 % 60:02}" + (f":{seconds % 60:02}" if "s" in plain else ""))
    return " ".join(parts)


@lru_cache(maxsize=4096)
def _calendar(day: int) -> tuple[int, int, int]:
    """Year, month and day of a day number; 60 is the 29th of February 1900, which never was but is counted."""
    if day == 60:
        return 1900, 2, 29
    rest = day - 1 if day < 60 else day - 2
    if rest < 0:
        return 1900, 1, 0
    year = 1900
    while rest >= (length := 366 if _is_leap(year) else 365):
        rest -= length
        year += 1
    for month, plain in enumerate(_DAYS_IN_MONTH, start=1):
        length = plain + (month == 2 and _is_leap(year))
        if rest < length:
            return year, month, rest + 1
        rest -= length
    raise AssertionError("a year has twelve months")


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
