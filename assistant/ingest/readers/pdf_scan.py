"""Recognises the words of a page that is only a picture, by the program Tesseract where its owner has installed it.

It renders one page at a time with PDFium, hands it over through a pipe and takes words with places and confidences
back. It knows nothing of lines, paragraphs or documents. No Python package stands between: what Tesseract prints is a
table of eleven columns, and a package would only write the picture to disk and read that table.

A number read wrongly does more harm than one that is missing, and so does a sentence that has lost its "not". So no
doubtful word passes, and none vanishes: `GAP` stands in its place, in which nobody finds a fact.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from statistics import median

import numpy as np
import numpy.typing as npt
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from assistant.ingest.readers.pdf_words import PdfPage, Word

GAP = "[illegible]"
"""What stands for a word, or several, that was not recognised for certain."""
_PROGRAM = "tesseract"
_LONGEST_S = 120.0
"""Seconds for one page; a page of 500 words takes 3 to 6 on one core of a server."""
_LIST_S = 20.0
_DPI = 300
"""Dots per inch at which Tesseract's models were trained."""
_MOST_PIXELS = 12_000_000
"""Of the picture that is recognised: A4 has 8.7 million at 300 dots per inch; larger pages get fewer dots."""
_MOST_IMAGE_PIXELS = 48_000_000
"""Of the pictures on a page, which PDFium unpacks whole: A4 in 600 dots per inch has 35 million."""
_MOST_LANGUAGES = 4
"""Each takes its time and memory on every page."""
_SURE = 90.0
"""Confidence from which on a word is believed. Of 9,000 words on 15 pages that were rendered with 100 to 300 dots per
inch, turned by 0.3 degrees and covered with noise, 99.4 % of those above it were right, of those with a digit 99.0 %;
between 80 and 90 it was 84 % and 78 %."""
_MOST_DOUBTFUL = 0.4
"""Share of doubtful words beyond which a line, or a page, is no text but a picture in which letters were seen."""
_WORD = "5"
_NO_LANGUAGES = frozenset({"osd", "equ"})


@dataclass(frozen=True, slots=True)
class _Seen:
    """One row of what Tesseract prints: a word and where it is, in pixels from the upper left corner."""

    line: tuple[str, str, str]
    """Numbers of its block, paragraph and line."""
    left: int
    top: int
    width: int
    height: int
    confidence: float
    text: str

    @property
    def sure(self) -> bool:
        """Whether it is believed."""
        return self.confidence >= _SURE


class Scanner:
    """Recognises pages, where Tesseract is on this machine."""

    @cached_property
    def languages(self) -> str:
        """The languages that it was installed with, as it wants them named; empty where it is not there."""
        if shutil.which(_PROGRAM) is None:
            return ""
        printed = _run(["--list-langs"], b"", _LIST_S).decode("utf-8", "replace").split("\n")[1:]
        names = [name.strip() for name in printed if name.strip() and "/" not in name]
        return "+".join([name for name in names if name not in _NO_LANGUAGES][:_MOST_LANGUAGES])

    def read(self, document: pdfium.PdfDocument, index: int, body: float) -> PdfPage | None:
        """What page `index`, counted from 0, shows; None where nothing legible is on it or it took too long.

        `body` is the size of the text on the file's other pages: heights of words are too rough to tell 10 from 11
        points, so an ordinary line gets it, and a line half as high again a larger one.

        Raises:
            PdfiumError: the page is damaged.
        """
        page = document[index]
        try:
            width, height = page.get_size()
            if not self.languages or min(width, height) <= 0 or _image_pixels(page) > _MOST_IMAGE_PIXELS:
                return None
            scale = min(_DPI / 72, (_MOST_PIXELS / (width * height)) ** 0.5)
            picture = _picture(page, scale)
        finally:
            page.close()
        command = ["stdin", "stdout", "-l", self.languages, "--dpi", str(round(scale * 72)), "tsv"]
        seen = list(_seen(_run(command, picture, _LONGEST_S).decode("utf-8", "replace")))
        if not seen or sum(not word.sure for word in seen) > _MOST_DOUBTFUL * len(seen):
            return None
        return PdfPage(index + 1, width, height, words=list(_words(seen, scale, height, body)))


def _run(arguments: list[str], given: bytes, longest_s: float) -> bytes:
    """What Tesseract prints; nothing where it fails or takes too long."""
    # One thread: its others wait for each other more than they do, and the machine may have to answer meanwhile.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            [_PROGRAM, *arguments],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=longest_s,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _image_pixels(page: pdfium.PdfPage) -> int:
    """Pixels of the pictures on a page."""
    width, height = raw.c_uint(), raw.c_uint()
    total = 0
    for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        if raw.FPDFImageObj_GetImagePixelSize(image, width, height):
            total += width.value * height.value
    return total


def _picture(page: pdfium.PdfPage, scale: float) -> bytes:
    """The page in shades of grey, as a PGM file."""
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        shades: npt.NDArray[np.uint8] = bitmap.to_numpy()
        return b"P5 %d %d 255\n" % (shades.shape[1], shades.shape[0]) + shades.tobytes()
    finally:
        bitmap.close()


def _seen(table: str) -> Iterator[_Seen]:
    """The words of Tesseract's table; rows that are none are passed over."""
    for row in table.splitlines():
        level, _, block, paragraph, line, _, *rest = (*row.split("\t", 11), *[""] * 7)[:12]
        if level != _WORD:
            continue
        try:
            left, top, width, height = map(int, rest[:4])
            confidence = float(rest[4])
        except ValueError:
            continue
        if text := rest[5].strip():
            yield _Seen((block, paragraph, line), left, top, width, height, confidence, text)


def _words(seen: list[_Seen], scale: float, page_height: float, body: float) -> Iterator[Word]:
    """Words in points from the lower left corner, doubtful ones as gaps; of what is no text, nothing."""
    usual = median(word.height for word in seen)
    for _, group in groupby(seen, key=lambda word: word.line):
        line = sorted(group, key=lambda word: word.left)
        # The words of a line have one baseline and one size, whatever letters they are made of.
        tallest = max(word.height for word in line)
        size = body * (tallest / usual if tallest > 1.5 * usual else 1.0)
        bottom = median(word.top + word.height for word in line)
        y = page_height - bottom / scale
        doubtful = sum(not word.sure for word in line)
        if doubtful > _MOST_DOUBTFUL * len(line):
            end = max(word.left + word.width for word in line)
            yield Word(GAP, line[0].left / scale, end / scale, y, size)
            continue
        for word, following in zip(line, [*line[1:], None], strict=True):
            x0, x1 = word.left / scale, (word.left + word.width) / scale
            if following is not None:  # so that there is a space between them
                x1 = max(x0, min(x1, following.left / scale - 0.2 * size))
            yield Word(word.text if word.sure else GAP, x0, x1, y, size)
