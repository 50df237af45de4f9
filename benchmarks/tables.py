"""Lines of cells as aligned text or as Markdown. Pure; knows nothing of what the cells mean."""

from __future__ import annotations

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
        return [tuple(line[index] for index in kept) for line in (self.header, *self.lines)]


def text_table(table: Table) -> str:
    """Columns aligned with spaces."""
    shown = table.shown()
    widths = [max(len(line[index]) for line in shown) for index in range(len(shown[0]))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in shown]
    return "\n".join([rows[0], "  ".join("-" * width for width in widths), *rows[1:]])


def markdown_table(table: Table) -> str:
    """A table of GitHub's Markdown; bars in cells are escaped."""
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in table.shown()]
    return "\n".join([rows[0], "|" + " --- |" * len(table.shown()[0]), *rows[1:]])
