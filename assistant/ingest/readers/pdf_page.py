"""Asks PDFium what a page shows: words with their places and styles, and the straight lines of tables.

It knows nothing of lines, paragraphs or documents. PDFium allows one caller at a time: use it from one thread.
PDFium is asked a few things about each word rather than about each character, which is what makes long books bearable.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from assistant.ingest.readers.pdf_words import PdfPage, Rule, Word

_LONGEST_PAGE = 200_000
"""Characters of one page that are looked at; a page of a book has about 3,000."""
_LONGEST_SIDE = 14_400.0
"""Points: the limit of ISO 32000-1, Annex C. PDFium keeps a bit for each point of a page's width and height."""
_MOST_OBJECTS = 5_000
"""Drawn objects of one page that are looked at for the lines of tables; a drawing may have many more."""
_MOST_SEGMENTS = 400
_SHORTEST_RULE = 8.0
_BOLD = re.compile(r"bold|black|heavy|semibold|demi|cmbx|sfbx|-bd\b|,b\b", re.IGNORECASE)
_SYMBOLS = re.compile(r"dingbat|wingding|webding|symbol|monotypesorts|marlett|bullet", re.IGNORECASE)
_MONO = re.compile(r"mono|courier|consol|typewriter|cmtt|sftt|menlo|fixed", re.IGNORECASE)
_FORCE_BOLD = 1 << 18
_FIXED_PITCH = 1


def read_page(document: pdfium.PdfDocument, index: int) -> PdfPage:
    """What page `index`, counted from 0, shows.

    Raises:
        PdfiumError: the page is damaged.
    """
    page = document[index]
    try:
        left, bottom, right, top = page.get_bbox()
        if max(right - left, top - bottom) > _LONGEST_SIDE:
            raise pdfium.PdfiumError("a page is larger than any can be")
        textpage = page.get_textpage()
        try:
            words, turned = _upright(list(_words(textpage)))
        finally:
            textpage.close()
        rules = [] if turned else list(_rules(page))
        has_images = not words and _has_image(page)
        if turned % 2:
            left, bottom, right, top = bottom, -right, top, -left
        elif turned == 2:
            bottom, top = -top, -bottom
        return PdfPage(index + 1, right - left, top - bottom, bottom, words, rules, has_images)
    finally:
        page.close()


def _words(textpage: pdfium.PdfTextPage) -> Iterator[tuple[int, Word]]:
    """Each word with the quarter turns by which its text is turned, or -1 where it runs aslant."""
    handle = textpage.raw
    style = _Styles(handle)
    start = -1
    letters: list[str] = []
    for index in range(min(textpage.count_chars(), _LONGEST_PAGE) + 1):
        code = raw.FPDFText_GetUnicode(handle, index)  # 0 behind the last character
        if code > 32 and code != 0xA0:
            if start < 0:
                start = index
            letters.append(chr(code) if code <= 0x10FFFF else "\ufffd")
        elif code in (2, 0xAD) and letters:
            # How PDFium hands over a hyphen that ends a line: what follows is on the next one.
            yield style.word("".join(letters) + "-", start, index - 1)
            start, letters = -1, []
        elif start >= 0:
            yield style.word("".join(letters), start, index - 1)
            start, letters = -1, []


