"""Reads reStructuredText, that of Sphinx too: mark-up goes, words stay.

It knows neither passages nor storage. No directive reads another file, fetches or executes anything.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Parser
from docutils.readers import standalone
from docutils.transforms import Transform
from docutils.transforms.references import DanglingReferences, Substitutions

from assistant.errors import UnreadableDocument
from assistant.ingest.building import DocumentBuilder
from assistant.ingest.decoding import decode
from assistant.ingest.files import MEGABYTE, hash_bytes, read_bytes
from assistant.ingest.readers.rst_blocks import RstBlocks
from assistant.ingest.readers.rst_markup import prepare
from assistant.types import Document

MAX_BYTES = 2 * MEGABYTE
"""docutils reads some 200 kB a second and holds a hundred times the file in memory."""
_MOST_SECONDS = 15.0
"""Of processor time; mark-up that is made to be slow ends here."""
_LONGEST_LINE = 2_000
_DEAREST_PARAGRAPH = 1_000_000
"""Signs of mark-up times characters of a paragraph: docutils looks for the end of each sign in all that follows."""
_DEAREST_TEXT = 50_000_000
"""The same, of all paragraphs together."""
_DEEPEST = 40
"""Columns by which a line that is cut is set in."""
_PARAGRAPH = re.compile(r"(?:[^\n]*\S[^\n]*\n?)+")
_GRID = re.compile(r"\s*(?:\+[-=+]{3,}|={2,}[= ]*$)", re.MULTILINE)
_MARKUP = re.compile(r"[*`|_\[\]:]")
_SETTINGS = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "input_encoding": "unicode",
    "syntax_highlight": "none",
    "smart_quotes": False,
    "doctitle_xform": True,
    "sectsubtitle_xform": False,
    "pep_references": False,
    "rfc_references": False,
    "trim_footnote_reference_space": True,
    "line_length_limit": 4 * _LONGEST_LINE,
}


class RstReader:
    """reStructuredText files."""

    suffixes: frozenset[str] = frozenset({".rst"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        data = read_bytes(path, name, self._max_bytes)
        text = decode(data, name)
        builder = DocumentBuilder()
        blocks = RstBlocks(builder)
        try:
            blocks.add(_tree(_Tamer().tame(text)))
        except RecursionError as exc:
            raise UnreadableDocument(f"{name} nests too deep; save it as HTML and add that.") from exc
        except _TooSlow as exc:
            raise UnreadableDocument(f"{name} takes too long to read; split it into parts and add those.") from exc
        return builder.build(
            path,
            name,
            title=builder.first_heading(),
            content_hash=hash_bytes(data),
            media_type="text/x-rst",
            revised=blocks.revised,
        )


class _TooSlow(Exception):
    """Reading has taken longer than any document should."""


class _BoundedParser(Parser):
    """docutils' parser, within a time."""

    def setup_parse(self, inputstring: str, document: nodes.document) -> None:
        """Look at the clock whenever the parser tells which line it has come to, which it does at each."""
        super().setup_parse(inputstring, document)
        end = time.thread_time() + _MOST_SECONDS

        def note_source(*_: object) -> None:
            if time.thread_time() > end:
                raise _TooSlow

        document.note_source = note_source  # type: ignore[assignment,method-assign]


class _PlainReader(standalone.Reader):  # type: ignore[type-arg]  # it is generic in its stubs only
    """docutils' reader, without what puts substitutions in their places: each can hold two others, and so on."""

    def get_transforms(self) -> list[type[Transform]]:
        """The changes to the tree that are made after parsing."""
        left_out = (Substitutions, DanglingReferences)
        return [transform for transform in super().get_transforms() if transform not in left_out]


def _tree(text: str) -> nodes.document:
    prepare(text)
    tree: nodes.document = publish_doctree(
        text, reader=_PlainReader(), parser=_BoundedParser(), settings_overrides=_SETTINGS
    )
    return tree


class _Tamer:
    """Takes what makes docutils slow out of a text: endless lines, and too much mark-up in one paragraph."""

    def __init__(self) -> None:
        self._cost = 0

    def tame(self, text: str) -> str:
        """`text` with lines of bearable length, and without the mark-up of paragraphs that cost too much."""
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        lines = text.split("\n")
        if any(len(line) > _LONGEST_LINE for line in lines):
            text = "\n".join(_wrapped(line) for line in lines)
        return _PARAGRAPH.sub(self._bearable, text)

    def _bearable(self, match: re.Match[str]) -> str:
        paragraph = match.group()
        if _GRID.match(paragraph):  # the bars of a table
            return paragraph
        cost = len(_MARKUP.findall(paragraph)) * len(paragraph)
        if cost <= _DEAREST_PARAGRAPH and self._cost + cost <= _DEAREST_TEXT:
            self._cost += cost
            return paragraph
        return _MARKUP.sub(" ", paragraph)


def _wrapped(line: str) -> str:
    """A line in parts of bearable length, all set in alike."""
    if len(line) <= _LONGEST_LINE:
        return line
    margin = line[: min(len(line) - len(line.lstrip()), _DEEPEST)]
    parts, rest = [], line.strip()
    while len(rest) > _LONGEST_LINE:
        space = rest.rfind(" ", _LONGEST_LINE // 2, _LONGEST_LINE)
        cut = space if space > 0 else _LONGEST_LINE
        parts.append(margin + rest[:cut])
        rest = rest[cut:].lstrip()
    return "\n".join([*parts, margin + rest])
