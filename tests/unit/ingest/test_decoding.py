"""Bytes become the text that was written, or are refused as no text."""

from __future__ import annotations

import random

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.decoding import decode

GERMAN = "Die Öltemperatur beträgt 45 °C ± 2 K – größer als „üblich“."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_common_encodings(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding), "a") == GERMAN


def test_latin_1_without_typographic_quotes() -> None:
    assert decode("Größe: 5 °C".encode("latin-1"), "a") == "Größe: 5 °C"


def test_russian_in_cp1251_is_guessed() -> None:
    text = "Насос для воды. Проверьте давление и включите питание. " * 5
    assert decode(text.encode("cp1251"), "a") == text


def test_a_declared_encoding_is_believed() -> None:
    text = "Насос"
    assert decode(text.encode("koi8-r"), "a", declared="koi8-r") == text


def test_a_declared_encoding_that_does_not_exist_is_ignored() -> None:
    assert decode("Größe".encode("cp1252"), "a", declared="no-such-thing") == "Größe"


def test_utf_8_is_taken_though_another_encoding_is_declared() -> None:
    assert decode(GERMAN.encode(), "a", declared="cp1252") == GERMAN


def test_one_damaged_byte_does_not_spoil_utf_8() -> None:
    data = (GERMAN * 5).encode() + b"\xff" + (GERMAN * 5).encode()
    assert decode(data, "a") == GERMAN * 5 + "\ufffd" + GERMAN * 5


def test_random_bytes_are_no_text() -> None:
    with pytest.raises(UnreadableDocument, match=r"^a\.txt is not a text file; "):
        decode(random.Random(1).randbytes(4_000), "a.txt")


def test_many_nul_bytes_are_no_text() -> None:
    with pytest.raises(UnreadableDocument):
        decode(b"\0" * 500, "a.txt")


def test_a_stray_nul_byte_is_forgiven() -> None:
    assert decode(b"word " * 100 + b"\0", "a.txt").startswith("word")
