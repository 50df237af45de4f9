"""What is taken out of any text before it is stored, and how white space is made even.

Pure: it knows no file and no format. Text is quoted, spoken and given to a model, so characters that a person cannot
see (they can hide instructions) and several spellings of one character (they defeat search) do not pass.
"""

from __future__ import annotations

import re
import unicodedata

from assistant.characters import UNSEEN

_SPACES = [0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x2800, 0x3000]
_TABLE: dict[int, str | None] = dict.fromkeys(UNSEEN)
_TABLE |= dict.fromkeys(_SPACES, " ")
_TABLE |= {0x0B: "\n", 0x0C: "\n", 0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
_TABLE |= {0x2010: "-", 0x2011: "-"}  # F‑220 with a non-breaking hyphen must be found as F-220
_TABLE |= {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}

# Joiners spell words in the Arabic and Indic scripts; everywhere else they are invisible.
_STRAY_JOINER = re.compile("(?<![\u0600-\u109f])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u109f])")
# More than four marks on one letter are no spelling but a way to cover what stands around it: the line that Unicode
# Technical Standard 39 draws (section 5.4).
_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]"
_MANY_MARKS = re.compile(f"({_MARK}{{4}}){_MARK}+")
_ASCII_TO_CLEAN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BLANKS = re.compile(r"[ \t\n]+")
_MANY_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def clean(text: str) -> str:
    """`text` in Unicode form C without control, zero-width, bidirectional and unpaired surrogate characters.

    Line breaks become line feeds, every other kind of space a plain one, ligatures their letters; a letter keeps four
    marks at most.
    """
    text = text.replace("\r\n", "\n")
    if text.isascii():
        return text.translate(_TABLE) if _ASCII_TO_CLEAN.search(text) else text
    text = text.translate(_TABLE)
    return _MANY_MARKS.sub(r"\1", unicodedata.normalize("NFC", _STRAY_JOINER.sub("", text)))


def one_line(text: str) -> str:
    """`text` cleaned, with every run of white space as one space and none at the ends."""
    return _BLANKS.sub(" ", clean(text)).strip()


def verbatim(text: str) -> str:
    """`text` cleaned, with its lines and indentation kept and runs of blank lines made one."""
    lines = clean(text).expandtabs(4).split("\n")
    return _MANY_BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n").rstrip()


def shorten(text: str, longest: int) -> str:
    """`text` cut at a space so that it has at most `longest` characters."""
    if len(text) <= longest:
        return text
    cut = text.rfind(" ", longest // 2, longest + 1)
    return text[: cut if cut > 0 else longest].rstrip()