class _Styles:
    """Reads place and style of words from a text page, with buffers used again and again."""

    def __init__(self, handle: raw.FPDF_TEXTPAGE) -> None:
        self._handle = handle
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._box = raw.FS_RECTF()
        self._matrix = raw.FS_MATRIX()
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()
        self._known: dict[tuple[bytes, int], tuple[bool, bool, bool]] = {}

    def word(self, text: str, first: int, last: int) -> tuple[int, Word]:
        raw.FPDFText_GetCharOrigin(self._handle, first, self._x, self._y)
        raw.FPDFText_GetLooseCharBox(self._handle, last, self._box)
        raw.FPDFText_GetMatrix(self._handle, first, self._matrix)
        scale = math.hypot(self._matrix.c, self._matrix.d) or 1.0
        size = round(raw.FPDFText_GetFontSize(self._handle, first) * scale * 2) / 2
        turned = self._turned()
        x0, y, x1 = self._x.value, self._y.value, self._box.right
        if turned == 1:
            x0, y, x1 = y, -x0, self._box.top
        elif turned == 2:
            x0, y, x1 = -x0, -y, -self._box.left
        elif turned == 3:
            x0, y, x1 = -y, x0, -self._box.bottom
        bold, mono, symbol = self._style(first)
        if len(text) == 1 and (symbol or "\ue000" <= text <= "\uf8ff"):
            text = "•"
        return turned, Word(text, x0, max(x0, x1), y, max(size, 1.0), bold, mono)

    def _turned(self) -> int:
        angle = math.degrees(math.atan2(self._matrix.b, self._matrix.a))
        quarter = round(angle / 90)
        return quarter % 4 if abs(angle - 90 * quarter) < 5 else -1

    def _style(self, index: int) -> tuple[bool, bool, bool]:
        """Whether the font is bold, of fixed width, and one of pictures."""
        length = raw.FPDFText_GetFontInfo(self._handle, index, self._name, 128, self._flags)
        key = (self._name.raw[: min(length, 128)], self._flags.value)
        if key not in self._known:
            name = key[0].rstrip(b"\0").decode("utf-8", errors="replace")
            weight = raw.FPDFText_GetFontWeight(self._handle, index)
            bold = bool(_BOLD.search(name)) or bool(key[1] & _FORCE_BOLD) or weight >= 600
            mono = bool(_MONO.search(name)) or bool(key[1] & _FIXED_PITCH)
            self._known[key] = bold, mono, bool(_SYMBOLS.search(name))
        return self._known[key]


def _upright(words: list[tuple[int, Word]]) -> tuple[list[Word], int]:
    """The words in the direction that most of them have, and that direction; marks across the page go."""
    turns = Counter(turned for turned, _ in words if turned >= 0)
    if not turns:
        return [], 0
    most = max(turns, key=lambda turned: (turns[turned], -turned))
    return [word for turned, word in words if turned == most], most


def _rules(page: pdfium.PdfPage) -> Iterator[Rule]:
    """Horizontal and vertical lines among the drawn objects."""
    point_x, point_y = ctypes.c_float(), ctypes.c_float()
    matrix = raw.FS_MATRIX()
    for index in range(min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        drawn = raw.FPDFPage_GetObject(page, index)
        if raw.FPDFPageObj_GetType(drawn) != raw.FPDF_PAGEOBJ_PATH:
            continue
        count = raw.FPDFPath_CountSegments(drawn)
        if not 2 <= count <= _MOST_SEGMENTS or not raw.FPDFPageObj_GetMatrix(drawn, matrix):
            continue
        points: list[tuple[float, float, int]] = []
        for place in range(count):
            segment = raw.FPDFPath_GetPathSegment(drawn, place)
            raw.FPDFPathSegment_GetPoint(segment, point_x, point_y)
            x, y = point_x.value, point_y.value
            points.append(
                (
                    matrix.a * x + matrix.c * y + matrix.e,
                    matrix.b * x + matrix.d * y + matrix.f,
                    raw.FPDFPathSegment_GetType(segment),
                )
            )
        yield from _straight(points)


def _straight(points: list[tuple[float, float, int]]) -> Iterator[Rule]:
    for (x0, y0, _), (x1, y1, kind) in pairwise(points):
        if kind != raw.FPDF_SEGMENT_LINETO:
            continue
        if abs(y1 - y0) < 1 and abs(x1 - x0) >= _SHORTEST_RULE:
            yield Rule(horizontal=True, at=(y0 + y1) / 2, low=min(x0, x1), high=max(x0, x1))
        elif abs(x1 - x0) < 1 and abs(y1 - y0) >= _SHORTEST_RULE:
            yield Rule(horizontal=False, at=(x0 + x1) / 2, low=min(y0, y1), high=max(y0, y1))


def _has_image(page: pdfium.PdfPage) -> bool:
    return any(True for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))
