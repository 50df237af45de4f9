"""Reads the header of a GGUF file: metadata and the list of tensors, checked against the file's size.

Knows the format's layout and no library of llama.cpp's; reads no weights. A file that ends early, or whose header
does not add up, is found here before anything slow begins.
"""

import math
import os
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from export.errors import DamagedModelError
from export.gguf.types import FLOATS, TENSOR_TYPES

COUNT_LIMIT = 1_000_000
STRING_LIMIT = 16 * 1024**2
"""Bytes of one string: above any chat template."""
ARRAY_LIMIT = 16 * 1024**2
"""Values of one array: above any vocabulary."""
NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of the list of tensors."""

    name: str
    type: str
    values: int
    offset: int
    """From the beginning of the data, in bytes."""
    bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says about itself."""

    metadata: dict[str, Any]
    """Numbers, truth values and strings by key; an array stands as its length."""
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        """llama.cpp's name of the model's architecture."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def parameters(self) -> int:
        """Values of all tensors."""
        return sum(tensor.values for tensor in self.tensors)

    @property
    def types(self) -> dict[str, int]:
        """How many tensors have which type, by name."""
        return dict(sorted(Counter(tensor.type for tensor in self.tensors).items()))

    @property
    def is_float(self) -> bool:
        """Whether no tensor is quantized."""
        return FLOATS.issuperset(self.types)

    @property
    def chat_template(self) -> str | None:
        """The Jinja text that turns messages into a prompt, or None."""
        found = self.metadata.get("tokenizer.chat_template")
        return found if isinstance(found, str) and found.strip() else None


def read(path: Path, name: str) -> Header:
    """Return the header of the GGUF file at `path`, called `name` in messages. Raises DamagedModelError."""
    try:
        with path.open("rb") as file:
            header, begin = _header(file)
        size = path.stat().st_size
        if any(begin + tensor.offset + tensor.bytes > size for tensor in header.tensors):
            raise ValueError("it ends before its last tensor")
        if not header.architecture or not header.tensors:
            raise ValueError("it names no architecture or no tensor")
    except (ValueError, struct.error, KeyError, OverflowError) as exc:
        reason = str(exc) if type(exc) is ValueError else "its header is cut short or makes no sense"
        raise DamagedModelError(f"{name} is not a whole GGUF file ({reason}); fetch it again.") from exc
    return header


def _header(file: BinaryIO) -> tuple[Header, int]:
    """Return the header and where the data begin."""
    if file.read(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    version, tensors, pairs = struct.unpack("<IQQ", file.read(20))
    if version not in (2, 3):
        raise ValueError(f"its version is {version}, not 2 or 3")
    if tensors > COUNT_LIMIT or pairs > COUNT_LIMIT:
        raise ValueError("it claims too many tensors or values")
    metadata = {}
    for _ in range(pairs):
        key = _string(file)
        metadata[key] = _value(file, _number(file, "<I"))
    listed = tuple(_tensor(file) for _ in range(tensors))
    alignment = int(metadata.get("general.alignment", 32))
    if not 1 <= alignment <= 1 << 20:
        raise ValueError("its alignment makes no sense")
    return Header(metadata, listed), math.ceil(file.tell() / alignment) * alignment


def _tensor(file: BinaryIO) -> Tensor:
    name = _string(file)
    dimensions = _number(file, "<I")
    if not 1 <= dimensions <= 4:
        raise ValueError(f"{name[:80]} has {dimensions} dimensions")
    shape = struct.unpack(f"<{dimensions}Q", file.read(8 * dimensions))
    kind, offset = _number(file, "<I"), _number(file, "<Q")
    if kind not in TENSOR_TYPES:
        raise ValueError(f"{name[:80]} has the unknown type {kind}")
    type_name, block, size = TENSOR_TYPES[kind]
    values = math.prod(shape)
    return Tensor(name, type_name, values, offset, values // block * size)


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind != ARRAY:
        return _number(file, NUMBERS[kind])
    inner, count = _number(file, "<I"), _number(file, "<Q")
    if count > ARRAY_LIMIT:
        raise ValueError("an array claims too many values")
    if inner == STRING:
        for _ in range(count):
            _string(file)
    elif inner == ARRAY:
        raise ValueError("an array holds arrays")
    else:
        _skip(file, count * struct.calcsize(NUMBERS[inner]))
    return count


def _number(file: BinaryIO, layout: str) -> Any:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))[0]


def _string(file: BinaryIO) -> str:
    length = _number(file, "<Q")
    if length > STRING_LIMIT:
        raise ValueError("a text in its header is too long")
    data = file.read(length)
    if len(data) != length:
        raise ValueError("it ends within its header")
    return data.decode("utf-8", "replace")


def _skip(file: BinaryIO, count: int) -> None:
    if file.tell() + count > os.fstat(file.fileno()).st_size:
        raise ValueError("it ends within its header")
    file.seek(count, os.SEEK_CUR)
