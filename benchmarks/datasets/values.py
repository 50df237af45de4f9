"""What a data set is once it is read: documents, questions about them, what is known of the answers. Knows no set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

_FILE_NAME = re.compile(r"[\w(][\w .,()+&'-]*")
"""Ids that may become file names: none of them leads out of its folder or is hidden."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is known of its answer."""

    id: str
    """The set's name and the question's number in it ("squad2-17"): what rows call it by. Forms of one question that
    are to be compared (clean and mistyped, last turn and rewritten) share it."""
    text: str
    kind: str
    relevant: frozenset[str] = frozenset()
    """Ids of the documents that answer it; empty when none does, or when the set does not say."""
    answers: tuple[str, ...] = ()
    """Any of these is right; empty where nothing answers it, or the set has none."""
    section: str = ""
    """Heading under which the answer stands, where the set names one."""
    page: int | None = None
    """Page on which it stands, where the set names one."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """Documents, each to become a file of its own, and questions about them."""

    documents: dict[str, str]
    """Text by id; an id is also a file name, without its ending."""
    questions: tuple[Question, ...]
    suffix: str = ".txt"


def write(data: DataSet, folder: Path) -> Path:
    """Write each document into a file below `folder`; returns the folder.

    Raises:
        BenchmarkError: an id is no file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for ident, text in data.documents.items():
        if not _FILE_NAME.fullmatch(ident):
            raise BenchmarkError(
                f"A document of the data set is called {ident!r}, which is no file name; get it again."
            )
        (folder / f"{ident}{data.suffix}").write_text(text, "utf-8")
    return folder
