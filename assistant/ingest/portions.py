"""Portions: runs of neighbouring files that are read, split and embedded without regard to any other file.

Where a portion ends depends on the names and sizes of the files alone. That is what makes a cluster's vectors those of
a single machine: an embedder with quantized arithmetic gives a text a slightly different vector in other company, and
the company is chosen within a portion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assistant.ingest.finding import Found

FILES = 256
"""Most files of a portion: some 300 passages of notes of one page, which one core embeds in a few seconds."""
BYTES = 1_000_000
"""Most bytes of a portion, unless one file alone has more: of plain text some 1,000 passages."""


def portions(files: Iterable[Found]) -> Iterator[list[Found]]:
    """Cut `files` into portions, in order."""
    portion: list[Found] = []
    size = 0
    for found in files:
        if portion and (len(portion) == FILES or size + found.size > BYTES):
            yield portion
            portion, size = [], 0
        portion.append(found)
        size += found.size
    if portion:
        yield portion
