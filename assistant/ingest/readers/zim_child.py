"""The program that reads a ZIM archive in a process of its own and writes its pages to standard output.

It knows libzim and nothing of Fieldmate. libzim is C++ that follows offsets of the file: what a hostile archive can do
there (a crash, a cluster that unpacks to gigabytes) ends this process and no other. libzim is GPL-3.0, and no other
process of Fieldmate loads it.

Each frame is `HEAD`: its kind, the number of the entry, and the lengths of the path, title and content that follow.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from typing import BinaryIO

HEAD = struct.Struct("<cQIII")
PAGE, PASSED, END = b"p", b".", b"e"
"""Kinds of frames: a page; entries that were none were passed; all entries were seen, and so many there are."""
LARGEST_PATH = 1 << 16
LARGEST_PAGE = 16_000_000
"""Bytes of one page; the longest of Wikipedia has about 6 MB."""
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_MEMORY = 512 << 20
"""Bytes that this process may have for itself. Clusters of honest archives unpack to 2 MB (libzim's default)."""
_CACHE = 16 << 20
"""Bytes of unpacked clusters that libzim keeps; entries come in the order of their paths, not of their clusters."""
_PASSED_EVERY = 1_000


def main(path: str) -> None:
    """Write the pages of the archive at `path`, in the order of their paths."""
    _limit()
    from libzim.reader import Archive, set_cluster_cache_max_size

    set_cluster_cache_max_size(_CACHE)
    archive = Archive(path)
    count = archive.all_entry_count
    with os.fdopen(1, "wb") as out:
        for index in range(count):
            if index % _PASSED_EVERY == 0:
                out.write(HEAD.pack(PASSED, index, 0, 0, 0))
                out.flush()
            try:
                _write_page(out, archive, index)
            except (RuntimeError, LookupError, ValueError):
                continue  # an entry that its maker left broken: the archive's own checksum was right
        out.write(HEAD.pack(END, count, 0, 0, 0))


def _write_page(out: BinaryIO, archive: object, index: int) -> None:
    entry = archive._get_entry_by_id(index)  # type: ignore[attr-defined]  # the only way to come by all entries
    if entry.is_redirect:
        return
    item = entry.get_item()
    if item.mimetype.partition(";")[0].strip().lower() not in _PAGES or not 0 < item.size <= LARGEST_PAGE:
        return
    path, title, content = entry.path.encode(), entry.title.encode(), bytes(item.content)
    if 0 < len(path) <= LARGEST_PATH and len(title) <= LARGEST_PATH:
        out.write(HEAD.pack(PAGE, index, len(path), len(title), len(content)) + path + title + content)


def _limit() -> None:
    """Bound the memory, and leave no core file behind."""
    for kind, most in ((resource.RLIMIT_DATA, _MEMORY), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main(sys.argv[1])
