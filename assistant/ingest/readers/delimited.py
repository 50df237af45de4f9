"""Reads tables in text files (CSV, TSV): each row with the names of its columns, questions with their answers.

It knows neither passages nor storage. Values are never computed with: what stands in the file is what is stored.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from assistant.errors import UnreadableDocument
from assistant.ingest.building import DocumentBuilder
from assistant.ingest.decoding import decode
from assistant.ingest.files import MEGABYTE, hash_bytes, read_bytes
from assistant.ingest.readers.rows import RowBlocks, TableTooLarge
from assistant.types import Document

MAX_BYTES = 64 * MEGABYTE
_SAMPLE = 1 << 15
_SAMPLED_ROWS = 60
_DELIMITERS = "\t;|,"
"""Tried in this order: commas also stand in numbers and sentences, and the first that fits best wins."""
_SEPARATOR_LINE = "sep="


class DelimitedReader:
    """Files of rows whose cells are parted by commas, semicolons, tabs or bars."""

    suffixes: frozenset[str] = frozenset({".csv", ".tsv"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        data = read_bytes(path, name, self._max_bytes)
        text = decode(data, name)
        builder = DocumentBuilder()
        try:
            RowBlocks(builder).add(_rows(text))
        except csv.Error as exc:
            raise UnreadableDocument(
                f"{name} has a cell without an end; close its quotation mark and add it again."
            ) from exc
        except TableTooLarge as exc:
            raise UnreadableDocument(f"{name} has {exc}; split it into parts and add those.") from exc
        return builder.build(path, name, title=None, content_hash=hash_bytes(data), media_type=_media_type(path))


def _media_type(path: Path) -> str:
    return "text/tab-separated-values" if path.suffix.lower() == ".tsv" else "text/csv"


def _rows(text: str) -> Iterator[list[str]]:
    text, delimiter = _delimiter(text)
    if text.count('"') % 2:  # one of them is a sign for inches: taken as a quotation mark it would swallow the rest
        return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _delimiter(text: str) -> tuple[str, str]:
    """The text, and what parts its cells: the sign that most rows have equally often."""
    first, _, rest = text.partition("\n")
    line = first.strip().strip('"').casefold()
    if line.startswith(_SEPARATOR_LINE) and len(line) == len(_SEPARATOR_LINE) + 1:
        return rest, line[-1]
    if line == _SEPARATOR_LINE and "\t" in first:
        return rest, "\t"
    sample = text[:_SAMPLE]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    return text, max(_DELIMITERS, key=lambda sign: _fit(sample, sign))


def _fit(sample: str, delimiter: str) -> float:
    """How evenly `delimiter` parts the rows of a sample, 0 to 1."""
    counts: Counter[int] = Counter()
    try:
        for number, row in enumerate(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)):
            if number >= _SAMPLED_ROWS:
                break
            if any(cell.strip() for cell in row):
                counts[len(row)] += 1
    except csv.Error:
        return 0.0
    parted = {width: count for width, count in counts.items() if width > 1}
    if not parted:
        return 0.0
    return max(parted.values()) / counts.total()
