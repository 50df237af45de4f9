"""The file of a bundle: signature, manifest and payload one behind the other, and nothing else.

    8 bytes   magic
    64 bytes  Ed25519 signature over a fixed line and the manifest
    4 bytes   length of the manifest, big endian
    manifest  JSON, with length and SHA-256 of the payload
    payload   up to the end of the file

There are no member names, so none can be a path, be missing or come twice, and no archive reader looks at bytes before
the signature has been checked. It knows files and hashes. It does not know what is in the payload.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from assistant.artifacts.files import move, require_space, storage
from assistant.bundles import manifest as manifests
from assistant.bundles.keys import SIGNATURE_BYTES, PrivateKey, PublicKey
from assistant.bundles.manifest import Manifest, Payload
from assistant.errors import InputError

SUFFIX = ".fmkb"
MAGIC = b"FMKB\x01\r\n\x1a"
"""As in PNG (RFC 2083, 12.11): a transfer that changes line ends shows at once."""
_SIGNED = b"fieldmate bundle 1\n"
"""Before what is signed, so that no signature over something else counts as one over a bundle."""
_LENGTH = struct.Struct(">I")
_HEAD = len(MAGIC) + SIGNATURE_BYTES + _LENGTH.size
_PIECE = 1 << 20
_PRESET = 1
"""Of xz. A knowledge base of 10,000 passages (42.9 MB, of which 15.4 MB are vectors, which hardly shrink) becomes 48 %
in 3.7 s and comes back in 1.0 s; zlib makes it 56 % in 1.0 s and 0.15 s, preset 6 of xz 43 % in 14 s (one x86-64 core).
"""
_ROOM = 3
"""Times the unpacked bytes that have to be free: the copy, the write-ahead log, and what the database grows by."""
_MEMORY = 128 * 2**20
"""Bytes that unpacking may take; xz of any usual preset needs less than 70 MB."""

_AGAIN = "get it again"


@dataclass(frozen=True, slots=True)
class Bundle:
    """An open bundle. Only what `signed_by` has said yes to is to be believed."""

    path: Path
    stream: BinaryIO
    signature: bytes
    manifest_bytes: bytes
    file_bytes: int

    def signed_by(self, keys: Sequence[PublicKey]) -> PublicKey | None:
        """The key that signed it; None when it is none of these."""
        message = _SIGNED + self.manifest_bytes
        return next((key for key in keys if key.verifies(self.signature, message)), None)

    def manifest(self) -> Manifest:
        """What it says of itself, once its length has been found to agree.

        Raises:
            InputError: it cannot be understood, or the file is cut short or longer.
        """
        said = manifests.decode(self.manifest_bytes)
        expected = _HEAD + len(self.manifest_bytes) + said.payload.bytes
        if self.file_bytes != expected:
            raise InputError(f"{self.path} has {self.file_bytes} bytes instead of {expected}; {_AGAIN}.")
        return said

    def unpack(self, payload: Payload, target: Path) -> None:
        """Write the payload to `target`; nothing is unpacked that has not the hash it should have.

        Raises:
            InputError: the payload is not the one of the manifest.
            StorageError: the disk does not take it; no more is written than the manifest says.
        """
        with _readable(self.path):
            if self._hash(payload.bytes) != payload.sha256:
                raise InputError(f"The content of {self.path} is damaged; {_AGAIN}.")
        require_space(target.parent, _ROOM * payload.unpacked_bytes, "Applying the bundle")
        digest, left = hashlib.sha256(), payload.unpacked_bytes
        with storage(target.parent), target.open("wb") as writing:
            for piece in self._unpacked():
                left -= len(piece)
                if left < 0:
                    break
                digest.update(piece)
                writing.write(piece)
        if left or digest.hexdigest() != payload.unpacked_sha256:
            raise InputError(f"The content of {self.path} is not what it should unpack to; {_AGAIN}.")

    def _pieces(self, count: int) -> Iterator[bytes]:
        self.stream.seek(_HEAD + len(self.manifest_bytes))
        while count and (piece := self.stream.read(min(count, _PIECE))):
            count -= len(piece)
            yield piece

    def _hash(self, count: int) -> str:
        digest = hashlib.sha256()
        for piece in self._pieces(count):
            digest.update(piece)
        return digest.hexdigest()

    def _unpacked(self) -> Iterator[bytes]:
        decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
        try:
            for piece in self._pieces(self.file_bytes):
                fresh = piece
                # A piece may unpack to any amount: it is taken a megabyte at a time.
                while not decompressor.eof:
                    yield decompressor.decompress(fresh, _PIECE)
                    fresh = b""
                    if decompressor.needs_input:
                        break
        except lzma.LZMAError as exc:
            raise InputError(f"The content of {self.path} cannot be unpacked ({exc}); {_AGAIN}.") from exc


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """The bundle at `path`, which nothing has been believed of yet.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    with _readable(path):
        stream = open(_descriptor(path), "rb")  # noqa: SIM115  # closed below; what the caller does is not reading
    with stream:
        with _readable(path):
            bundle = _begun(path, stream)
        yield bundle


