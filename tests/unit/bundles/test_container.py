from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from assistant.bundles import manifest as manifests
from assistant.bundles.container import MAGIC, opened, write
from assistant.bundles.keys import PrivateKey
from assistant.bundles.manifest import Manifest, Payload
from assistant.errors import InputError
from tests.unit.bundles.devices import new_key

HEAD = len(MAGIC) + 64 + 4


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    return new_key(tmp_path / "key")


def described(payload: Payload, name: str = "pumps") -> Manifest:
    return Manifest(
        format=1, name=name, version=7, made_at="2026-11-21T18:45:00+00:00", made_by="0.1.0", signer="me", schema=3,
        embedder="e:1", documents=1, passages=1, carried=1, content="0" * 64, base=None, payload=payload,
    )  # fmt: skip


def made(path: Path, key: PrivateKey, content: bytes = b"knowledge " * 1000) -> bytes:
    """The bytes of a good bundle."""
    inside = path.with_name("content")
    inside.write_bytes(content)
    write(path, inside, described, key)
    return path.read_bytes()


def taken(path: Path, key: PrivateKey) -> bytes:
    """What a device would unpack: everything that it looks at, in its order."""
    with opened(path) as bundle:
        if bundle.signed_by([key.public]) is None:
            raise InputError("not signed.")
        bundle.unpack(bundle.manifest().payload, path.with_name("unpacked"))
    return path.with_name("unpacked").read_bytes()


def test_what_was_packed_comes_out(tmp_path: Path, key: PrivateKey) -> None:
    content = os.urandom(3 << 20) + bytes(5 << 20)
    data = made(tmp_path / "b", key, content)
    assert taken(tmp_path / "b", key) == content
    assert data[: len(MAGIC)] == MAGIC
    length = struct.unpack(">I", data[HEAD - 4 : HEAD])[0]
    assert json.loads(data[HEAD : HEAD + length])["payload"]["bytes"] == len(data) - HEAD - length
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "content", "key", "key.pub", "unpacked"]


def test_every_byte_counts(tmp_path: Path, key: PrivateKey) -> None:
    data = made(tmp_path / "b", key, b"short")
    for place in range(0, len(data), 3):
        (tmp_path / "b").write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        with pytest.raises(InputError, match=r"\.$"):
            taken(tmp_path / "b", key)


def test_every_cut_and_every_more_is_noticed(tmp_path: Path, key: PrivateKey) -> None:
    data = made(tmp_path / "b", key, b"short")
    for end in range(0, len(data), 3):
        (tmp_path / "b").write_bytes(data[:end])
        with pytest.raises(InputError, match=r"\.$"):
            taken(tmp_path / "b", key)
    (tmp_path / "b").write_bytes(data + b"x")
    with pytest.raises(InputError, match=f"{len(data) + 1} bytes instead of {len(data)}"):
        taken(tmp_path / "b", key)


def test_parts_of_two_good_bundles_make_no_good_one(tmp_path: Path, key: PrivateKey) -> None:
    one, two = made(tmp_path / "one", key, b"one" * 50), made(tmp_path / "two", key, b"two" * 50)
    ends = [HEAD + struct.unpack(">I", data[HEAD - 4 : HEAD])[0] for data in (one, two)]
    mixtures = {
        "signature": one[:8] + two[8:72] + one[72:],
        "manifest": one[:72] + two[72 : ends[1]] + one[ends[0] :],
        "payload": one[: ends[0]] + two[ends[1] :],
        "one behind the other": one + two,
    }
    for name, data in mixtures.items():
        (tmp_path / "b").write_bytes(data)
        with pytest.raises(InputError):
            pytest.fail(f"{name}: {taken(tmp_path / 'b', key)!r}")


def test_a_bomb_writes_no_more_than_it_declares(tmp_path: Path, key: PrivateKey) -> None:
    (tmp_path / "content").write_bytes(bytes(64 << 20))
    written = 10_000

    def lying(payload: Payload) -> Manifest:
        return described(msgspec.structs.replace(payload, unpacked_bytes=written))

    write(tmp_path / "b", tmp_path / "content", lying, key)
    assert (tmp_path / "b").stat().st_size < 20_000
    with pytest.raises(InputError, match="not what it should unpack to"):
        taken(tmp_path / "b", key)
    assert (tmp_path / "unpacked").stat().st_size <= written


def test_what_no_disk_could_hold_is_refused_before_it_is_unpacked(tmp_path: Path, key: PrivateKey) -> None:
    (tmp_path / "content").write_bytes(b"small")
    huge = 10**13

    write(
        tmp_path / "b",
        tmp_path / "content",
        lambda payload: described(msgspec.structs.replace(payload, unpacked_bytes=huge)),
        key,
    )
    with pytest.raises(InputError, match="of free disk"):
        taken(tmp_path / "b", key)
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../etc/passwd"}, {"name": ""}, {"name": "A"}, {"version": 0}, {"version": -5}, {"version": 10**16},
        {"version": "7"}, {"version": 7.5}, {"documents": -1}, {"documents": 10**10}, {"embedder": "\x1b[2J"},
        {"made_at": "today"}, {"content": "Z" * 64}, {"more": 1}, {"base": {"version": 1}}, {"payload": None},
        {"payload": {"codec": "pickle", "bytes": 1, "sha256": "0" * 64}}, {"format": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_field_beyond_its_limits_is_one_sentence(change: dict[str, object]) -> None:
    fields = msgspec.to_builtins(described(Payload("xz", 1, "0" * 64, 1, "0" * 64)))
    assert manifests.decode(json.dumps(fields).encode())
    with pytest.raises(InputError, match=r"cannot be understood .*get it again\.$"):
        manifests.decode(json.dumps(fields | change).encode())


def test_a_newer_format_asks_for_a_newer_fieldmate() -> None:
    with pytest.raises(InputError, match="update Fieldmate"):
        manifests.decode(b'{"format": 2, "all": "different"}')


@pytest.mark.parametrize(
    "data", [b"", b"[" * 60_000, b'{"format":1', b"\xff\xfe", b'{"format": NaN}', b'{"format":' + b"9" * 5000 + b"}"]
)
def test_what_is_no_json_is_one_sentence(data: bytes) -> None:
    with pytest.raises(InputError, match=r"\.$"):
        manifests.decode(data)


def no_file(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def empty(path: Path) -> None:
    path.touch()


def long_manifest(path: Path) -> None:
    path.write_bytes(MAGIC + bytes(64) + struct.pack(">I", 2**32 - 1))


@pytest.mark.parametrize("make", [no_file, pipe, empty, long_manifest, lambda path: None])
def test_what_is_no_bundle_at_all_is_one_sentence(
    tmp_path: Path, key: PrivateKey, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "b")
    with pytest.raises(InputError, match=r"\.$"):
        taken(tmp_path / "b", key)


def test_an_error_of_the_caller_is_not_blamed_on_the_bundle(tmp_path: Path, key: PrivateKey) -> None:
    made(tmp_path / "b", key)
    with pytest.raises(ValueError, match="mine"), opened(tmp_path / "b"):
        raise ValueError("mine")
