"""Reads the XML inside office documents as a stream of events.

It knows no vocabulary. Nothing outside the stream is ever fetched, no entity is expanded but the five that XML itself
has, and the tree is not built: a sheet of 200 MB passes through a few hundred kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from xml.parsers import expat

_DEEPEST = 400
"""Elements inside each other; documents that people write have some thirty."""
_MOST_NAMES = 5_000


class Step(Enum):
    """What a walk through the stream meets."""

    ENTER = "enter"
    LEAVE = "leave"
    TEXT = "text"


Attributes = Mapping[str, str]
Event = tuple[Step, str, Attributes]
"""A step, the element's name (for TEXT its text) and the attributes of an element that is entered."""
NOTHING: Attributes = {}


class _Refused(Exception):
    """What the stream holds is well-formed and yet not taken."""


def events(pieces: Iterable[bytes], namespaces: Mapping[str, str], damaged: Callable[[], Exception]) -> Iterator[Event]:
    """Yield what `pieces` hold, with names as "prefix:name".

    Args:
        pieces: the bytes of the stream.
        namespaces: the prefix for each address of a namespace; names of any other get the prefix "?".
        damaged: makes the exception that is raised when the stream is not well-formed, defines entities or nests too
            deep.
    """
    parser = _Parser(namespaces)
    try:
        for piece in pieces:
            yield from parser.feed(piece, last=False)
        yield from parser.feed(b"", last=True)
    except (expat.ExpatError, _Refused, LookupError, ValueError) as exc:
        raise damaged() from exc


def skip(stream: Iterator[Event]) -> None:
    """Pass over the rest of the element that was entered last."""
    depth = 1
    for step, _, _ in stream:
        if step is Step.ENTER:
            depth += 1
        elif step is Step.LEAVE:
            depth -= 1
            if not depth:
                return


class _Parser:
    """One parse by expat, and the events that it has told since it was last fed."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._namespaces = namespaces
        self._names: dict[str, str] = {}
        self._depth = 0
        self._found: list[Event] = []
        self._expat = expat.ParserCreate(namespace_separator=" ")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._enter
        self._expat.EndElementHandler = self._leave
        self._expat.CharacterDataHandler = self._text
        self._expat.EntityDeclHandler = self._entity

    def feed(self, piece: bytes, *, last: bool) -> list[Event]:
        self._found = []
        self._expat.Parse(piece, last)
        return self._found

    def _enter(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Refused
        named = {self._name(key): value for key, value in attributes.items()} if attributes else NOTHING
        self._found.append((Step.ENTER, self._name(tag), named))

    def _leave(self, tag: str) -> None:
        self._depth -= 1
        self._found.append((Step.LEAVE, self._name(tag), NOTHING))

    def _text(self, text: str) -> None:
        self._found.append((Step.TEXT, text, NOTHING))

    def _entity(self, *_: object) -> None:
        raise _Refused  # entities that stand for each other grow without bound, and no office writes any

    def _name(self, name: str) -> str:
        found = self._names.get(name)
        if found is None:
            address, _, local = name.rpartition(" ")
            found = f"{self._namespaces.get(address, '?')}:{local}" if address else local
            if len(self._names) < _MOST_NAMES:
                self._names[name] = found
        return found