def _begun(path: Path, stream: BinaryIO) -> Bundle:
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is no file; name a bundle.")
    head = stream.read(_HEAD)
    length = _LENGTH.unpack(head[-_LENGTH.size :])[0] if len(head) == _HEAD else 0
    if not head.startswith(MAGIC) or not 0 < length <= manifests.MOST_BYTES:
        raise InputError(f"{path} is no bundle, or a damaged one; name another file or {_AGAIN}.")
    data = stream.read(length)
    if len(data) < length:
        raise InputError(f"{path} is cut short; {_AGAIN}.")
    return Bundle(path, stream, head[len(MAGIC) : -_LENGTH.size], data, status.st_size)


def write(path: Path, content: Path, make: Callable[[Payload], Manifest], key: PrivateKey) -> Manifest:
    """Write a bundle of the file `content` to `path`, whole or not at all; `make` gives the manifest of a payload.

    Raises:
        StorageError: the disk does not take it.
    """
    packed = content.with_name(content.name + ".xz")
    draft = path.with_name(f".{path.name}.partial")
    try:
        with storage(content.parent):
            payload = _pack(content, packed)
        manifest = make(payload)
        data = manifests.encode(manifest)
        with storage(path.parent):
            with draft.open("wb") as writing, packed.open("rb") as reading:
                writing.write(MAGIC + key.sign(_SIGNED + data) + _LENGTH.pack(len(data)) + data)
                while piece := reading.read(_PIECE):
                    writing.write(piece)
            move(draft, path)
    finally:
        packed.unlink(missing_ok=True)
        draft.unlink(missing_ok=True)
    return manifest


def _pack(content: Path, packed: Path) -> Payload:
    compressor = lzma.LZMACompressor(format=lzma.FORMAT_XZ, preset=_PRESET)
    before, after = hashlib.sha256(), hashlib.sha256()
    with content.open("rb") as reading, packed.open("wb") as writing:

        def put(data: bytes) -> None:
            after.update(data)
            writing.write(data)

        while piece := reading.read(_PIECE):
            before.update(piece)
            put(compressor.compress(piece))
        put(compressor.flush())
        sizes = writing.tell(), reading.tell()
    return Payload("xz", sizes[0], after.hexdigest(), sizes[1], before.hexdigest())


def _descriptor(path: Path) -> int:
    # Without O_NONBLOCK, opening a named pipe waits for somebody to write into it.
    return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise InputError(f"There is no bundle {path}; check the path.") from exc
    except IsADirectoryError as exc:
        raise InputError(f"{path} is a folder; name a bundle in it.") from exc
    except (OSError, ValueError) as exc:  # ValueError: a NUL character in the path
        reason = getattr(exc, "strerror", None) or exc
        raise InputError(f"The bundle {path} cannot be read ({reason}); check the file and its disk.") from exc
