"""Writes tiny PDF files for tests: lines of text at given places, rules, pictures, an outline, encryption.

Independent of the library that reads them back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

WIDTH, HEIGHT = 595, 842
_FONTS = {"regular": "Helvetica", "bold": "Helvetica-Bold", "mono": "Courier"}


@dataclass
class Page:
    """What one page shows."""

    texts: list[tuple[float, float, float, str, str]] = field(default_factory=list)
    """x, y, size, font ("regular", "bold", "mono") and text."""
    rules: list[tuple[float, float, float, float]] = field(default_factory=list)
    picture: bool = False

    def text(self, x: float, y: float, text: str, *, size: float = 10, font: str = "regular") -> Page:
        """Add a line of text."""
        self.texts.append((x, y, size, font, text))
        return self

    def lines(self, x: float, y: float, *texts: str, leading: float = 13, **style: object) -> Page:
        """Add lines below each other."""
        for number, text in enumerate(texts):
            self.text(x, y - number * leading, text, **style)  # type: ignore[arg-type]
        return self

    def grid(self, xs: list[float], ys: list[float]) -> Page:
        """Add the rules of a table."""
        self.rules += [(xs[0], y, xs[-1], y) for y in ys]
        self.rules += [(x, ys[0], x, ys[-1]) for x in xs]
        return self

    def _content(self) -> bytes:
        parts = []
        for x, y, size, font, text in self.texts:
            escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
            parts.append(f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET")
        parts += [f"{x0} {y0} m {x1} {y1} l S" for x0, y0, x1, y1 in self.rules]
        if self.picture:
            parts.append("q 400 0 0 600 90 120 cm /Picture Do Q")
        return "\n".join(parts).encode("cp1252")


def pdf_bytes(
    *pages: Page, title: str = "", outline: list[tuple[str, int]] | None = None, locked: bool = False
) -> bytes:
    """A PDF file; `outline` lists titles with their pages, counted from 0; `locked` asks for a password."""
    objects: dict[int, bytes] = {}
    fonts = " ".join(f"/{name} {number} 0 R" for number, name in enumerate(_FONTS, start=3))
    for number, base in enumerate(_FONTS.values(), start=3):
        objects[number] = f"<< /Type /Font /Subtype /Type1 /BaseFont /{base} /Encoding /WinAnsiEncoding >>".encode()
    objects[6] = _stream(
        b"\xff", "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"
    )
    first = 10
    kids = [first + 2 * index for index in range(len(pages))]
    for kid, page in zip(kids, pages, strict=True):
        objects[kid] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {kid + 1} 0 R "
            f"/Resources << /Font << {fonts} >> /XObject << /Picture 6 0 R >> >> >>"
        ).encode()
        objects[kid + 1] = _stream(page._content())
    objects[2] = f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>".encode()
    entries = outline or []
    start = first + 2 * len(pages)
    for index, (text, page_index) in enumerate(entries):
        following = f"/Next {start + index + 1} 0 R " if index + 1 < len(entries) else ""
        objects[start + index] = (
            f"<< /Title ({text}) /Parent 7 0 R {following}/Dest [{kids[page_index]} 0 R /Fit] >>".encode()
        )
    objects[7] = b"<< /Type /Outlines >>"
    if entries:
        objects[7] = f"<< /Type /Outlines /First {start} 0 R /Last {start + len(entries) - 1} 0 R >>".encode()
    objects[1] = b"<< /Type /Catalog /Pages 2 0 R /Outlines 7 0 R >>"
    objects[8] = f"<< /Title ({title}) >>".encode()
    if locked:  # keys that no password opens; nothing needs to be encrypted for the reader to ask for one
        key = "41" * 32
        objects[9] = f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{key}> /U <{key}> >>".encode()
    return _file(objects, "/Encrypt 9 0 R /ID [<41> <41>]" if locked else "")


def _stream(data: bytes, entries: str = "") -> bytes:
    return f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def _file(objects: dict[int, bytes], trailer: str) -> bytes:
    data = bytearray(b"%PDF-1.4\n")
    offsets: dict[int, int] = {}
    for number in sorted(objects):
        offsets[number] = len(data)
        data += b"%d 0 obj\n" % number + objects[number] + b"\nendobj\n"
    table = len(data)
    count = max(objects) + 1
    data += f"xref\n0 {count}\n0000000000 65535 f \n".encode()
    for number in range(1, count):
        data += b"%010d 00000 %s \n" % (offsets.get(number, 0), b"n" if number in offsets else b"f")
    data += f"trailer\n<< /Size {count} /Root 1 0 R /Info 8 0 R {trailer} >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(data)
