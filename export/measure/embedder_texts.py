"""The passages and questions that an embedder is measured with, read from files of a plain form.

Passages: JSON lines with "id" and "text"; or a .txt or .md file, or a folder of them, whose paragraphs are joined to
passages of up to 120 words with ids like "pump.md#3". Questions: JSON lines with "question" and "relevant", a list of
ids of passages or of what stands before the "#" of their ids. Knows no embedder and no data set.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.errors import SourceError

WORDS = 120
"""Of a passage that is joined from paragraphs; a longer paragraph stays whole."""
FEWEST = 20
"""Passages; with fewer, the ten nearest are most of them and their overlap says nothing."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the places that answer it."""

    text: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Texts:
    """What an embedder is measured with."""

    ids: tuple[str, ...]
    passages: tuple[str, ...]
    """In the order of their ids."""
    questions: tuple[Question, ...]
    """Empty where none were given: then passages are their own questions."""
    name: str
    """Of the passages' file or folder."""

    @property
    def sha256(self) -> str:
        """Hash of all passages and questions."""
        told = [[*zip(self.ids, self.passages, strict=True)], [(q.text, sorted(q.relevant)) for q in self.questions]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def answers(self, question: Question) -> frozenset[int]:
        """Return the positions of the passages that answer a question."""
        wanted = question.relevant
        return frozenset(at for at, ident in enumerate(self.ids) if {ident, ident.split("#", 1)[0]} & wanted)


def sentences(path: Path) -> Texts:
    """Return the lines of a file as passages, which are their own questions."""
    lines = [line for line in _text(path).splitlines() if line.strip()]
    return Texts(tuple(f"line-{number}" for number in range(len(lines))), tuple(lines), (), path.name)


def read(passages: Path, questions: Path | None) -> Texts:
    """Return the texts of both files. Raises SourceError with the file and line that cannot be used."""
    if not passages.exists():
        raise SourceError(f"There is no {passages}; name a file or folder of passages with --passages.")
    found = [*_passages(passages)]
    if len(found) < FEWEST:
        raise SourceError(f"{passages} holds {len(found)} passages; name one with at least {FEWEST}.")
    if len({ident for ident, _ in found}) < len(found):
        raise SourceError(f"Two passages of {passages} have the same id; give each its own.")
    ids, texts = zip(*found, strict=True)
    asked = tuple(_questions(questions)) if questions is not None else ()
    whole = Texts(ids, texts, asked, passages.name)
    if questions is not None and not any(whole.answers(question) for question in asked):
        raise SourceError(f"No question of {questions} names a passage of {passages}; the ids belong to other files.")
    return whole


def _passages(path: Path) -> Iterator[tuple[str, str]]:
    if path.is_dir():
        for file in sorted(each for each in path.rglob("*") if each.suffix in (".md", ".txt")):
            yield from _joined(file, file.relative_to(path).as_posix())
    elif path.suffix == ".jsonl":
        for place, value in _objects(path):
            if not (isinstance(value.get("id"), str) and isinstance(value.get("text"), str)):
                raise SourceError(f'{place} has no "id" and "text" in words; mend or remove the line.')
            yield value["id"], value["text"]
    else:
        yield from _joined(path, path.name)


def _joined(file: Path, name: str) -> Iterator[tuple[str, str]]:
    passage: list[str] = []
    number = 0
    for paragraph in [part.strip() for part in _text(file).split("\n\n") if part.strip()]:
        if passage and len(" ".join([*passage, paragraph]).split()) > WORDS:
            yield f"{name}#{number}", "\n".join(passage)
            passage, number = [], number + 1
        passage.append(paragraph)
    if passage:
        yield f"{name}#{number}", "\n".join(passage)


def _questions(path: Path) -> Iterator[Question]:
    for place, value in _objects(path):
        text, relevant = value.get("question"), value.get("relevant")
        if not (isinstance(text, str) and isinstance(relevant, list) and all(isinstance(id_, str) for id_ in relevant)):
            raise SourceError(f'{place} has no "question" and list "relevant"; mend or remove the line.')
        if relevant:
            yield Question(text, frozenset(relevant))


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                raise SourceError(f"{path}, line {number}, is not a JSON object; mend or remove the line.")
            yield f"{path}, line {number},", value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise SourceError(f"{path} is no UTF-8 text; name another file.") from exc
    except OSError as exc:
        raise SourceError(f"{path} cannot be read ({exc.strerror}); name another file.") from exc
