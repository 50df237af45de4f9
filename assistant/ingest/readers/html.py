"""Reads HTML pages: their main content, not their menus.

It knows neither passages nor storage. Nothing of a page is executed or fetched.
"""

from __future__ import annotations

import re
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from assistant.errors import UnreadableDocument
from assistant.ingest.building import LONGEST_TITLE, DocumentBuilder
from assistant.ingest.cleaning import one_line
from assistant.ingest.decoding import decode
from assistant.ingest.files import MEGABYTE, hash_bytes, read_bytes
from assistant.ingest.readers.html_blocks import HtmlBlocks
from assistant.ingest.readers.html_tree import fits, main_content, parse
from assistant.types import Document

MAX_BYTES = 12 * MEGABYTE
"""A page of this size that is one paragraph of the longest characters takes 350 MB, one of sentences 50 MB."""
_DECLARED = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,30})", re.IGNORECASE)
# Only encodings of text: Python's codecs also hold escapes and transformations that a page could name.
_KNOWN = re.compile(
    r"utf-?8|iso-8859-\d{1,2}|windows-\d{3,4}|cp\d{3,4}|latin-?\d|koi8-[ru]|shift[_-]jis|euc-(?:jp|kr)|iso-2022-jp"
    r"|gb2312|gbk|gb18030|big5|macintosh|us-ascii",
    re.IGNORECASE,
)
# By the HTML standard pages that claim the narrower encoding are read as the wider one.
_WIDER = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "us-ascii": "cp1252",
    "macintosh": "mac-roman",
}


class HtmlReader:
    """HTML and XHTML pages."""

    suffixes: frozenset[str] = frozenset({".html", ".htm", ".xhtml"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        return html_document(read_bytes(path, name, self._max_bytes), path, name)


def html_document(data: bytes, path: Path, name: str, title: str = "") -> Document:
    """The document of a page whose bytes came from `path`; without a title it gets the page's own.

    Raises:
        UnreadableDocument: it is not text or holds none.
    """
    html = decode(data, name, _declared_encoding(data))
    if not fits(html):
        raise UnreadableDocument(f"{name} has more elements than a page can hold; split it into parts and add those.")
    tree = parse(html)
    builder = DocumentBuilder()
    root = main_content(tree)
    if root is not None:
        HtmlBlocks(builder).add(root)
    return builder.build(
        path,
        name,
        title=title or _title(tree, builder.first_heading()),
        content_hash=hash_bytes(data),
        media_type="text/html",
    )


def _declared_encoding(data: bytes) -> str | None:
    match = _DECLARED.search(data[:4_096])
    if match is None:
        return None
    encoding = match.group(1).decode("ascii").lower()
    if not _KNOWN.fullmatch(encoding):
        return None
    return _WIDER.get(encoding, encoding.replace("windows-", "cp"))


def _title(tree: LexborHTMLParser, heading: str | None) -> str | None:
    """The first H1; or the page's <title> where there is none, or where it holds the H1 and more.

    Manuals of several pages name the product in <title> only: "Caffè Otto K8 – Operation" above an H1 "Operation".
    """
    head = tree.head
    node = head.css_first("title") if head is not None else None
    title = one_line(node.text()) if node is not None else ""
    if heading is None or (heading.casefold() in title.casefold() and len(title) <= LONGEST_TITLE):
        return title or heading
    return heading
