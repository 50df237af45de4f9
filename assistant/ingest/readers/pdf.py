"""Reads PDF files page by page: text in reading order with page numbers, headings, lists and tables.

A file may have text on some pages and pictures of text on others; the latter are recognised where Tesseract is there.
It knows neither passages nor storage, and holds a few pages at a time besides the text that it has found. PDFium allows
one caller at a time: read from one thread of a process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from assistant.errors import UnreadableDocument
from assistant.ingest.building import LONGEST_TITLE, DocumentBuilder
from assistant.ingest.cleaning import one_line
from assistant.ingest.files import MAX_BYTES, hash_file
from assistant.ingest.readers.pdf_flow import Flow
from assistant.ingest.readers.pdf_lines import read_lines
from assistant.ingest.readers.pdf_page import read_page
from assistant.ingest.readers.pdf_running import without_running_lines
from assistant.ingest.readers.pdf_scan import Scanner
from assistant.ingest.readers.pdf_styles import Outline, Styles, plain
from assistant.ingest.readers.pdf_tables import with_aligned_tables
from assistant.ingest.readers.pdf_words import Line, PdfPage
from assistant.types import Document

_SAMPLED_PAGES = 14
_MOST_OUTLINE = 20_000
_NO_TITLE = re.compile(
    r"untitled.*|microsoft word.*|slide \d+|document\d*|.*\.(?:docx?|odt|indd|qxd|dvi|tex|fm|pdf|rtf|pptx?)",
    re.IGNORECASE,
)


class PdfReader:
    """PDF files; pages that are only pictures are recognised where Tesseract is installed."""

    suffixes: frozenset[str] = frozenset({".pdf"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._scanner = Scanner()

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        content_hash = hash_file(path, name, self._max_bytes)
        file = _open(path, name)
        try:
            builder, scanned = _read(file, self._scanner)
            metadata = one_line(file.get_metadata_value("Title"))
        except pdfium.PdfiumError as exc:
            raise UnreadableDocument(f"{name} has a damaged page; save it anew from its source and add that.") from exc
        finally:
            file.close()
        if scanned and not builder.text:
            raise UnreadableDocument(_scan(name, recognised=bool(self._scanner.languages)))
        return builder.build(
            path,
            name,
            title=_title(builder.first_heading(), metadata),
            content_hash=content_hash,
            media_type="application/pdf",
        )


def _open(path: Path, name: str) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(path.absolute())
    except pdfium.PdfiumError as exc:
        if exc.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise UnreadableDocument(f"{name} is encrypted; save it without a password and add it again.") from exc
        raise UnreadableDocument(
            f"{name} is not a PDF file or is damaged; save it anew from its source and add that."
        ) from exc
    except FileNotFoundError as exc:
        raise UnreadableDocument(f"{name} is not there; check the path and add it again.") from exc


def _scan(name: str, *, recognised: bool) -> str:
    if recognised:
        return (
            f"{name} is a scan in which text recognition found nothing legible; scan it anew at 300 dpi and add that."
        )
    return (
        f"{name} is a scan, pictures of pages without text; install Tesseract for text recognition "
        "(`apt install tesseract-ocr`, and the pack of its language) and add it again."
    )


def _read(file: pdfium.PdfDocument, scanner: Scanner) -> tuple[DocumentBuilder, bool]:
    """The blocks of a file, and whether it has pages that are only pictures."""
    builder = DocumentBuilder()
    styles = _styles(file)
    flow = Flow(builder, styles)
    pictures: list[int] = []

    def pages() -> Iterator[tuple[PdfPage, list[Line]]]:
        for index in range(len(file)):
            page = read_page(file, index)
            if page.has_images:
                pictures.append(page.number)
                page = scanner.read(file, index, styles.body) or page
            yield page, read_lines(page)

    for page, lines in without_running_lines(pages()):
        flow.add_page(page.number, with_aligned_tables(lines))
    flow.finish()
    return builder, bool(pictures)


def _styles(file: pdfium.PdfDocument) -> Styles:
    count = len(file)
    step = max(1, count // _SAMPLED_PAGES)
    sample = sorted({0, *range(0, count, step)})[: _SAMPLED_PAGES + 1] if count else []
    return Styles.of((read_lines(read_page(file, index)) for index in sample), _outline(file))


def _outline(file: pdfium.PdfDocument) -> Outline:
    """The titles of the outline by page number."""
    found: dict[int, list[tuple[str, int]]] = {}
    for number, entry in enumerate(file.get_toc(max_depth=6)):
        if number >= _MOST_OUTLINE:
            break
        destination = entry.get_dest()
        page = destination.get_index() if destination is not None else None
        title = plain(one_line(entry.get_title()))
        if page is not None and title:
            found.setdefault(page + 1, []).append((title, entry.level))
    return found


def _title(heading: str | None, metadata: str) -> str | None:
    """The document's largest heading, or the title in its properties where that says more."""
    if len(metadata) < 4 or _NO_TITLE.fullmatch(metadata):
        metadata = ""
    if heading is None or (heading.casefold() in metadata.casefold() and len(metadata) <= LONGEST_TITLE):
        return metadata or heading
    return heading
