"""Turns the rows of a table that is a document by itself into blocks: each row can be found and quoted alone.

It knows no file format. A row becomes a heading, the value that tells it apart from the others, with a paragraph of
"Column: value; Column: value" below it, and so a passage of its own; rows of questions and answers become the question
as a heading with the answer below it. Such rows are looked up one at a time, and a number of the neighbouring row must
not count as evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from assistant.ingest.building import LONGEST_HEADING, DocumentBuilder
from assistant.ingest.cleaning import one_line, shorten
from assistant.ingest.marks import list_mark, prose_kind
from assistant.ingest.readers.columns import asks, is_number, label_columns, looks_like_names, question_and_answer
from assistant.types import BlockKind

MOST_COLUMNS = 500
MOST_ROWS = 300_000
_SAMPLE = 200
"""Rows that are looked at before the first is written."""
_LONG_VALUE = 240
"""Characters from which on a value is a paragraph of its own."""

Cells = Sequence[str]


class TableTooLarge(ValueError):
    """A table has more rows or columns than are read; its text says how many of which."""


class RowBlocks:
    """Appends tables to a builder."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._rows = 0

    def add(self, rows: Iterable[Cells], *, level: int = 2, names: Cells | None = None) -> None:
        """Append the rows of a table.

        Args:
            rows: their cells; a row of blank cells parts one table from the next.
            level: of the headings.
            names: of the columns, where the format tells them; else they are looked for in the first rows.

        Raises:
            TableTooLarge: there are more rows or columns than are read.
        """
        stream = iter(rows)
        sample = list(islice(stream, _SAMPLE))
        table = _Table(self._builder, level, sample, names)
        for row in _chained(sample, stream):
            self._rows += 1
            if len(row) > MOST_COLUMNS:
                raise TableTooLarge(f"more than {MOST_COLUMNS} columns")
            if self._rows > MOST_ROWS:
                raise TableTooLarge(f"more than {MOST_ROWS:,} rows")
            table.add(row)
        table.finish()


def add_text(builder: DocumentBuilder, text: str) -> None:
    """Append a text of several lines: bullets and numbered steps are told apart, other lines make paragraphs."""
    held: list[str] = []

    def flush() -> None:
        paragraph = one_line(" ".join(held))
        if paragraph:
            builder.add(prose_kind(paragraph), paragraph)
        held.clear()

    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        stripped = line.strip()
        mark = list_mark(stripped)
        if mark is not None:
            flush()
            builder.add(mark.kind, f"{mark.label} {stripped[mark.length :]}")
        elif not stripped:
            flush()
        else:
            held.append(stripped)
    flush()


