"""Reading along: which texts are worth working ahead for, with a clock of the test's own; and the thread that looks."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from assistant.cli.ahead import Typed, reading_along

LATER = 0.25


def told(*looks: tuple[str, float]) -> list[str]:
    typed = Typed()
    return [text for line, now in looks if (text := typed.look(line, now)) is not None]


def test_a_line_at_rest_is_told_once() -> None:
    assert told(("What is", 0.0), ("What is", 0.15), ("What is", LATER), ("What is", 9.0)) == ["What is"]


def test_while_keys_come_nothing_is_told() -> None:
    line = "What does E07 mean?"
    assert told(*((line[:end], end * 0.2) for end in range(1, len(line)))) == []


def test_what_was_changed_is_told_anew_and_white_space_changes_nothing() -> None:
    looks = [("What is", 0.0), ("What is", 1.0), ("What is ", 2.0), ("  What is", 3.0), ("What is it", 4.0)]
    assert told(*looks, ("What is it", 5.0), ("What is", 6.0), ("What is", 7.0)) == ["What is", "What is it", "What is"]


def test_one_word_and_commands_are_not_worth_it() -> None:
    for line in ("", "   ", "What", "/new", "/sources of it", " /quit now"):
        assert told((line, 0.0), (line, 1.0)) == []


@given(st.lists(st.tuples(st.text("ab /", max_size=6), st.floats(0, 0.4)), max_size=30))
def test_nothing_is_told_twice_running_or_before_it_rests(steps: list[tuple[str, float]]) -> None:
    typed, now, last, since, line = Typed(), 0.0, "", 0.0, ""
    for text, wait in steps:
        now += wait
        if text.strip() != line:
            line, since = text.strip(), now
        found = typed.look(text, now)
        assert found is None or (found == line != last and now - since >= LATER and len(found.split()) > 1)
        last = found or last


def test_the_thread_tells_what_the_line_is_and_ends_with_the_prompt() -> None:
    texts: list[str] = []
    said = threading.Event()

    def line() -> str:
        return "What is it"

    def tell(text: str) -> None:
        texts.append(text)
        said.set()

    with reading_along(line, tell):
        assert said.wait(60)
        watching = [one for one in threading.enumerate() if one.name == "reading-along"]
    for one in watching:
        one.join(60)
        assert not one.is_alive()
    assert texts == ["What is it"]
