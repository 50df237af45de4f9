"""Writes tiny ZIM archives for tests with libzim's own writer, and mends the checksum of a damaged one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from libzim.writer import Creator, Hint, Item, StringProvider


class _Entry(Item):  # type: ignore[misc]  # libzim tells its checker nothing of this class
    def __init__(self, path: str, title: str, content: str | bytes, kind: str) -> None:
        super().__init__()
        self._about = path, title, content, kind

    def get_path(self) -> str:
        return self._about[0]

    def get_title(self) -> str:
        return self._about[1]

    def get_mimetype(self) -> str:
        return self._about[3]

    def get_contentprovider(self) -> StringProvider:
        return StringProvider(self._about[2])

    def get_hints(self) -> dict[Hint, int]:
        return {Hint.FRONT_ARTICLE: 1} if self._about[3].startswith("text/html") else {}


def write_zim(
    path: Path,
    pages: Mapping[str, str],
    *,
    titles: Mapping[str, str] | None = None,
    others: Mapping[str, tuple[str, bytes]] | None = None,
    redirects: Mapping[str, str] | None = None,
) -> Path:
    """Write an archive of HTML pages by path; `others` are (kind, content) by path, `redirects` paths by path."""
    path.unlink(missing_ok=True)
    with Creator(path).config_indexing(False, "eng").config_nbworkers(1) as creator:
        for entry, html in pages.items():
            creator.add_item(_Entry(entry, (titles or {}).get(entry, ""), html, "text/html"))
        for entry, (kind, content) in (others or {}).items():
            creator.add_item(_Entry(entry, "", content, kind))
        for entry, target in (redirects or {}).items():
            creator.add_redirection(entry, "", target, {})
        creator.add_metadata("Title", "Test archive")
    return path


def with_right_checksum(data: bytes) -> bytes:
    """`data` with the position and value of its checksum set right: what somebody who means harm would do."""
    mended = bytearray(data)
    if len(mended) >= 96:
        mended[72:80] = (len(mended) - 16).to_bytes(8, "little")
        mended[-16:] = hashlib.md5(mended[:-16]).digest()
    return bytes(mended)
