"""The keys that a device trusts: one text file in its data folder, a line each.

It knows that file. It does not know what the keys are asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assistant.artifacts.files import storage, write_atomically
from assistant.bundles.keys import PublicKey, parse_public
from assistant.errors import InputError

FILE = "trusted-keys"
_MOST_BYTES = 1_000_000


def trusted_keys(folder: Path) -> list[PublicKey]:
    """The keys of the file in `folder`; empty lines and those that begin with # say nothing.

    Raises:
        InputError: a line is no key: an owner who mistyped one must not believe that it counts.
        StorageError: the file cannot be read.
    """
    path = folder / FILE
    with storage(folder):
        if not path.exists():
            return []
        text = path.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace")
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key = parse_public(line)
        if key is None:
            raise InputError(f"Line {number} of {path} is no public key; mend or delete that line.")
        keys.append(key)
    return keys


def trust(folder: Path, key: PublicKey) -> bool:
    """Trust `key` from now on; False when it was trusted already.

    Raises:
        StorageError: the disk does not take it.
    """
    keys = trusted_keys(folder)
    if any(one.text == key.text for one in keys):
        return False
    _write(folder, [*keys, key])
    return True


def distrust(folder: Path, key: PublicKey) -> bool:
    """Trust `key` no longer; False when it was not trusted."""
    keys = trusted_keys(folder)
    left = [one for one in keys if one.text != key.text]
    if len(left) == len(keys):
        return False
    _write(folder, left)
    return True


def _write(folder: Path, keys: Sequence[PublicKey]) -> None:
    text = "# Bundles signed by one of these keys may change the knowledge base.\n"
    with storage(folder):
        write_atomically(folder / FILE, (text + "".join(f"{key.line}\n" for key in keys)).encode("ascii"))
