"""Turns the bytes of a text file into text, whatever encoding it was written in.

It knows no file and no format. UTF-8 is tried first and costs nothing more; guessing comes last.
"""

from __future__ import annotations

import codecs
import re

from assistant.errors import UnreadableDocument

_SAMPLE = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")
_MOST_CONTROLS = 0.02
"""Share of control bytes above which a file is no text; compressed data has about 0.1."""
_HIGH = re.compile(rb"[\x80-\xff]+")
# What Western European text holds beyond ASCII in cp1252: letters, quotes, dashes, °, ±, µ, ², ³, ½, §, © and the like.
_WESTERN = frozenset("ÄÖÜäöüßÀÂÇÉÈÊËÎÏÔÙÛŸàâçéèêëîïôùûÿÁÍÓÚÑáíóúñÅåÆæØøãõìòœŒ€£©®™°±²³µ·½¼¾§«»¿¡‘’“”„–—…•×\xa0")


def decode(data: bytes, name: str, declared: str | None = None) -> str:
    """The text that `data` holds; `declared` is the encoding that the document itself names, if any.

    Raises:
        UnreadableDocument: it is not text.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace")
    sample = data[:_SAMPLE]
    if (wide := _wide_encoding(sample)) is not None:
        return data.decode(wide, errors="replace")
    if len(sample) - len(sample.translate(None, _CONTROLS)) > _MOST_CONTROLS * len(sample):
        raise UnreadableDocument(f"{name} is not a text file; export it as PDF, HTML or text and add that.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_other(data, declared)


def _wide_encoding(sample: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of Western text is NUL."""
    half = len(sample) // 2
    if half < 2 or sample.count(0) < half * 0.4:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    if min(even, odd) > 0.1 * half:
        return None
    text = sample[: 2 * half].decode(encoding, errors="replace")
    odd_ones = sum(not (character.isprintable() or character.isspace()) for character in text)
    return encoding if odd_ones <= _MOST_CONTROLS * len(text) else None


def _decode_other(data: bytes, declared: str | None) -> str:
    if declared is not None and (text := _try(data, declared)) is not None:
        return text
    lenient = data.decode("utf-8", errors="replace")
    broken = lenient.count("\ufffd")
    beyond_ascii = sum(map(len, _HIGH.findall(data)))
    if beyond_ascii > 8 * broken:  # UTF-8 with a few damaged bytes
        return lenient
    western = _try(data, "cp1252")
    if western is not None and _plausible(western):
        return western
    return _try(data, _guess(data)) or data.decode("cp1252", errors="replace")


def _try(data: bytes, encoding: str | None) -> str | None:
    try:
        # Some codecs of Python are no encodings of text; decode() refuses those with a LookupError.
        return data.decode(encoding) if encoding else None
    except (LookupError, UnicodeError, ValueError):
        return None


def _plausible(text: str) -> bool:
    """Whether what is beyond ASCII is Western European, and no more of it than such a language has."""
    sample = text[:_SAMPLE]
    beyond = [character for character in sample if character > "\x7f"]
    western = sum(character in _WESTERN for character in beyond)
    return western >= 0.95 * len(beyond) and len(beyond) <= 8 + 0.25 * len(sample)


def _guess(data: bytes) -> str | None:
    from charset_normalizer import from_bytes  # rarely needed, and slow to import

    best = from_bytes(data[:_SAMPLE], steps=5, chunk_size=2_048).best()
    return best.encoding if best is not None else None
