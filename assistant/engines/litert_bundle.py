"""A LiteRT-LM bundle read as data: its sections, its metadata and its tokenizer, each checked against the file's end.

The runtime maps a bundle and trusts the numbers in it, so a damaged one could end the whole process instead of being
refused. Knows the layout of the file (a FlatBuffers header, sections behind it) and no runtime.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.engines.flat import Table

_MAGIC = b"LITERTLM"
_HEADER = 32
"""Bytes in front of the FlatBuffers header: magic, three version numbers, padding and the header's end."""
_LARGEST_HEADER = 1 << 20
_LARGEST_TOKENIZER = 128 << 20
_GRAPH, _SENTENCEPIECE, _METADATA, _TOKENIZER = 3, 4, 5, 6
"""Kinds of section (`AnySectionDataType`) that matter here."""


class BundleError(Exception):
    """Why a file cannot be used as a bundle; half a sentence."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where something lies in the file, in bytes."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle says about its model."""

    graph: Span
    """The TFLite graph with the signatures for prefill and decode."""
    signatures: tuple[str, ...]
    tokenizer: Span
    """The tokenizer, JSON compressed with zlib."""
    template: str
    """Chat template in Jinja; empty for a model without one."""
    bos: str
    """Text of the token that the runtime puts in front of a prompt; empty when it puts none."""
    max_tokens: int
    """Length of the key/value cache, in tokens."""
    controls: tuple[str, ...]
    """Spellings that the tokenizer turns into single tokens wherever they stand."""


def read_bundle(path: Path) -> Bundle:
    """Read and check the bundle at `path`.

    Raises:
        BundleError: it is damaged, or not a bundle with a language model and a Hugging Face tokenizer.
        OSError: it cannot be opened.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        if size < _HEADER:
            raise BundleError("it is too short for a bundle")
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        return _read(data)
    except (struct.error, zlib.error, ValueError, IndexError, KeyError, TypeError, AttributeError) as exc:
        raise BundleError(f"its structure is damaged ({exc})") from exc


def _read(data: memoryview) -> Bundle:
    sections = dict(_sections(data))
    if _SENTENCEPIECE in sections:
        raise BundleError("its tokenizer is of the SentencePiece kind, of which only Hugging Face's JSON is read")
    missing = [name for kind, name in _NEEDED.items() if kind not in sections]
    if missing:
        raise BundleError(f"it holds no {missing[0]}")
    metadata = _metadata(bytes(_cut(data, sections[_METADATA])))
    signatures = _signatures(_cut(data, sections[_GRAPH]))
    if not any(name.startswith("prefill") for name in signatures) or "decode" not in signatures:
        raise BundleError("its graph has no signatures for prefill and decode")
    return Bundle(
        graph=sections[_GRAPH],
        signatures=signatures,
        tokenizer=sections[_TOKENIZER],
        controls=_controls(_cut(data, sections[_TOKENIZER])),
        **metadata,
    )


_NEEDED = {_GRAPH: "TFLite graph", _METADATA: "model metadata", _TOKENIZER: "tokenizer"}


def _cut(data: memoryview, span: Span) -> memoryview:
    return data[span.begin : span.end]


def _sections(data: memoryview) -> Iterator[tuple[int, Span]]:
    """Kind and place of each section; graphs other than the language model's are passed over."""
    if bytes(data[:8]) != _MAGIC:
        raise BundleError("it does not begin like a bundle")
    major = struct.unpack_from("<I", data, 8)[0]
    end = struct.unpack_from("<Q", data, 24)[0]
    if major != 1 or not _HEADER + 8 <= end <= min(len(data), _HEADER + _LARGEST_HEADER):
        raise BundleError("its header is damaged or of another version")
    sections = Table.root(data[_HEADER:end]).table(1)
    last = end
    for section in sorted(sections.tables(0) if sections else [], key=lambda each: each.number(1, "<Q")):
        span, kind = Span(section.number(1, "<Q"), section.number(2, "<Q")), section.number(3, "<B")
        if not last <= span.begin < span.end <= len(data):
            raise BundleError("a section lies outside the file: it is cut short or damaged")
        last = span.end
        if kind != _GRAPH or _purpose(section) == "tf_lite_prefill_decode":
            yield kind, span


def _purpose(section: Table) -> str:
    """What a section says that its graph is for."""
    texts = {item.text(0): item.table(2) for item in section.tables(0)}
    value = texts.get("model_type")
    return value.text(0).lower() if value else ""


def _metadata(blob: bytes) -> dict[str, Any]:
    """What is used of the protocol buffer `LlmMetadata`."""
    found: dict[str, Any] = {"template": "", "bos": "", "max_tokens": 0}
    for number, value in _fields(blob):
        if number == 1 and isinstance(value, bytes):
            found["bos"] = next((text.decode() for key, text in _fields(value) if key == 2), "")  # type: ignore[union-attr]
        elif number == 5 and isinstance(value, int):
            found["max_tokens"] = value
        elif number == 7 and isinstance(value, bytes):
            found["template"] = value.decode()
    if not 1 <= found["max_tokens"] <= 1 << 24:
        raise BundleError("its metadata names no length of the context")
    return found


def _fields(blob: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protocol buffer message."""
    at = 0
    while at < len(blob):
        key, at = _varint(blob, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(blob, at)
            yield key >> 3, value
            continue
        length, at = {1: (8, at), 5: (4, at)}[kind] if kind != 2 else _varint(blob, at)
        if at + length > len(blob):
            raise ValueError("a field ends beyond its message")
        yield key >> 3, blob[at : at + length]
        at += length


def _varint(blob: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = blob[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")


def _controls(blob: memoryview) -> tuple[str, ...]:
    """Spellings of the tokens that the tokenizer finds in a text before it splits the rest."""
    length = struct.unpack_from("<Q", blob)[0]
    if length > _LARGEST_TOKENIZER:
        raise ValueError("the tokenizer is too large")
    tokenizer = json.loads(zlib.decompress(blob[8:], bufsize=max(length, 1)))
    if not tokenizer["model"]["vocab"]:
        raise ValueError("the tokenizer has no vocabulary")
    return tuple(sorted({str(token["content"]) for token in tokenizer["added_tokens"]}))


def _signatures(graph: memoryview) -> tuple[str, ...]:
    """Names of a TFLite graph's signatures; its weights are checked to lie within it."""
    if bytes(graph[4:8]) != b"TFL3":
        raise BundleError("its graph does not begin like a TFLite file")
    model = Table.root(graph)
    for weights in model.tables(4):
        weights.extent(0)
    return tuple(signature.text(2) for signature in model.tables(7))
