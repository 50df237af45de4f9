"""The form of a state's file: a header of 128 bytes, then the state. Knows bytes; not where they lie.

The header holds, little-endian: mark, version, number of tokens, length of the state, key, and last the CRC-32 of
everything in the file but itself. CRC-32 because each load pays for it, and it is the quickest check that Python has
(measured, 2.46 MB: 0.35 ms; SHA-256 with the processor's instructions 1.2, BLAKE2b 1.8). It finds every damage within
32 bits in a row and all but one of 2^32 others. It is no protection from somebody who writes such files on purpose:
who may write into the data folder can change the knowledge base, too.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

MARK = b"FMstate\n"
VERSION = 1
LONGEST_KEY = 64
"""Characters: a SHA-256 in hexadecimal digits."""
_FIELDS = struct.Struct(f"<8sIIQ{LONGEST_KEY}s36x")
_SUM = struct.Struct("<I")
HEADER_BYTES = _FIELDS.size + _SUM.size


class DamagedState(Exception):
    """The bytes are not what was written; the message says in what way. Internal to the states."""


class Header(NamedTuple):
    """What a file says of its state."""

    key: str
    tokens: int
    bytes: int
    """Length of the state, without the header."""


def header(key: str, tokens: int, state: memoryview) -> bytes:
    """What goes before `state` in its file."""
    fields = _FIELDS.pack(MARK, VERSION, tokens, len(state), key.encode("ascii"))
    return fields + _SUM.pack(zlib.crc32(state, zlib.crc32(fields)))


def described(start: bytes | memoryview, size: int) -> Header:
    """Read the header at the start of a file of `size` bytes; the state is not looked at.

    Raises:
        DamagedState: it is no such file, or not all of it.
    """
    if len(start) < HEADER_BYTES:
        raise DamagedState("it ends within its header")
    mark, version, tokens, length, key = _FIELDS.unpack_from(start)
    if mark != MARK or version != VERSION:
        raise DamagedState("it is of another kind or version")
    if length != size - HEADER_BYTES or not tokens:
        raise DamagedState("it is shorter or longer than was written")
    try:
        return Header(key.rstrip(b"\0").decode("ascii"), tokens, length)
    except UnicodeDecodeError as error:
        raise DamagedState("its key is not one") from error


def opened(data: bytes, key: str) -> tuple[int, memoryview]:
    """The number of tokens and the state in a whole file.

    Raises:
        DamagedState: it is not exactly what was written under `key`.
    """
    found = described(data, len(data))
    whole = memoryview(data)
    fields, state = whole[: _FIELDS.size], whole[HEADER_BYTES:]
    if zlib.crc32(state, zlib.crc32(fields)) != _SUM.unpack_from(data, _FIELDS.size)[0]:
        raise DamagedState("its bytes have changed")
    if found.key != key:
        raise DamagedState("it holds the state of something else")
    return found.tokens, state
