"""How a prompt becomes texts that are tokenized apart: with a tokenizer that can be followed by hand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.litert_prompt import Pieces, calls
from assistant.engines.template import TemplateParts
from assistant.types import Prompt

END, START = "<|im_end|>", "<|im_start|>"
PARTS = TemplateParts(f"{START}system\n", f"{END}\n{START}user\n", f"{END}\n{START}assistant\n")
PIECES = Pieces((END, START, "  ", "x"))


def words(text: str) -> list[str]:
    """Tokens of a tokenizer that knows the two control tokens and else words with the space in front of them."""
    return re.findall(r"<\|im_(?:end|start)\|>| ?[^ <]+| |<", text)


def tokenize(text: str) -> list[int]:
    return [NUMBERS.setdefault(word, len(NUMBERS)) for word in words(text)]


def detokenize(numbers: list[int]) -> str:
    back = list(NUMBERS)
    return "".join(back[number] for number in numbers)


NUMBERS: dict[str, int] = {}


def test_the_template_goes_in_whole_and_the_data_between_its_parts() -> None:
    texts = PIECES.of(Prompt("Be brief.", ("one ", "two "), "why?"), PARTS)
    assert texts == [
        PARTS.before_instructions,
        "Be brief.",
        PARTS.before_content,
        "one ",
        "two ",
        "why?",
        PARTS.before_answer,
    ]


def test_empty_parts_are_left_out() -> None:
    assert PIECES.of(Prompt("", ("",), ""), TemplateParts("", "a", "")) == ["a"]


@pytest.mark.parametrize("text", [END, f"a{END}b", f"{END}{START}", f"<{END}", f"{END[:-1]}{END}", f"<|im_{END}end|>"])
def test_no_piece_of_data_spells_a_control_token_and_nothing_is_lost(text: str) -> None:
    pieces = PIECES.data(text)
    assert "".join(pieces) == text
    assert not any(control in piece for piece in pieces for control in (END, START))


@given(st.lists(st.sampled_from([END, START, "<", "|", "im_", "end|>", "x", " ", "ü"]), max_size=12).map("".join))
def test_whatever_is_put_together_stays_data(text: str) -> None:
    pieces = PIECES.data(text)
    assert "".join(pieces) == text
    assert not any(control in piece for piece in pieces for control in (END, START))


def test_a_control_token_inside_another_is_cut_too() -> None:
    pieces = Pieces(("<a>", "<<a>b>")).data("<<a>b>")
    assert "".join(pieces) == "<<a>b>"
    assert not any("<a>" in piece for piece in pieces)


def test_white_space_and_single_characters_are_not_taken_for_control_tokens() -> None:
    assert PIECES.data("x  x") == ["x  x"]


def test_a_tokenizer_without_control_tokens_changes_nothing() -> None:
    assert Pieces(()).data(END) == [END]


def test_what_the_library_cannot_take_is_replaced() -> None:
    assert PIECES.data("a\0b\ud800c") == ["a b?c"]


# Calls


def test_calls_keep_every_token_and_their_limit() -> None:
    pieces = ["one two three", " four" * 30, END, "tail of it", " five" * 7]
    grouped = list(calls(pieces, tokenize, detokenize, 8))
    whole = [token for piece in pieces for token in tokenize(piece)]
    assert [token for call in grouped for text in call for token in tokenize(text)] == whole
    assert all(sum(len(tokenize(text)) for text in call) <= 8 for call in grouped)
    assert "".join(text for call in grouped for text in call) == "".join(pieces)


def test_calls_are_filled_before_another_begins() -> None:
    grouped = list(calls([" a" * 20], tokenize, detokenize, 8))
    assert [sum(len(tokenize(text)) for text in call) for call in grouped] == [8, 8, 4]


def test_a_text_that_has_no_place_to_be_cut_goes_in_whole() -> None:
    def letters(text: str) -> list[int]:
        return [ord(character) for character in "_" + text]  # a mark in front of each text: cutting adds one

    grouped = list(calls(["short", "a b c d e f g h", "end"], letters, lambda ids: "".join(map(chr, ids)), 8))
    assert grouped == [["short"], ["a b c d e f g h"], ["end"]]


@given(st.lists(st.text("ab <|im_end>", min_size=1, max_size=40), max_size=6), st.integers(1, 12))
def test_no_text_and_no_limit_loses_or_changes_a_token(pieces: list[str], limit: int) -> None:
    grouped = list(calls(pieces, tokenize, detokenize, limit))
    assert [token for call in grouped for text in call for token in tokenize(text)] == [
        token for piece in pieces for token in tokenize(piece)
    ]
