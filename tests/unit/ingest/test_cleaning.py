"""What cleaning takes out, and what it must leave."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.ingest.cleaning import clean, one_line, shorten, verbatim


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("a\0b\x07c\x9f", "abc"),
        ("a\u200bb\ufeffc\u00ad", "abc"),
        ("\u202eevil\u202c\u2066x\u2069", "evilx"),
        ("\U000e0041\U000e0042seen", "seen"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("Gro\u0308ße", "Größe"),
        ("ﬂow of ﬁve", "flow of five"),
        ("F\u2011220", "F-220"),
        ("5\u202fmm\u00a0x", "5 mm x"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("a\u200db", "ab"),
        ("−5 °C ± 2 µm²", "−5 °C ± 2 µm²"),
        ("a\u180bb\u17b4c\U000e0fffd\U0001d173e\ufff3f\U0001ffff", "abcdef"),
        ("a\u2800b", "a b"),
        ("\x1b]0;owned\x07\x1b[2J\x9b31mred", "]0;owned[2J31mred"),
        ("Z" + "\u0334" * 300 + "algo", "Z" + "\u0334" * 4 + "algo"),
    ],
)
def test_clean(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned


def test_joiners_that_spell_persian_words_stay() -> None:
    assert clean("می\u200cخواهم") == "می\u200cخواهم"


def test_one_line_has_single_spaces() -> None:
    assert one_line("  a \n\t b\u00a0 c ") == "a b c"


def test_verbatim_keeps_indentation() -> None:
    assert verbatim("\n  if x:\n\ty()\n\n\n\nz  \n") == "  if x:\n    y()\n\nz".lstrip("\n")


def test_shorten_cuts_at_a_space() -> None:
    assert shorten("alpha beta gamma", 12) == "alpha beta"


def test_shorten_cuts_a_word_without_spaces() -> None:
    assert shorten("x" * 50, 10) == "x" * 10


@given(st.text())
def test_cleaning_again_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert unicodedata.is_normalized("NFC", once)
    once.encode("utf-8")
