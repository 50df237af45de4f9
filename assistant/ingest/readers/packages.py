"""Opens the ZIP files that DOCX, ODT, EPUB and XLSX are, within limits that no honest document reaches.

It knows no document format. Nothing is ever written to disk, and an archive inside the archive is never opened, so that
neither a path nor a recursion can do harm; what is left are members that unpack to far more than they weigh.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from assistant.errors import UnreadableDocument
from assistant.ingest.files import MEGABYTE

MOST_UNPACKED = 256 * MEGABYTE
"""Bytes that are unpacked of one file, all its members together."""
_MOST_RATIO = 200
"""Times its packed size that a member may unpack to once it is larger than `_RATIO_FROM`; text reaches 20 to 50."""
_RATIO_FROM = 16 * MEGABYTE
_MOST_MEMBERS = 20_000
_MOST_DIRECTORY = 8 * MEGABYTE
_PIECE = 1 << 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# What Python's zipfile and zlib raise on damaged input; NotImplementedError: a version or flag that it does not know.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, KeyError, NotImplementedError, OSError)


class Package:
    """A ZIP file whose members can be read, and the sentences that say why not."""

    def __init__(self, path: Path, name: str, kind: str) -> None:
        """`kind` is what the file should be, as "a Word document (DOCX)".

        Raises:
            UnreadableDocument: it is no ZIP file, is encrypted, damaged or made to do harm.
        """
        self._name, self._kind = name, kind
        self._unpacked = 0
        with self._translated():
            self._file = path.open("rb")
        try:
            self._check_kind()
            with self._translated():
                self._zip = zipfile.ZipFile(self._file)
            self._check_members()
        except BaseException:
            self._file.close()
            raise
        self._members = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()

    def __contains__(self, member: str) -> bool:
        return member in self._members

    def damaged(self) -> UnreadableDocument:
        """The refusal of a file whose parts do not fit together."""
        return UnreadableDocument(
            f"{self._name} is damaged or is not {self._kind}; save it anew from its source and add that."
        )

    def encrypted(self) -> UnreadableDocument:
        """The refusal of a file that asks for a password."""
        return UnreadableDocument(f"{self._name} is encrypted; save it without a password and add it again.")

    def too_large(self) -> UnreadableDocument:
        """The refusal of a file that holds more than fits into memory."""
        return UnreadableDocument(
            f"{self._name} unpacks to more than a document of its size can hold; "
            "save it anew from its source, in parts if it is very large, and add that."
        )

    def pieces(self, member: str) -> Iterator[bytes]:
        """The content of a member, piece by piece.

        Raises:
            UnreadableDocument: it is not there, is damaged or unpacks to more than the limits.
        """
        with self._translated():
            info = self._members[member]
            if info.flag_bits & 0x1:
                raise self.encrypted()
            if info.compress_type not in _METHODS:
                raise self.damaged()
            if info.file_size > MOST_UNPACKED:
                raise self.too_large()
            with self._zip.open(info) as file:
                size = 0
                while piece := file.read(_PIECE):
                    size += len(piece)
                    self._unpacked += len(piece)
                    if self._unpacked > MOST_UNPACKED or size > max(_RATIO_FROM, info.compress_size * _MOST_RATIO):
                        raise self.too_large()
                    yield piece

    def read(self, member: str, most: int = 32 * MEGABYTE) -> bytes:
        """The whole content of a member of at most `most` bytes."""
        parts: list[bytes] = []
        size = 0
        for piece in self.pieces(member):
            size += len(piece)
            if size > most:
                raise self.too_large()
            parts.append(piece)
        return b"".join(parts)

    def _check_kind(self) -> None:
        """Refuse what is no ZIP file, with the reason that the first bytes tell."""
        head = self._file.read(1 << 16)
        self._file.seek(0)
        if head.startswith(_OLE):
            if _OLE_ENCRYPTED in head or self._tail_has(_OLE_ENCRYPTED):
                raise self.encrypted()
            raise UnreadableDocument(
                f"{self._name} is in the old binary format of Office; save it as {self._kind} and add that."
            )
        if not head.startswith(b"PK"):
            raise self.damaged()
        with self._translated():
            entries, length = _directory(self._file)
        # Python holds the whole directory in memory, so its size is looked at before it is read.
        if entries > _MOST_MEMBERS or length > _MOST_DIRECTORY:
            raise self.too_large()

    def _tail_has(self, wanted: bytes) -> bool:
        self._file.seek(0, 2)
        self._file.seek(max(0, self._file.tell() - MEGABYTE))
        return wanted in self._file.read()

    def _check_members(self) -> None:
        for info in self._zip.infolist():
            parts = info.filename.replace("\\", "/").split("/")
            if ".." in parts or parts[0] == "" or ":" in parts[0]:
                raise UnreadableDocument(
                    f"{self._name} names files outside of itself, as no document does; "
                    "save it anew from its source and add that."
                )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as exc:
            raise self.damaged() from exc
        except RuntimeError as exc:  # zipfile's word for a missing password
            raise self.encrypted() from exc


def _directory(file: BinaryIO) -> tuple[int, int]:
    """The number of members that the file's last record tells, and the bytes of its directory."""
    file.seek(0, 2)
    size = file.tell()
    start = max(0, size - (1 << 16) - 22)
    file.seek(start)
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile
    entries, length = struct.unpack_from("<HL", tail, at + 10)
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and len(tail) - wide >= 56:
        entries, length = struct.unpack_from("<QQ", tail, wide + 32)
    return entries, length
