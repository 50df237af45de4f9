"""Portions: runs of neighbouring files that are read, split and embedded without regard to any other file.

Where a portion ends depends on the names and sizes of the files alone. That is what makes a cluster's vectors those of
a single machine: an embedder with quantized arithmetic gives a text a slightly different vector in other company, and
the company is chosen within a portion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assistant.ingest.finding import Found

FILES = 128
"""Most files of a portion: of notes of one page some 150 passages, which fill an embedder's calls but for the last."""
BYTES = 250_000
"""Most bytes of a portion, unless one file alone has more: of plain text some 250 passages, a second of one core.
Smaller ones cost Ray's bookkeeping, larger ones are more to do again when a machine is lost."""


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
