"""Files of the data sets, checked while they are read: what is damaged is named in one sentence.

Knows JSON, JSON lines and folders; no data set. A file is called by its name below the data folder, never by its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan

T = TypeVar("T")
Worded = Annotated[str, msgspec.Meta(pattern=r"\S")]
"""A text that says something: an empty question cannot be asked."""


def content(plan: Plan, file: str) -> bytes:
    """The bytes of "SET/FILE" in the data folder.

    Raises:
        BenchmarkError: the set or the file is not there, or holds nothing.
    """
    name, _, rest = file.partition("/")
    try:
        data = (plan.data_folder(name) / rest).read_bytes()
    except OSError as exc:
        raise BenchmarkError(f"{file} cannot be read ({exc.strerror}); get the data set {name} again.") from exc
    if not data.strip():
        raise damaged(file, "it is empty")
    return data


def text(plan: Plan, file: str) -> str:
    """The same as text."""
    try:
        return content(plan, file).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise damaged(file, f"byte {exc.start} is not UTF-8") from exc


def tree(plan: Plan, file: str, kind: type[T]) -> T:
    """A JSON file as a `kind`; fields that it does not name are passed over."""
    try:
        return msgspec.json.decode(content(plan, file), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise damaged(file, str(exc)) from exc


def lines(plan: Plan, file: str, kind: type[T]) -> list[T]:
    """A file of JSON lines, each as a `kind`; empty lines are passed over."""
    decoder = msgspec.json.Decoder(kind)
    found = []
    for number, line in enumerate(content(plan, file).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise damaged(file, str(exc), number) from exc
    return found


def known(file: str, named: str, among: Mapping[str, T], what: str) -> T:
    """What `named` stands for in `among`.

    Raises:
        BenchmarkError: the file names something that its set does not have.
    """
    try:
        return among[named]
    except KeyError:
        raise damaged(file, f"it names a {what} that the set does not have") from None


def damaged(file: str, reason: str, line: int | None = None) -> BenchmarkError:
    """The sentence for a file that cannot be used."""
    where = f"Line {line} of {file}" if line else file
    return BenchmarkError(f"{where} is damaged ({reason}); get the data set {file.partition('/')[0]} again.")
