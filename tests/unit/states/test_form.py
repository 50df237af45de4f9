"""Whether a file's damage can hide: every byte, every length."""

from __future__ import annotations

import struct
import zlib

import pytest

from assistant.states import form
from assistant.states.form import DamagedState
from tests.unit.states.samples import content, key

KEY = key(1)
STATE = content(1, 300)
FILE = form.header(KEY, 25, memoryview(STATE)) + STATE


def test_what_was_written_is_read() -> None:
    assert form.opened(FILE, KEY) == (25, memoryview(STATE))
    assert len(FILE) == len(STATE) + form.HEADER_BYTES
    assert form.HEADER_BYTES % 64 == 0


@pytest.mark.parametrize("change", [1, 0x80, 0xFF])
def test_no_byte_can_change_unnoticed(change: int) -> None:
    for place in range(len(FILE)):
        damaged = bytearray(FILE)
        damaged[place] ^= change
        with pytest.raises(DamagedState):
            form.opened(bytes(damaged), KEY)


def test_no_block_can_be_lost_unnoticed() -> None:
    for place in range(0, len(FILE), 16):
        damaged = bytearray(FILE)
        damaged[place : place + 32] = bytes(len(damaged[place : place + 32]))
        if damaged != FILE:
            with pytest.raises(DamagedState):
                form.opened(bytes(damaged), KEY)


def test_no_length_but_the_right_one_is_taken() -> None:
    for length in range(len(FILE)):
        with pytest.raises(DamagedState):
            form.opened(FILE[:length], KEY)
    for more in (b"\0", b"\xff", FILE):
        with pytest.raises(DamagedState):
            form.opened(FILE + more, KEY)


def test_a_sound_file_of_another_key_is_refused() -> None:
    with pytest.raises(DamagedState, match="something else"):
        form.opened(FILE, key(2))


@pytest.mark.parametrize(("at", "packed"), [(8, struct.pack("<I", 2)), (0, b"GGUFfile"), (12, struct.pack("<I", 0))])
def test_a_file_with_a_right_sum_but_another_version_mark_or_no_tokens_is_refused(at: int, packed: bytes) -> None:
    start = bytearray(FILE[: form.HEADER_BYTES - 4])
    start[at : at + len(packed)] = packed
    summed = bytes(start) + struct.pack("<I", zlib.crc32(STATE, zlib.crc32(start))) + STATE
    with pytest.raises(DamagedState):
        form.opened(summed, KEY)


def test_a_key_that_is_no_text_is_damage() -> None:
    start = bytearray(FILE)
    start[24] = 0xFF
    with pytest.raises(DamagedState, match="key"):
        form.described(bytes(start), len(start))
