"""Reads ZIM archives, such as those of Wikipedia and iFixit: each HTML page in one is an article, a document by itself.

It knows the archive's header and checksum; entries and clusters are read by libzim in a process of its own (see
`zim_child`), which only the extra `zim` brings. It knows neither passages nor storage.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from assistant.errors import UnreadableDocument
from assistant.ingest.files import hash_bytes, opened
from assistant.ingest.readers.html import html_document
from assistant.ingest.readers.zim_pages import BrokenArchive, Page, pages
from assistant.types import Document

_MAGIC = 72_173_914
_HEADER = struct.Struct("<IHH16sIIQQQQIIQ")
"""Magic number, version, UUID, entries, clusters, five positions and two pages, position of the checksum; see the
description of the format at openzim.org."""
_CHECKSUM = 16
"""Bytes of MD5 at the end of the file, of everything before them."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Header:
    edition: str
    entries: int
    checksum: bytes


@dataclass(frozen=True, slots=True)
class ZimArticle:
    """One page of an archive; see `assistant.protocols.Article`."""

    source: str
    name: str
    content_hash: str
    share: float
    _archive: Path
    _page: Page

    def read(self) -> Document:
        """Read the page; see `assistant.protocols.Article`."""
        title = self._page.title if self._page.title != self._page.path else ""  # libzim's word for none
        document = html_document(self._page.content, self._archive, self.name, title=title)
        return replace(document, source=self.source, archive=str(self._archive))


class ZimReader:
    """ZIM archives of version 5 or 6; see `assistant.protocols.ArchiveReader`."""

    suffixes: frozenset[str] = frozenset({".zim"})

    def edition(self, path: Path, name: str) -> str:
        """What names the archive's content: the UUID and the checksum that it carries itself."""
        with opened(path, name, None) as file:
            return _header(file, name).edition

    def articles(self, path: Path, name: str, progress: Callable[[float], None]) -> Iterator[ZimArticle]:
        """Yield the articles one after the other, the checksum having been verified."""
        if find_spec("libzim") is None:
            raise UnreadableDocument(
                f"{name} is a ZIM archive, and what reads those is not on this machine; "
                "install it with `pip install 'fieldmate[zim]'` and add it again."
            )
        with opened(path, name, None) as file:
            header = _header(file, name)
            _verify(file, header, name, progress)
        archive = path.absolute()
        try:
            for page in pages(archive):
                yield ZimArticle(
                    source=f"{archive}/{page.path}",
                    name=f"{name}/{page.path}",
                    content_hash=hash_bytes(page.content),
                    share=min(1.0, page.number / max(1, header.entries)),
                    _archive=archive,
                    _page=page,
                )
        except BrokenArchive as exc:
            raise _damaged(name) from exc


def _header(file: BinaryIO, name: str) -> _Header:
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise _damaged(name)
    magic, major, _, uuid, entries, *_, checksum_at = _HEADER.unpack(head)
    if magic != _MAGIC or major not in (5, 6) or checksum_at != size - _CHECKSUM:
        raise _damaged(name)
    file.seek(checksum_at)
    checksum = file.read(_CHECKSUM)
    return _Header(f"zim:{UUID(bytes=uuid)}:md5:{checksum.hex()}", entries, checksum)


def _verify(file: BinaryIO, header: _Header, name: str, progress: Callable[[float], None]) -> None:
    """Refuse an archive of which a bit has changed, before anything follows its offsets."""
    total = file.seek(0, 2) - _CHECKSUM
    file.seek(0)
    digest = hashlib.md5(usedforsecurity=False)
    done = 0
    while piece := file.read(min(_PIECE, total - done)):
        digest.update(piece)
        done += len(piece)
        progress(done / total)
    if digest.digest() != header.checksum:
        raise _damaged(name)


def _damaged(name: str) -> UnreadableDocument:
    return UnreadableDocument(
        f"{name} is damaged, was not downloaded to its end or is not a ZIM archive; download it again and add that."
    )
