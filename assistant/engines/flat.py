"""Reads FlatBuffers without a schema compiler, refusing every offset that leads out of the buffer.

Knows tables, vectors and strings. Does not know what any of them means: callers name fields by their number.
"""

from __future__ import annotations

import struct

_LONGEST_VECTOR = 1 << 20
"""Elements. No vector that is read as tables or text is longer; a damaged length must not make a loop of billions."""


class Table:
    """One table at `at` of `view`. Fields that are absent are 0, empty or None."""

    def __init__(self, view: memoryview, at: int) -> None:
        self._view = view
        self._at = at
        self._fields = at - _read(view, at, "<i")
        self._fields_size = _read(view, self._fields, "<H")

    @classmethod
    def root(cls, view: memoryview) -> Table:
        """The outermost table of a buffer."""
        return cls(view, _read(view, 0, "<I"))

    def number(self, field: int, form: str) -> int:
        """A scalar of struct format `form`."""
        at = self._place(field)
        return _read(self._view, at, form) if at else 0

    def table(self, field: int) -> Table | None:
        """The table that a field points at."""
        at = self._place(field)
        return Table(self._view, at + _read(self._view, at, "<I")) if at else None

    def tables(self, field: int) -> list[Table]:
        """A vector of tables."""
        begin, count = self.extent(field)
        if count > _LONGEST_VECTOR:
            raise ValueError("a list is too long")
        places = range(begin, begin + 4 * count, 4)
        return [Table(self._view, at + _read(self._view, at, "<I")) for at in places]

    def text(self, field: int) -> str:
        """A string."""
        begin, count = self.extent(field)
        if count > _LONGEST_VECTOR:
            raise ValueError("a text is too long")
        return bytes(self._view[begin : begin + count]).decode()

    def extent(self, field: int) -> tuple[int, int]:
        """Where the elements of a vector begin, and how many there are; (0, 0) for none.

        At least one byte an element lies within the buffer.
        """
        at = self._place(field)
        if not at:
            return 0, 0
        at += _read(self._view, at, "<I")
        count = _read(self._view, at, "<I")
        if at + 4 + count > len(self._view):
            raise ValueError("a list ends beyond the buffer")
        return at + 4, count

    def _place(self, field: int) -> int:
        """Where a field's value is, 0 where it is absent."""
        entry = 4 + 2 * field
        if entry + 2 > self._fields_size:
            return 0
        offset = _read(self._view, self._fields + entry, "<H")
        return self._at + offset if offset else 0


def _read(view: memoryview, at: int, form: str) -> int:
    if at < 0:
        raise ValueError("an offset leads out of the buffer")
    value: int = struct.unpack_from(form, view, at)[0]  # raises struct.error behind the end
    return value
