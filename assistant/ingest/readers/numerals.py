"""Numbers of lists as office programs show them: digits, letters, Roman numerals. Pure."""

from __future__ import annotations

from string import ascii_lowercase

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_LARGEST = 4_000


def letters(number: int) -> str:
    """1 is "a", 26 "z", and then letters are doubled as office programs do: 27 is "aa", 28 "bb"."""
    times, index = divmod(max(number, 1) - 1, 26)
    return ascii_lowercase[index] * (times % 10 + 1)


def roman(number: int) -> str:
    """The Roman numeral in lower case; digits where there is none."""
    if not 0 < number < _LARGEST:
        return str(number)
    parts = []
    for value, sign in _ROMAN:
        count, number = divmod(number, value)
        parts.append(sign * count)
    return "".join(parts)


def whole(text: str, otherwise: int) -> int:
    """The whole number that `text` spells, 0 to 99,999; or `otherwise`."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise
