from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from assistant.bundles.keys import (
    PREFIX,
    PassphraseNeeded,
    PublicKey,
    load_private,
    make_pair,
    parse_public,
    read_public,
)
from assistant.bundles.trust import FILE, distrust, trust, trusted_keys
from assistant.errors import InputError


def test_the_private_key_is_for_its_owners_eyes_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_pair(tmp_path / "key", None)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert (tmp_path / "key").read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.pub"]


def test_what_one_half_signs_the_other_verifies_and_no_other_does(tmp_path: Path) -> None:
    public = make_pair(tmp_path / "key", None, "A kiosk owner")
    signature = load_private(tmp_path / "key", None).sign(b"message")
    read = read_public(str(tmp_path / "key.pub"))
    assert read == public == parse_public(public.line)
    assert read.verifies(signature, b"message")
    assert not read.verifies(signature, b"massage")
    assert not read.verifies(signature[:-1], b"message")
    assert not make_pair(tmp_path / "other", None).verifies(signature, b"message")


def test_the_signature_is_that_of_the_standard() -> None:
    # RFC 8032, section 7.1, test 2.
    public = PublicKey("fieldmate-ed25519:PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert public.verifies(signature, b"\x72")


def test_a_passphrase_protects(tmp_path: Path) -> None:
    public = make_pair(tmp_path / "key", "open sesame")
    assert b"ENCRYPTED" in (tmp_path / "key").read_bytes()
    assert load_private(tmp_path / "key", "open sesame").public.text == public.text
    for wrong in (None, "", "open barley"):
        with pytest.raises(PassphraseNeeded, match="BUNDLE_KEY_PASSPHRASE"):
            load_private(tmp_path / "key", wrong)


def test_a_pair_is_never_replaced_and_half_a_pair_is_completed(tmp_path: Path) -> None:
    public = make_pair(tmp_path / "key", None)
    with pytest.raises(InputError, match="name another file"):
        make_pair(tmp_path / "key", None)
    (tmp_path / "key.pub").unlink()
    assert make_pair(tmp_path / "key", None) == public


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff" * 100, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(InputError, match="bundle keys FILE"):
        load_private(tmp_path / "key", None)
    with pytest.raises(InputError, match="holds no public key"):
        read_public(str(tmp_path / "key"))
    with pytest.raises(InputError, match="check the path"):
        read_public(str(tmp_path / "nothing"))


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    pem = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key").write_bytes(pem)
    with pytest.raises(InputError, match="no private key that bundles"):
        load_private(tmp_path / "key", None)


@pytest.mark.parametrize("text", ["", "ssh-ed25519 AAAA", PREFIX, PREFIX + "A" * 44, PREFIX + "é" * 43 + "=",
                                  PREFIX + "A" * 43 + "= \x1b[2J"])  # fmt: skip
def test_a_line_that_is_no_public_key_is_none(text: str) -> None:
    assert parse_public(text) is None


def test_trust_is_a_list_that_grows_and_shrinks(tmp_path: Path) -> None:
    one, two = make_pair(tmp_path / "one", None, "One"), make_pair(tmp_path / "two", None)
    folder = tmp_path / "bundles"
    assert trusted_keys(folder) == []
    assert [trust(folder, one), trust(folder, two), trust(folder, one)] == [True, True, False]
    assert trusted_keys(folder) == [one, two]
    assert [distrust(folder, one), distrust(folder, one)] == [True, False]
    assert trusted_keys(folder) == [two]


def test_a_mistyped_line_is_not_passed_over(tmp_path: Path) -> None:
    trust(tmp_path, make_pair(tmp_path / "one", None))
    with (tmp_path / FILE).open("a") as file:
        file.write("\n# a remark\nfieldmate-ed25519:oops\n")
    with pytest.raises(InputError, match=r"Line 5 of .*mend or delete"):
        trusted_keys(tmp_path)
