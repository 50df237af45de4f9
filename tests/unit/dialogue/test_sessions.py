from __future__ import annotations

import pytest

from assistant.dialogue.sessions import Sessions
from assistant.types import Turn


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


def turn(number: int) -> Turn:
    return Turn(f"question {number}", f"answer {number}")


def test_turns_come_back_oldest_first(sessions: Sessions) -> None:
    sessions.remember("a", turn(1))
    sessions.remember("a", turn(2))
    assert sessions.history("a") == (turn(1), turn(2))


def test_without_a_session_nothing_is_kept(sessions: Sessions) -> None:
    sessions.remember(None, turn(1))
    assert sessions.history(None) == ()


def test_an_unknown_session_has_no_turns_and_asking_makes_none(sessions: Sessions) -> None:
    assert sessions.history("a") == ()
    assert sessions.history("a") == ()


def test_sessions_are_kept_apart_and_an_empty_name_is_one(sessions: Sessions) -> None:
    sessions.remember("a", turn(1))
    sessions.remember("", turn(2))
    assert sessions.history("a") == (turn(1),)
    assert sessions.history("") == (turn(2),)


def test_only_the_latest_eight_turns_are_kept(sessions: Sessions) -> None:
    for number in range(12):
        sessions.remember("a", turn(number))
    assert sessions.history("a") == tuple(turn(number) for number in range(4, 12))


def test_a_session_lives_for_thirty_minutes_after_its_last_turn(sessions: Sessions, clock: Clock) -> None:
    sessions.remember("a", turn(1))
    clock.now += 30 * 60
    assert sessions.history("a") == (turn(1),)
    clock.now += 1
    assert sessions.history("a") == ()


def test_each_turn_begins_the_thirty_minutes_anew(sessions: Sessions, clock: Clock) -> None:
    sessions.remember("a", turn(1))
    clock.now += 20 * 60
    sessions.remember("a", turn(2))
    clock.now += 20 * 60
    assert sessions.history("a") == (turn(1), turn(2))


def test_asking_alone_does_not_prolong_a_session(sessions: Sessions, clock: Clock) -> None:
    sessions.remember("a", turn(1))
    clock.now += 20 * 60
    assert sessions.history("a")
    clock.now += 20 * 60
    assert sessions.history("a") == ()


def test_a_turn_after_the_end_begins_a_new_session(sessions: Sessions, clock: Clock) -> None:
    # A turn that had expired came back with the next one when nobody had asked in between.
    sessions.remember("a", turn(1))
    clock.now += 60 * 60
    sessions.remember("a", turn(2))
    assert sessions.history("a") == (turn(2),)


def test_of_many_sessions_the_longest_unused_goes_first(sessions: Sessions, clock: Clock) -> None:
    for number in range(64):
        sessions.remember(f"session {number}", turn(number))
        clock.now += 1
    sessions.remember("session 0", turn(100))
    sessions.remember("one more", turn(101))
    assert sessions.history("session 0") == (turn(0), turn(100))
    assert sessions.history("session 1") == ()
    assert sessions.history("session 2") == (turn(2),)


def test_a_forgotten_session_is_gone_and_again_is_harmless(sessions: Sessions) -> None:
    sessions.remember("a", turn(1))
    sessions.forget("a")
    sessions.forget("a")
    assert sessions.history("a") == ()


def test_what_was_handed_out_does_not_change_later(sessions: Sessions) -> None:
    sessions.remember("a", turn(1))
    held = sessions.history("a")
    sessions.remember("a", turn(2))
    assert held == (turn(1),)
