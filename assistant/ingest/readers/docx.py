"""Reads Word documents (DOCX): headings, lists with the numbers that Word shows, tables, warnings, pages.

It knows neither passages nor storage. Headers, footers, notes, comments, macros and what was deleted while changes were
tracked are not read; links and pictures are not followed.
"""

from __future__ import annotations

from pathlib import Path

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.files import MAX_BYTES, hash_file
from assistant.ingest.marks import revision_date
from assistant.ingest.readers.docx_body import Body, Pages
from assistant.ingest.readers.docx_numbering import Numbering
from assistant.ingest.readers.docx_styles import Styles
from assistant.ingest.readers.office_blocks import OfficeBlocks
from assistant.ingest.readers.ooxml import part_events, properties, related, relations
from assistant.ingest.readers.packages import Package
from assistant.ingest.readers.titles import best_title
from assistant.types import Document

_KIND = "a Word document (DOCX)"
_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class DocxReader:
    """Word documents, with or without macros, which are not looked at."""

    suffixes: frozenset[str] = frozenset({".docx", ".docm"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        content_hash = hash_file(path, name, self._max_bytes)
        builder = DocumentBuilder()
        with Package(path, name, _KIND) as package:
            said = properties(package)
            main = related(relations(package, ""), "officeDocument") or "word/document.xml"
            if main not in package:
                raise package.damaged()
            body = _body(package, main, builder, Pages.of(package.pieces(main), said.pages))
            for step, tag, attributes in (stream := part_events(package, main)):
                body.take(step, tag, attributes, stream)
            body.finish()
        return builder.build(
            path,
            name,
            title=best_title(body.title or builder.first_heading(), said.title),
            content_hash=content_hash,
            media_type=_MEDIA_TYPE,
            revised=revision_date(builder.text) or said.modified,
        )


def _body(package: Package, main: str, builder: DocumentBuilder, pages: Pages) -> Body:
    parts = relations(package, main)
    styles_part, numbering_part = related(parts, "styles"), related(parts, "numbering")
    styles = Styles.read(part_events(package, styles_part)) if styles_part else Styles()
    numbering = Numbering.read(part_events(package, numbering_part)) if numbering_part else Numbering()
    numbering.style_links = styles.list_numbers
    return Body(OfficeBlocks(builder), styles, numbering, pages)
