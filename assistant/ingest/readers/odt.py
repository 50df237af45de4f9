"""Reads OpenDocument texts (ODT): headings, lists with the numbers that LibreOffice shows, tables, warnings, pages.

It knows neither passages nor storage. Headers, footers, notes, comments, macros and what was deleted while changes were
tracked are not read; links and pictures are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.files import MAX_BYTES, hash_file
from assistant.ingest.marks import iso_date, revision_date
from assistant.ingest.readers.numerals import whole
from assistant.ingest.readers.odt_body import Body
from assistant.ingest.readers.odt_styles import StyleReader, Styles
from assistant.ingest.readers.office_blocks import OfficeBlocks
from assistant.ingest.readers.packages import Package
from assistant.ingest.readers.titles import best_title
from assistant.ingest.readers.xml_events import Event, Step, events
from assistant.types import Document

_KIND = "an OpenDocument text (ODT)"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
NAMESPACES = {
    f"{_ODF}:office:1.0": "office",
    f"{_ODF}:text:1.0": "text",
    f"{_ODF}:table:1.0": "table",
    f"{_ODF}:style:1.0": "style",
    f"{_ODF}:drawing:1.0": "draw",
    f"{_ODF}:meta:1.0": "meta",
    f"{_ODF}:manifest:1.0": "manifest",
    f"{_ODF}:xsl-fo-compatible:1.0": "fo",
    f"{_ODF}:svg-compatible:1.0": "svg",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://www.w3.org/1998/Math/MathML": "math",
}
_BREAK = re.compile(rb"<text:soft-page-break\b")
_STYLE_BREAK = re.compile(rb"fo:break-before=\"page\"")
_OVERLAP = 40
_CONTENT = "content.xml"


class OdtReader:
    """OpenDocument texts."""

    suffixes: frozenset[str] = frozenset({".odt"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        content_hash = hash_file(path, name, self._max_bytes)
        builder = DocumentBuilder()
        with Package(path, name, _KIND) as package:
            _check(package)
            title, modified, pages = _meta(package)
            styles = Styles()
            if "styles.xml" in package:
                StyleReader(styles).read(_events(package, "styles.xml"))
            paged = pages > 0 and _breaks(package) == pages - 1
            body = Body(OfficeBlocks(builder), styles, paged=paged)
            _walk(body, StyleReader(styles), _events(package, _CONTENT))
        return builder.build(
            path,
            name,
            title=best_title(body.title or builder.first_heading(), title),
            content_hash=content_hash,
            media_type="application/vnd.oasis.opendocument.text",
            revised=revision_date(builder.text) or modified,
        )


def _events(package: Package, part: str) -> Iterator[Event]:
    return events(package.pieces(part), NAMESPACES, package.damaged)


def _walk(body: Body, styles: StyleReader, stream: Iterator[Event]) -> None:
    """Hand the automatic styles, which come first, to `styles`, and the text to `body`."""
    inside = False
    for step, value, attributes in stream:
        if step is not Step.TEXT and value == "office:text":
            inside = step is Step.ENTER
        elif inside:
            body.take(step, value, attributes, stream)
        elif step is Step.ENTER:
            styles.enter(value, attributes)
        elif step is Step.LEAVE:
            styles.leave(value)
    body.finish()


def _check(package: Package) -> None:
    """Refuse an encrypted document: its manifest says so, and its parts are noise."""
    if "META-INF/manifest.xml" in package:
        for step, tag, _ in _events(package, "META-INF/manifest.xml"):
            if step is Step.ENTER and tag == "manifest:encryption-data":
                raise package.encrypted()
    if "encrypted-package" in package:
        raise package.encrypted()
    if _CONTENT not in package:
        raise package.damaged()


def _meta(package: Package) -> tuple[str, str | None, int]:
    """Title, day of the last change and number of pages, as far as the document says."""
    if "meta.xml" not in package:
        return "", None, 0
    found = {"dc:title": "", "dc:date": ""}
    pages, inside = 0, ""
    for step, value, attributes in _events(package, "meta.xml"):
        if step is Step.TEXT:
            if inside:
                found[inside] += value
            continue
        inside = value if step is Step.ENTER and value in found else ""
        if step is Step.ENTER and value == "meta:document-statistic":
            pages = whole(attributes.get("meta:page-count", ""), 0)
    return found["dc:title"], iso_date(found["dc:date"].partition("T")[0]), pages


def _breaks(package: Package) -> int:
    """How many pages the marks of the text begin; -1 where some begin without a mark.

    A mark stands only where a page was full. A break that a style asks for has none, and where such a style is used
    these bytes do not tell.
    """
    count = 0
    for part in ("styles.xml", _CONTENT):
        tail = b""
        for piece in package.pieces(part) if part in package else ():
            text = tail + piece
            if _STYLE_BREAK.search(text):
                return -1
            end = len(text) - _OVERLAP  # what begins later is counted with the next piece
            count += sum(match.start() < end for match in _BREAK.finditer(text))
            tail = text[max(0, end) :]
        count += len(_BREAK.findall(tail))
    return count
