"""Sets Markdown as a PDF file of any number of pages: headings, paragraphs, steps and ruled tables in three fonts.

It knows the little Markdown that `generated` writes, and the PDF format as far as that takes. Pages go to disk one by
one: the process that measures must stay small, because those that it starts inherit its peak memory.
"""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

_WIDTH, _HEIGHT = 595, 842
_LEFT, _TOP, _BOTTOM = 60, 780, 70
_LETTERS = 92
"""Of a line of 10 points."""
_FONTS = ("Helvetica", "Helvetica-Bold", "Courier")
_FIRST = 3 + len(_FONTS)
"""Number of the first page's object; it and its content take two each."""
_CELL = 150
"""Width of a cell; some 32 letters of 9 points."""


def write(path: Path, markdown: Iterable[str], pages: int) -> None:
    """Write a PDF file with exactly so many pages of the text, which must be long enough."""
    with path.open("wb") as file:
        offsets: dict[int, int] = {}
        file.write(b"%PDF-1.7\n")
        made = 0
        for made, content in zip(range(1, pages + 1), _pages(markdown), strict=False):
            number = _FIRST + 2 * (made - 1)
            packed = zlib.compress(content)
            _object(file, offsets, number, _page(number).encode())
            head = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n"
            _object(file, offsets, number + 1, head.encode() + packed + b"\nendstream")
        kids = " ".join(f"{_FIRST + 2 * index} 0 R" for index in range(made))
        _object(file, offsets, 1, b"<< /Type /Catalog /Pages 2 0 R >>")
        _object(file, offsets, 2, f"<< /Type /Pages /Count {made} /Kids [{kids}] >>".encode())
        for number, name in enumerate(_FONTS, start=3):
            font = f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
            _object(file, offsets, number, font.encode())
        table = file.tell()
        rows = "".join(f"{offsets[number]:010} 00000 n \n" for number in sorted(offsets))
        trailer = f"trailer\n<< /Size {len(offsets) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"
        file.write(f"xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n{rows}{trailer}".encode())
    if made != pages:
        raise ValueError(f"the text fills {made} pages, not {pages}")


def _object(file: BinaryIO, offsets: dict[int, int], number: int, content: bytes) -> None:
    offsets[number] = file.tell()
    file.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))


def _page(number: int) -> str:
    fonts = " ".join(f"/F{index} {index} 0 R" for index in range(3, _FIRST))
    return (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Contents {number + 1} 0 R "
        f"/Resources << /Font << {fonts} >> >> >>"
    )


def _pages(markdown: Iterable[str]) -> Iterator[bytes]:
    """The content of one page after the other."""
    held: list[str] = []
    y, number = _TOP, 1
    for height, drawing in _drawings(markdown):
        if y - height < _BOTTOM:
            held += [_text(_LEFT, 815, 8, 3, "Service manual of the plant"), _text(500, 40, 8, 3, f"Page {number}")]
            yield "\n".join(held).encode("cp1252", "replace")
            held, y, number = [], _TOP, number + 1
        y -= height
        held.append(drawing.replace("@", f"{y}"))


def _drawings(markdown: Iterable[str]) -> Iterator[tuple[int, str]]:
    """What a line of text takes in height, and how it is drawn with "@" for its baseline."""
    for manual in markdown:
        for line in manual.split("\n"):
            if line.startswith("#"):
                level = len(line) - len(line.lstrip("#"))
                size = {1: 18, 2: 13}.get(level, 11)
                yield size + 12, _text(_LEFT, None, size, 4, line.lstrip("# "))
            elif line.startswith("|") and "---" not in line:
                yield 16, _row([cell.strip() for cell in line.strip("|").split("|")])
            elif line.startswith("|"):
                continue
            elif line.startswith("    "):
                yield 12, _text(_LEFT + 10, None, 9, 5, line.strip())
            elif line.strip():
                for part in textwrap.wrap(line, _LETTERS):
                    yield 13, _text(_LEFT, None, 10, 3, part)
            else:
                yield 7, ""


def _row(cells: list[str]) -> str:
    drawn = [_text(_LEFT + 3 + _CELL * place, None, 9, 3, cell[:32]) for place, cell in enumerate(cells)]
    return "\n".join([*drawn, f"{_LEFT} @ m {_LEFT + _CELL * len(cells)} @ l S"])


def _text(x: int, y: int | None, size: int, font: int, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").replace("@", " at ")
    return f"BT /F{font} {size} Tf {x} {'@' if y is None else y} Td ({escaped}) Tj ET"
