"""Lines of cells as aligned text or as Markdown. Pure; knows nothing of what the cells mean.

Cells come from result files that anybody may have written: what would break a line or steer a terminal is made visible.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A header and its lines; a column that is empty in every line is not shown."""

    header: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]

    def shown(self) -> list[tuple[str, ...]]:
        """Header and lines without the empty columns."""
        kept = [index for index in range(len(self.header)) if any(line[index] for line in self.lines)]
        return [tuple(plain(line[index]) for index in kept) for line in (self.header, *self.lines)]


def plain(text: str) -> str:
    """The text in one line: control characters (line ends, colours, cursor moves) as their escapes."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def escaped(text: str) -> str:
    """The text in one line, for Markdown that may hold HTML: no tag in it becomes one."""
    return html.escape(plain(text), quote=False)


def text_table(table: Table) -> str:
    """Columns aligned with spaces."""
    shown = table.shown()
    widths = [max(len(line[index]) for line in shown) for index in range(len(shown[0]))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in shown]
    return "\n".join([rows[0], "  ".join("-" * width for width in widths), *rows[1:]])


def markdown_table(table: Table) -> str:
    """A table of GitHub's Markdown; bars and tags in cells are escaped."""
    rows = ["| " + " | ".join(escaped(cell).replace("|", "\\|") for cell in line) + " |" for line in table.shown()]
    return "\n".join([rows[0], "|" + " --- |" * len(table.shown()[0]), *rows[1:]])