def add_question(builder: DocumentBuilder, question: str, answer: str, *, level: int = 2) -> None:
    """Append a question as a heading with its answer below it; nothing where one of them is blank."""
    question = one_line(question)
    if not question or not answer.strip():
        return
    if len(question) > LONGEST_HEADING:  # which the builder would make a paragraph of the question before it
        builder.add(BlockKind.HEADING, shorten(question, LONGEST_HEADING // 2) + "…", level=level)
    builder.add(BlockKind.HEADING if len(question) <= LONGEST_HEADING else BlockKind.PARAGRAPH, question, level=level)
    add_text(builder, answer)


def add_record(builder: DocumentBuilder, label: str, pairs: Iterable[tuple[str, str]], *, level: int = 2) -> None:
    """Append a row: its label as a heading, then its values with their names; long values as paragraphs."""
    brief: list[str] = []
    long: list[tuple[str, str]] = []
    for name, value in pairs:
        if len(value) > _LONG_VALUE or "\n" in value.strip():
            long.append((name, value))
        elif shown := one_line(value):
            brief.append(f"{name}: {shown}" if name else shown)
    if not brief and not long:
        return
    builder.add(BlockKind.HEADING, shorten(one_line(label), LONGEST_HEADING), level=level)
    builder.add(BlockKind.PARAGRAPH, "; ".join(brief))
    for name, value in long:
        first = list_mark(value.strip()) is None
        add_text(builder, f"{name}: {value.strip()}" if name and first else f"{name}:\n\n{value}" if name else value)


class _Table:
    """What is known in the middle of a table."""

    def __init__(self, builder: DocumentBuilder, level: int, sample: Sequence[Cells], names: Cells | None) -> None:
        self._builder, self._level = builder, level
        self._number = 0
        self._apart = True
        """Whether the row before was blank, or there was none."""
        self._named = names is not None
        self._names: list[str] = []
        self._groups: Cells = ()
        """A row above the names that says what several columns have in common."""
        self._label: tuple[int, ...] = ()
        self._pair: tuple[int, int] | None = None
        """The columns of questions and answers, where it has them."""
        self._sample = sample
        self._wide = max((len(row) for row in sample), default=0) > 1
        self._at = 0
        self._title: str | None = None
        if names is not None:
            self._begin(names)
        elif asks(sample):
            self._pair = (0, 1)
        else:
            self._label = label_columns([row for row in sample if any(cell.strip() for cell in row)])

    def add(self, row: Cells) -> None:
        """Append a row."""
        self._at += 1
        filled = [index for index, cell in enumerate(row) if cell.strip()]
        if not filled:
            self._apart = True
            return
        if self._pair is not None:
            self._question(row, self._pair)
        elif not self._named_by(row, filled):
            self._record(row)
        self._apart = False

    def finish(self) -> None:
        """Append what is waiting at the end."""
        self._flush_title()

    def _named_by(self, row: Cells, filled: Sequence[int]) -> bool:
        """Take a row that is a title or names the columns; False for any other."""
        alone = row[filled[0]] if len(filled) == 1 and self._wide else ""
        if alone and (self._apart or not self._names) and not is_number(alone.strip()):
            self._flush_title()
            self._title = alone
            return True
        fresh = not self._names or self._title is not None or (self._apart and self._is_elsewhere(filled))
        if not self._named and fresh and looks_like_names(row) and self._follows():
            title, self._title = self._title, None
            if title is not None:
                self._builder.add(BlockKind.HEADING, title, level=self._level)
            self._begin(row)
            return True
        if fresh and not self._groups and self._groups_names(row):
            self._groups = row
            return True
        self._flush_title()
        return False

    def _is_elsewhere(self, filled: Sequence[int]) -> bool:
        """Whether a row fills other columns than those that have names."""
        return {index for index, name in enumerate(self._names) if name} != set(filled)

    def _groups_names(self, row: Cells) -> bool:
        """Whether a row has words over several columns, and the one below it names them."""
        words = [cell.strip() for cell in row if cell.strip()]
        below = self._sample[self._at] if self._at < len(self._sample) else ()
        return 1 < len(words) != len(set(words)) and not any(map(is_number, words)) and looks_like_names(below)

    def _follows(self) -> bool:
        """Whether another row stands directly below the one in hand."""
        return self._at >= len(self._sample) or any(cell.strip() for cell in self._sample[self._at])

    def _flush_title(self) -> None:
        if self._title is not None:
            title, self._title = self._title, None
            add_text(self._builder, title)

    def _begin(self, names: Cells) -> None:
        """Take the names of the columns, and choose what the rows below are told apart by."""
        self._names = [one_line(name) for name in names]
        for column, group in enumerate(self._groups[: len(names)]):
            if group.strip() and one_line(group) != self._names[column]:
                self._names[column] = f"{one_line(group)} {self._names[column]}"
        self._groups = ()
        below = [row for row in self._sample[self._at :] if any(cell.strip() for cell in row)]
        self._pair = question_and_answer(self._names)
        self._label = label_columns(below)

    def _question(self, row: Cells, pair: tuple[int, int]) -> None:
        question, answer = (row[index] if index < len(row) else "" for index in pair)
        add_question(self._builder, question, answer, level=self._level + 1)
        if question.strip() and answer.strip():
            rest = [(name, value) for name, value in self._pairs(row) if name and value not in (question, answer)]
            self._builder.add(BlockKind.PARAGRAPH, "; ".join(f"{name}: {one_line(value)}" for name, value in rest))

    def _record(self, row: Cells) -> None:
        self._number += 1
        if not self._names and sum(bool(cell.strip()) for cell in row) == 1:
            self._builder.add(BlockKind.PARAGRAPH, next(cell for cell in row if cell.strip()))
            return
        add_record(self._builder, self._label_of(row), self._pairs(row), level=self._level + 1)

    def _label_of(self, row: Cells) -> str:
        parts = []
        for column in self._label:
            value = row[column].strip() if column < len(row) else ""
            name = self._names[column] if column < len(self._names) else ""
            parts.append(f"{name} {value}".strip() if value and is_number(value) else value)
        return " – ".join(part for part in parts if part) or f"Row {self._number}"

    def _pairs(self, row: Cells) -> Iterator[tuple[str, str]]:
        for column, value in enumerate(row):
            if value.strip():
                yield (self._names[column] if column < len(self._names) else "", value)


def _chained(sample: list[Cells], stream: Iterator[Cells]) -> Iterator[Cells]:
    yield from sample
    yield from stream
