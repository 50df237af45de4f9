"""The header of a GGUF file: its metadata and how many bytes each tensor takes. Reads no weights; knows no engine.

A tensor's bytes are taken from where the next one begins, so that no table of quantization types is needed: exact but
for the padding between two of them (at most 31 bytes). Long arrays (the vocabulary) are passed over.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_KEPT = 1024
"""Longest array of numbers that is kept: one value a layer, not one a word."""
_MOST = 1_000_000
"""Entries or tensors; more means that this is no header."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says of itself."""

    metadata: dict[str, Any]
    """Without arrays of texts and without long ones."""
    tensors: dict[str, int]
    """Bytes of each tensor."""


def read(path: Path) -> Header:
    """The header of the file.

    Raises:
        BenchmarkError: it is no GGUF file of a version known here, or cut.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).header()
    except OSError as exc:
        raise BenchmarkError(f"{path.name} cannot be read ({exc.strerror}); pull the model again.") from exc
    except (struct.error, ValueError, KeyError, TypeError, ArithmeticError) as exc:
        reason = str(exc) if isinstance(exc, _NoHeader) else "it is cut or damaged"
        raise BenchmarkError(
            f"{path.name} has no GGUF header that can be read: {reason}; pull the model again."
        ) from exc


class _NoHeader(ValueError):
    """Says what is wrong."""


class _Reader:
    """Walks through the header once."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def header(self) -> Header:
        if self._data[:4] != _MAGIC:
            raise _NoHeader("it does not begin with GGUF")
        self._at = 4
        version = self._number("I")
        if version not in _VERSIONS:
            raise _NoHeader(f"its version is {version}")
        tensors, entries = self._number("Q"), self._number("Q")
        if max(tensors, entries) > _MOST:
            raise _NoHeader("it claims to hold more than any model does")
        metadata: dict[str, Any] = {}
        for _ in range(entries):
            name = self._text()
            value = self._value(self._number("I"))
            if value is not None:
                metadata[name] = value
        offsets = dict(self._tensor() for _ in range(tensors))
        return Header(metadata, self._sizes(offsets, int(metadata.get("general.alignment", 32))))

    def _sizes(self, offsets: dict[str, int], alignment: int) -> dict[str, int]:
        begin = -(-self._at // alignment) * alignment
        places = sorted(offsets.items(), key=lambda item: item[1])
        ends = [offset for _, offset in places[1:]] + [len(self._data) - begin]
        sizes = {name: end - offset for (name, offset), end in zip(places, ends, strict=True)}
        if any(size <= 0 for size in sizes.values()):
            raise _NoHeader("its tensors reach beyond its end")
        return sizes

    def _tensor(self) -> tuple[str, int]:
        name = self._text()
        dimensions = self._number("I")
        self._skip(8 * dimensions + 4)
        return name, self._number("Q")

    def _value(self, kind: int) -> Any:
        """A number or text; a short array of numbers; None for what is passed over."""
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            return self._number(_NUMBERS[kind])
        inner, count = self._number("I"), self._number("Q")
        if count > len(self._data):
            raise _NoHeader("it is cut")
        if inner == _STRING:
            for _ in range(count):
                self._skip(self._number("Q"))
            return None
        code = _NUMBERS[inner]
        if count > _KEPT:
            self._skip(struct.calcsize(code) * count)
            return None
        return [self._number(code) for _ in range(count)]

    def _number(self, code: str) -> Any:
        (value,) = struct.unpack_from(f"<{code}", self._data, self._at)
        self._at += struct.calcsize(code)
        return value

    def _text(self) -> str:
        length = self._number("Q")
        begin = self._at
        self._skip(length)
        return self._data[begin : self._at].decode("utf-8")

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > len(self._data):
            raise _NoHeader("it is cut")
