"""Characters that nobody sees, that steer a terminal, or that look like others. Pure.

It knows Unicode and no document, question or terminal: what is to become of such characters is for the caller to say.
"""

from __future__ import annotations

import re
import unicodedata

UNSEEN = frozenset(
    {
        *(code for code in range(0x20) if code not in (0x09, 0x0A)),
        *range(0x7F, 0xA0),
        *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0),
        *range(0x180B, 0x1810),
        *(0x200B, 0x200E, 0x200F),
        *range(0x2028, 0x202F),  # line separators; bidirectional embeddings and overrides
        *range(0x2060, 0x2070),  # word joiner, invisible operators, bidirectional isolates
        *range(0xD800, 0xE000),  # surrogates that nothing paired
        *range(0xFDD0, 0xFDF0),
        *range(0xFE00, 0xFE10),  # variation selectors
        *range(0xFFF0, 0xFFFC),
        *range(0x1BCA0, 0x1BCA4),
        *range(0x1D173, 0x1D17B),
        *range(0xE0000, 0xE1000),  # tags and more variation selectors: a whole hidden alphabet
        *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)),
    }
)
"""Code points that show nothing or only move what stands beside them: control characters but for tab and line feed,
noncharacters, and Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt but for the two joiners, which
spell words in some scripts."""

# Letters that cannot be told from a Latin one, as confusables.txt of Unicode Technical Standard 39 pairs them; without
# those that technicians use as symbols (α, γ, ρ, σ).
_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԌԚԜҮѴ"  # Cyrillic
    "аеѕіјорсухһԁԛԝүѵгӏ"
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ"  # Greek
    "ινου"
    "ՕՍՏօսհոց",  # Armenian
    "ABESIJKMHOPCTYXGQWYVaesijopcyxhdqwyvrlABEZHIKMNOPTYXCJivouOUSouhng",
)
_SYMBOLS = frozenset("ινου")
"""Small Greek letters that number things by themselves: ν1 is no V1."""
_CYRILLIC = str.maketrans("ABEKMHOPCTYXSIJaeopcyxsijh", "АВЕКМНОРСТУХЅІЈаеорсухѕіјһ")
_OTHER_SCRIPT = re.compile("[\u0370-\u03ff\u0400-\u052f\u0531-\u0588]")
_CYRILLIC_LETTER = re.compile("[\u0400-\u052f]")
_LATIN_LETTER = re.compile("[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")
_STYLED = re.compile("[\uff01-\uff5e\U0001d400-\U0001d7ff]+")
"""Full-width forms, and the letters and digits of mathematical alphabets."""
_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]")


def plainly(text: str) -> str:
    """`text` as it is read: full-width and mathematical letters as plain ones, each word in one script.

    Only a word that mixes scripts, or a code, is changed, and only when each of its letters has one that looks alike:
    Russian and Greek words stay. "Е07" with a Cyrillic Е becomes the Latin code, "кофe" with a Latin e Russian.
    """
    if text.isascii():
        return text
    text = _STYLED.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    return _WORD.sub(lambda match: _in_one_script(match.group()), text) if _OTHER_SCRIPT.search(text) else text


def latin(text: str) -> str:
    """`text` with every letter that looks like a Latin one replaced by it: what a reader of English reads."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_ALIKE)


def without_marks(text: str) -> str:
    """`text`, in a composed form, without the accents and strokes that are characters of their own."""
    return text if text.isascii() else _MARKS.sub("", text)


def _in_one_script(word: str) -> str:
    others = _OTHER_SCRIPT.findall(word)
    if not others:
        return word
    latin_letters = _LATIN_LETTER.findall(word)
    if all(ord(letter) in _ALIKE for letter in others):
        code = word[0].isalpha() and any(map(str.isdigit, word)) and not _SYMBOLS.intersection(others)
        return word.translate(_ALIKE) if latin_letters or code else word
    if all(ord(letter) in _CYRILLIC for letter in latin_letters) and all(map(_CYRILLIC_LETTER.match, others)):
        return word.translate(_CYRILLIC)
    return word
