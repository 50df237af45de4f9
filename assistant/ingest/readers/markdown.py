"""Reads Markdown: mark-up goes, words stay.

It knows neither passages nor storage. Passages are quoted and spoken, so the stored text is what a person would see of
the rendered page: no asterisks, no link targets, no HTML tags, and nothing that is struck out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.decoding import decode
from assistant.ingest.files import MEGABYTE, hash_bytes, read_bytes
from assistant.ingest.marks import is_warning, iso_date, prose_kind
from assistant.ingest.readers.html_blocks import add_html
from assistant.types import BlockKind, Document

MAX_BYTES = 32 * MEGABYTE
"""The parser holds some twenty times the file in memory."""
_LONGEST_INLINE = 10_000
"""Characters of one paragraph beyond which its mark-up is left alone: matching emphasis costs more than linear time."""
_DEEPEST = 120
"""Levels of lists and quotes; each takes a few frames of the interpreter's stack, and what is deeper is not read."""
_QUOTE_RUN = re.compile(r"^((?:[ \t]*>){40})(?:[ \t]*>)+", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^(title|date|revised|updated|version)[ \t]*:[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)
_ALERT = re.compile(r"\[!(WARNING|CAUTION|DANGER|NOTE|TIP|IMPORTANT)\]\s*", re.IGNORECASE)
_TASK = re.compile(r"\[[ xX]\]\s+")


class MarkdownReader:
    """Files in CommonMark with tables and strike-through."""

    suffixes: frozenset[str] = frozenset({".md", ".markdown"})

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; see `assistant.protocols.Reader`."""
        data = read_bytes(path, name, self._max_bytes)
        text = decode(data, name).replace("\r\n", "\n").replace("\r", "\n")
        fields, body = _front_matter(text)
        builder = DocumentBuilder()
        _Blocks(builder).add(_parser().parse(_QUOTE_RUN.sub(r"\1", body)))
        return builder.build(
            path,
            name,
            title=builder.first_heading() or fields.get("title"),
            content_hash=hash_bytes(data),
            media_type="text/markdown",
            revised=next((date for value in fields.values() if (date := iso_date(value))), None),
        )


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    return parser.disable("inline")  # done here instead, paragraph by paragraph, with a bound on its length


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """The fields of a YAML head that say something about the document, and the text behind it."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    fields = {key.lower(): value.strip().strip("\"'") for key, value in _FIELD.findall(match.group(1))}
    return fields, text[match.end() :]


@dataclass(slots=True)
class _List:
    ordered: bool
    mark: str = ""
    """What the next text of the current item begins with; empty once it is used."""


class _Blocks:
    """Turns the parser's flat token stream into blocks."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._inline = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable("strikethrough")
        self._lists: list[_List] = []
        self._quotes: list[bool] = []
        """For each block quote that is open: whether it began as a warning."""
        self._row: list[str] | None = None
        self._in_head = False
        self._heading = 0

    def add(self, tokens: Iterable[Token]) -> None:
        """Append the blocks of `tokens` to the builder."""
        for token in tokens:
            if token.type == "inline":
                self._text(self._plain(token.content))
            elif token.type in ("fence", "code_block"):
                self._builder.add(BlockKind.CODE, token.content)
            elif token.type == "html_block":
                add_html(self._builder, token.content)
            elif (handler := getattr(self, f"_{token.type}", None)) is not None:
                handler(token)

    def _text(self, text: str) -> None:
        add = self._builder.add
        if self._row is not None:
            self._row.append(text)
        elif self._heading and not self._lists and not self._quotes:
            add(BlockKind.HEADING, text, level=self._heading)
        elif self._lists and self._lists[-1].mark:
            current = self._lists[-1]
            kind = BlockKind.STEP if current.ordered else BlockKind.LIST_ITEM
            add(kind, f"{current.mark} {_TASK.sub('', text, count=1)}", level=len(self._lists) - 1)
            current.mark = ""
        else:
            self._prose(text)

    def _prose(self, text: str) -> None:
        if self._quotes:
            text = _ALERT.sub(lambda match: f"{match.group(1).upper()}: ", text, count=1)
            self._quotes[-1] = self._quotes[-1] or is_warning(text)
        warned = bool(self._quotes) and self._quotes[-1]
        self._builder.add(BlockKind.WARNING if warned else prose_kind(text), text)

    def _plain(self, content: str) -> str:
        """The words of a paragraph without its mark-up."""
        if len(content) > _LONGEST_INLINE:
            return content
        children: list[Token] = []
        self._inline.inline.parse(content, self._inline, {}, children)
        parts: list[str] = []
        struck = 0
        for child in children:
            if child.type in ("s_open", "s_close"):
                struck += 1 if child.type == "s_open" else -1
            elif struck:
                continue
            elif child.type in ("softbreak", "hardbreak") or child.content.lower().startswith("<br"):
                parts.append(" ")
            elif child.type != "html_inline":
                parts.append(child.content)
        return "".join(parts)

    def _heading_open(self, token: Token) -> None:
        self._heading = int(token.tag[1])

    def _heading_close(self, _token: Token) -> None:
        self._heading = 0

    def _bullet_list_open(self, _token: Token) -> None:
        self._lists.append(_List(ordered=False))

    def _ordered_list_open(self, _token: Token) -> None:
        self._lists.append(_List(ordered=True))

    def _list_item_open(self, token: Token) -> None:
        self._lists[-1].mark = f"{token.info}." if self._lists[-1].ordered else "-"

    def _bullet_list_close(self, _token: Token) -> None:
        self._lists.pop()

    _ordered_list_close = _bullet_list_close

    def _blockquote_open(self, _token: Token) -> None:
        self._quotes.append(False)

    def _blockquote_close(self, _token: Token) -> None:
        self._quotes.pop()

    def _thead_open(self, _token: Token) -> None:
        self._in_head = True

    def _thead_close(self, _token: Token) -> None:
        self._in_head = False

    def _tr_open(self, _token: Token) -> None:
        self._row = []

    def _tr_close(self, _token: Token) -> None:
        self._builder.add_row(self._row or [], header=self._in_head)
        self._row = None
