"""From token bytes to text: the part of the llama engine that needs no model."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.llama import _Output

STOPS = ("\nQuestion:", "\n\n\n")


def fed(pieces: list[bytes], stops: tuple[str, ...] = ()) -> list[str]:
    output = _Output(stops)
    texts = []
    for piece in pieces:
        texts.append(output.feed(piece))
        if output.stopped:
            break
    return [*texts, output.finish()]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


@given(st.text(max_size=60), st.lists(st.integers(0, 10**6), max_size=20))
def test_however_the_bytes_come_the_text_is_the_same(text: str, places: list[int]) -> None:
    assert "".join(fed(cut(text.encode(), places))) == text


@given(st.text(st.sampled_from("水🙂ä a"), max_size=20), st.integers(0, 200))
def test_a_text_that_ends_inside_a_character_loses_only_that_character(text: str, length: int) -> None:
    data = text.encode()[:length]
    whole = "".join(fed([data[index : index + 1] for index in range(len(data))]))
    assert whole == data.decode(errors="ignore")


@given(
    st.text(st.sampled_from("ab\nQuestion: "), max_size=30),
    st.text(st.sampled_from("ab\n"), max_size=10),
    st.lists(st.integers(0, 10**6), max_size=20),
)
def test_a_stop_text_ends_the_answer_and_is_not_shown(before: str, after: str, places: list[int]) -> None:
    text = before + "\nQuestion:" + after
    expected = min((text.partition(stop)[0] for stop in STOPS), key=len)
    assert "".join(fed(cut(text.encode(), places), STOPS)) == expected


def test_what_may_still_become_a_stop_text_is_held_back() -> None:
    assert fed([b"Yes.\nQue", b"stion", b": x"], STOPS) == ["Yes.", "", "", ""]
    assert fed([b"Yes.\nQue", b"en"], STOPS) == ["Yes.", "\nQueen", ""]


def test_bytes_that_are_no_character_do_not_end_the_answer() -> None:
    assert "".join(fed([b"a\xffb"])) == "a\ufffdb"
