"""Damages files for tests, the same way for the same seed: bits, pieces and, inside a ZIP file, its members."""

from __future__ import annotations

import io
import random
import zipfile

from tests.artifacts.office_bytes import zip_bytes

_TOKENS = (
    b"<", b">", b"</", b"/>", b'"', b"&", b"&#0;", b"&a;", b"\0", b"\xff\xfe", b"-1", b"99999999999999999999", b"1e999",
    b"NaN", b"{", b"}", b"[", b"]", b",", b";", b":", b"\n", b"\t", b"=", b"|", b"`", b"*", b".. ", b"::\n\n   ",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"+---+\n", b"\r", b"PK\x03\x04", b"null", b"XFD1048576", b"%9", b"../",
)  # fmt: skip


def mutated(data: bytes, seed: int) -> bytes:
    """`data` with one to six damages; every other seed damages the members of a ZIP file, not their packing."""
    chance = random.Random(seed)
    if data.startswith(b"PK") and seed % 2:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members: dict[str, bytes | str] = {name: file.read(name) for name in file.namelist()}
        name = chance.choice(sorted(name for name in members if members[name]))
        content = members[name]
        assert isinstance(content, bytes)
        members[name] = _damaged(content, chance)
        if chance.random() < 0.1:
            del members[chance.choice(sorted(members))]
        return zip_bytes(members)
    return _damaged(data, chance)


def _damaged(data: bytes, chance: random.Random) -> bytes:
    result = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(result) + 1)
        length = min(chance.choice((1, 1, 2, 8, 64, 512)), len(result) - place)
        kind = chance.randrange(6)
        if kind == 0 and length:
            result[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del result[place : place + length]
        elif kind == 2:
            result[place:place] = chance.choice(_TOKENS)
        elif kind == 3:
            result[place:place] = result[place : place + length] * chance.choice((1, 3, 40))
        elif kind == 4:
            result[place : place + length] = chance.randbytes(length)
        else:
            other = chance.randrange(len(result) + 1)
            result[place : place + length] = result[other : other + length]
    return bytes(result) or b"\0"
