"""What a bundle says of itself: the part that is signed.

It knows JSON and the limits of each field. It knows neither files nor keys nor tables.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from assistant.errors import InputError

FORMAT = 1
MOST_BYTES = 65_536
"""A manifest has about a thousand bytes."""

Name = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9._-]{0,63}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Version = Annotated[int, Meta(ge=1, le=10**15)]
"""15 digits: a JSON number that every reader takes exactly, and enough for 20261121184500."""
Count = Annotated[int, Meta(ge=0, le=10**9)]
Bytes = Annotated[int, Meta(ge=1, le=10**13)]
Time = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00\Z")]
Plain = Annotated[str, Meta(pattern=r"\A[\x21-\x7e]{1,200}\Z")]


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """The bytes behind the manifest."""

    codec: Literal["xz"]
    bytes: Bytes
    sha256: Sha256
    unpacked_bytes: Bytes
    unpacked_sha256: Sha256


class Base(Struct, frozen=True, forbid_unknown_fields=True):
    """The version that a delta begins from."""

    version: Version
    content: Sha256


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that has to be known before the payload is touched."""

    format: Literal[1]
    name: Name
    version: Version
    made_at: Time
    made_by: Plain
    """Version of Fieldmate."""
    signer: Plain
    """Public key; that it is the right one is for the signature to say."""
    schema: Count
    """Version of the tables in the payload."""
    embedder: Plain | None
    """Fingerprint; None where there are no passages."""
    documents: Count
    """In the knowledge base once this is applied; so are the passages."""
    passages: Count
    carried: Count
    """Documents in the payload: all of them, or in a delta those that differ from the base."""
    content: Sha256
    """Of the list of all documents: equal, whether a full bundle or a delta has led there."""
    base: Base | None
    payload: Payload

    @property
    def kind(self) -> str:
        """Whether it brings everything or only what has changed, in one word."""
        return "full" if self.base is None else "delta"


class _Head(Struct, frozen=True):
    format: int


def encode(manifest: Manifest) -> bytes:
    """The bytes that are signed."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def decode(data: bytes) -> Manifest:
    """The manifest in these bytes.

    Raises:
        InputError: it is of a newer format, or none.
    """
    try:
        if msgspec.json.decode(data, type=_Head).format > FORMAT:
            raise InputError(
                "The bundle was made by a newer version of Fieldmate; update Fieldmate and apply it again."
            )
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        raise InputError(f"What the bundle says of itself cannot be understood ({exc}); get it again.") from exc


def content_of(listing: bytes) -> str:
    """The hash by which the content of a version is known."""
    return hashlib.sha256(listing).hexdigest()
