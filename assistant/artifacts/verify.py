"""Are these the right bytes? Size, header and SHA-256 of a file, and the sentence when they are not.

Reads files as data only. Knows nothing of where they came from.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from assistant.artifacts.fields import ExpectedFile
from assistant.artifacts.progress import Report
from assistant.errors import ModelDamaged

CHUNK = 1 << 20
_FORMATS = {".gguf": "GGUF", ".onnx": "ONNX", ".tflite": "TFLite", ".litertlm": "LiteRT-LM", ".json": "JSON"}
_PLAIN = frozenset({".txt", ".md"})


def sha256_of(path: Path, report: Report | None = None) -> str:
    """SHA-256 of the file's bytes, in hexadecimal; reads it once, in pieces."""
    told = report or Report()
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        size, done = os.fstat(stream.fileno()).st_size, 0
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            told.at(done, size)
    return digest.hexdigest()


def check_file(path: Path, expected: ExpectedFile, next_step: str, report: Report | None = None) -> str:
    """Hash the file at `path` and compare it with what is expected.

    Returns the SHA-256 found.

    Raises:
        ModelDamaged: hash, size or header are wrong; the sentence names both hashes and ends with `next_step`.
        FileNotFoundError: it is not there.
    """
    found = sha256_of(path, report)
    size = path.stat().st_size
    if expected.sha256 is not None and found != expected.sha256:
        raise ModelDamaged(mismatch(path, found, size, expected, next_step))
    problem = header_problem(path)
    if problem is not None:
        raise ModelDamaged(f"{path} (SHA-256 {found}) {problem}; {next_step}.")
    return found


def mismatch(path: Path, found: str, size: int, expected: ExpectedFile, next_step: str) -> str:
    """The sentence for a file with the wrong bytes."""
    length = f"{size} bytes"
    if expected.bytes is not None and size != expected.bytes:
        length = f"{size} bytes instead of {expected.bytes}"
    return (
        f"{path} is damaged or another file: it has {length} and SHA-256 {found}, not {expected.sha256}; {next_step}."
    )


def header_problem(path: Path) -> str | None:
    """What is wrong with the first bytes of a file for its name, or None.

    Archives and pickles are refused under every name: nothing that is loaded may carry code.
    """
    suffix = path.suffix.lower()
    if suffix in _PLAIN:
        return None
    if suffix not in _FORMATS:
        return "is of a kind that is not loaded (GGUF, ONNX, TFLite and LiteRT-LM are)"
    with path.open("rb") as stream:
        head = stream.read(32)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return "is a ZIP archive, which is not loaded"
        if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
            return "is a Python pickle, which is never loaded"
        if _is_plausible(suffix, head, stream):
            return None
    return f"does not begin like a {_FORMATS[suffix]} file"


def _is_plausible(suffix: str, head: bytes, stream: BinaryIO) -> bool:
    if suffix == ".gguf":
        # Magic, version, number of tensors, number of metadata pairs; versions 2 and 3 are little-endian on disk.
        if len(head) < 24 or head[:4] != b"GGUF":
            return False
        version, tensors, pairs = struct.unpack_from("<IQQ", head, 4)
        return version in (2, 3) and tensors < 1_000_000 and pairs < 1_000_000
    if suffix == ".tflite":
        return head[4:8] == b"TFL3"
    if suffix == ".litertlm":
        return head[:8] == b"LITERTLM"
    if suffix == ".json":
        return head.lstrip()[:1] in (b"{", b"[")
    return _is_onnx(stream)


def _is_onnx(stream: BinaryIO) -> bool:
    """Whether the top level reads as an ONNX ModelProto: a version first and a graph that ends within the file."""
    stream.seek(0)
    size = os.fstat(stream.fileno()).st_size
    try:
        fields = dict(_protobuf_fields(stream, size))
    except ValueError:
        return False
    version = fields.get(1)
    return version is not None and 3 <= version <= 99 and 7 in fields


def _protobuf_fields(stream: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Number and value (of a varint) or length (of a block) of each top-level field.

    Raises:
        ValueError: a field ends beyond the file, or is of a kind that ONNX does not use.
    """
    for _ in range(64):
        if stream.tell() == size:
            return
        key = _varint(stream)
        value = _varint(stream)
        if key & 7 == 2:
            if stream.tell() + value > size:
                raise ValueError("a block ends beyond the file")
            stream.seek(value, os.SEEK_CUR)
        elif key & 7 != 0:
            raise ValueError("not a kind of field that ONNX uses")
        yield key >> 3, value


def _varint(stream: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            raise ValueError("the file ends within a number")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("a number is too long")
