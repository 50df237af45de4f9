"""Reads EPUB books: their chapters in the order of the spine, through the parts of the HTML reader.

It knows neither passages nor storage. Nothing of a book is executed or fetched, and what a shop has locked stays so.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from assistant.errors import UnreadableDocument
from assistant.ingest.building import DocumentBuilder
from assistant.ingest.decoding import decode
from assistant.ingest.files import MAX_BYTES, MEGABYTE, hash_file
from assistant.ingest.marks import iso_date, revision_date
from assistant.ingest.readers.html_blocks import HtmlBlocks
from assistant.ingest.readers.html_tree import fits, main_content, parse
from assistant.ingest.readers.packages import Package
from assistant.ingest.readers.titles import best_title
from assistant.ingest.readers.xml_events import Event, Step, events
from assistant.types import Document

_KIND = "an EPUB book"
_CONTAINER = "META-INF/container.xml"
_LOCKS = "META-INF/encryption.xml"
_LARGEST_CHAPTER = 8 * MEGABYTE
"""A chapter of this size that is one paragraph of the longest characters takes 240 MB; see also `fits`."""
_CHAPTERS = frozenset({"application/xhtml+xml", "text/html", "application/html+xml", "text/x-oeb1-document"})
_NAMESPACES = {
    "urn:oasis:names:tc:opendocument:xmlns:container": "ocf",
    "http://www.idpf.org/2007/opf": "opf",
    "http://openebook.org/namespaces/oeb-package/1.0/": "opf",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://www.w3.org/2001/04/xmlenc#": "enc",
}


@dataclass(slots=True)
class _Book:
    """What the package document says."""

    title: str = ""
    modified: str | None = None
    issued: str | None = None
    chapters: list[str] = field(default_factory=list)
    """Paths of the chapters, in reading order."""


class EpubReader:
    """EPUB books of version 2 or 3 without a lock."""

    suffixes: frozenset[str] = frozenset({".epub"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        content_hash = hash_file(path, name, self._max_bytes)
        builder = DocumentBuilder()
        with Package(path, name, _KIND) as package:
            book = _book(package)
            locked = _locked(package)
            for chapter in book.chapters:
                if chapter in locked:
                    raise UnreadableDocument(
                        f"{name} is locked by its seller; get a copy without protection and add that."
                    )
                _add_chapter(builder, package, chapter)
        return builder.build(
            path,
            name,
            title=best_title(builder.first_heading(), book.title) if len(book.title) < 4 else book.title,
            content_hash=content_hash,
            media_type="application/epub+zip",
            revised=revision_date(builder.text) or book.modified or book.issued,
        )


def _add_chapter(builder: DocumentBuilder, package: Package, chapter: str) -> None:
    data = package.read(chapter, _LARGEST_CHAPTER)
    try:
        html = decode(data, chapter)
    except UnreadableDocument as exc:  # a chapter that is no text
        raise package.damaged() from exc
    if not fits(html):
        raise package.too_large()
    root = main_content(parse(html))
    if root is not None:
        HtmlBlocks(builder).add(root)


def _events(package: Package, part: str) -> Iterator[Event]:
    return events(package.pieces(part), _NAMESPACES, package.damaged)


def _book(package: Package) -> _Book:
    if _CONTAINER not in package:
        raise package.damaged()
    root = next(
        (
            attributes.get("full-path", "")
            for step, tag, attributes in _events(package, _CONTAINER)
            if step is Step.ENTER and tag == "ocf:rootfile"
        ),
        "",
    )
    if root not in package:
        raise package.damaged()
    book = _read_package_document(_events(package, root), posixpath.dirname(root))
    book.chapters = [chapter for chapter in book.chapters if chapter in package]
    if not book.chapters:
        raise package.damaged()
    return book


def _read_package_document(stream: Iterator[Event], folder: str) -> _Book:
    book = _Book()
    files: dict[str, str] = {}
    taken: set[str] = set()
    into, words = "", [""]
    for step, value, attributes in stream:
        if step is Step.TEXT:
            words.append(value)
        elif step is Step.LEAVE:
            _metadata(book, into, "".join(words).strip())
            into, words = "", [""]
        elif value == "opf:item":
            navigation = "nav" in attributes.get("properties", "").split()
            if attributes.get("media-type") in _CHAPTERS and not navigation:
                files[attributes.get("id", "")] = _path(folder, attributes.get("href", ""))
        elif value == "opf:itemref":
            chapter = files.get(attributes.get("idref", ""))
            if chapter and chapter not in taken and attributes.get("linear") != "no":
                taken.add(chapter)
                book.chapters.append(chapter)
        else:
            into, words = attributes.get("property", value), [""]
    return book


def _metadata(book: _Book, what: str, text: str) -> None:
    if what == "dc:title":
        book.title = book.title or text
    elif what == "dcterms:modified":
        book.modified = iso_date(text.partition("T")[0])
    elif what == "dc:date":
        book.issued = book.issued or iso_date(text.partition("T")[0])


def _locked(package: Package) -> set[str]:
    """Members that are encrypted; books often have encrypted fonts, which do not matter."""
    if _LOCKS not in package:
        return set()
    return {
        unquote(attributes.get("URI", ""))
        for step, tag, attributes in _events(package, _LOCKS)
        if step is Step.ENTER and tag == "enc:CipherReference"
    }


def _path(folder: str, href: str) -> str:
    target = unquote(href.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
