"""Keys: who publishes has the private one, every device that trusts him the public one.

It knows Ed25519 and the two files of a pair. It does not know what is signed, nor which keys a device trusts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from assistant.artifacts.files import storage, write_atomically
from assistant.errors import InputError

PREFIX = "fieldmate-ed25519:"
SIGNATURE_BYTES = 64
"""RFC 8032, section 5.1.6."""
_PUBLIC = re.compile(re.escape(PREFIX) + r"([A-Za-z0-9+/]{43}=)(?: ([\x21-\x7e][\x20-\x7e]{0,99}))?")
_KEY_FILE_BYTES = 16_384
"""A key file has a few hundred bytes; of something else no more is read."""


class PassphraseNeeded(InputError):
    """The key file is encrypted, and no passphrase or a wrong one was given."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Tells whether something was signed with the private key of the same pair."""

    text: str
    """One line of ASCII, by which it is entered on a device: prefix and base64 of its 32 bytes."""
    comment: str = ""
    """Whose it is, in its owner's words; nothing depends on it."""

    @property
    def fingerprint(self) -> str:
        """Sixteen characters to compare by eye or to read out on the telephone."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        return " ".join(digest[at : at + 4] for at in range(0, 16, 4))

    @property
    def line(self) -> str:
        """Text and comment, as in a file."""
        return f"{self.text} {self.comment}".rstrip()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is this key's, over exactly `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(_decoded(self.text)).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class PrivateKey:
    """Signs."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> PublicKey:
        """The other half."""
        raw = self._key.public_key().public_bytes_raw()
        return PublicKey(PREFIX + base64.b64encode(raw).decode())

    def sign(self, message: bytes) -> bytes:
        """64 bytes that only this key can make of `message`."""
        return self._key.sign(message)


def parse_public(text: str) -> PublicKey | None:
    """The key in a line of text; None when there is none."""
    found = _PUBLIC.fullmatch(text.strip())
    if found is None:
        return None
    key = PublicKey(PREFIX + found[1], found[2] or "")
    try:
        Ed25519PublicKey.from_public_bytes(_decoded(key.text))
    except ValueError:
        return None
    return key


def read_public(place: str) -> PublicKey:
    """The key in the file `place`, or `place` itself where it is one.

    Raises:
        InputError: it is neither.
    """
    key = parse_public(place)
    if key is not None:
        return key
    key = parse_public(_read(Path(place)).decode("ascii", "replace"))
    if key is None:
        raise InputError(
            f"{place} holds no public key; name the .pub file that `fieldmate bundle keys` wrote, or its one line."
        )
    return key


def make_pair(path: Path, passphrase: str | None, comment: str = "") -> PublicKey:
    """Write a new private key to `path`, for its owner's eyes only, and the public one to `path`.pub.

    A pair of which only the private half is there is completed.

    Raises:
        InputError: there is a pair already.
        StorageError: the folder does not take it.
    """
    public_path = path.with_name(path.name + ".pub")
    with storage(path.parent):
        there, complete = path.exists(), public_path.exists()
    if there and complete:
        raise InputError(f"There is a key at {path} already; name another file for a new one.")
    if there:
        key = load_private(path, passphrase)
    else:
        key = PrivateKey(Ed25519PrivateKey.generate())
        with storage(path.parent):
            write_atomically(path, _pem(key, passphrase), 0o600)
    public = PublicKey(key.public.text, comment)
    with storage(path.parent):
        write_atomically(public_path, f"{public.line}\n".encode("ascii", "replace"))
    return public


def load_private(path: Path, passphrase: str | None) -> PrivateKey:
    """The private key in a PEM file.

    Raises:
        PassphraseNeeded: it is encrypted with another passphrase than this.
        InputError: there is no Ed25519 key in it.
    """
    data = _read(path)
    wrong = f"{path} is no private key that bundles are signed with; `fieldmate bundle keys FILE` makes one."
    encrypted = b"ENCRYPTED" in data
    try:
        key = serialization.load_pem_private_key(data, passphrase.encode() if encrypted and passphrase else None)
    except TypeError as exc:
        raise PassphraseNeeded(f"The key {path} has a passphrase; set it as BUNDLE_KEY_PASSPHRASE.") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        if encrypted and passphrase:
            raise PassphraseNeeded(
                f"The passphrase does not open the key {path}; check BUNDLE_KEY_PASSPHRASE or what you typed."
            ) from exc
        raise InputError(wrong) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(wrong)
    return PrivateKey(key)


def _pem(key: PrivateKey, passphrase: str | None) -> bytes:
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return key._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"There is no key file {path}; check the path.")
        with path.open("rb") as stream:
            return stream.read(_KEY_FILE_BYTES)
    except (OSError, ValueError) as exc:  # ValueError: a NUL character in the path
        reason = getattr(exc, "strerror", None) or exc
        raise InputError(f"The key file {path} cannot be read ({reason}); check its rights.") from exc


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as exc:
        raise ValueError("no base64") from exc
