"""When to guess: from times and counts that a clock under our hand gives."""

from __future__ import annotations

from assistant.engines.speculation import LENGTHS, Speculation


class Machine:
    """A model on which a step of so many rows takes so long, and so many guesses are right."""

    def __init__(self, seconds: dict[int, float], right: int) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.right = right
        self.tried: list[int] = []
        self.policy = Speculation(lambda: self.now)

    def write(self, steps: int, *, guessed: bool = True) -> float:
        """Tokens a second over so many steps."""
        begin, tokens = self.now, 0
        for _ in range(steps):
            length = self.policy.length() if guessed else 0
            self.tried.append(length)
            with self.policy.watching(length + 1):
                self.now += self.seconds[length + 1]
            for _ in range(min(length, self.right) + 1):
                self.policy.wrote()
                tokens += 1
        return tokens / (self.now - begin)


CHEAP = {1: 1.0, 8: 1.6, 16: 2.0}
DEAR = {1: 1.0, 8: 6.0, 16: 12.0}


def test_right_guesses_are_used_as_long_as_possible() -> None:
    machine = Machine(CHEAP, right=15)
    assert machine.write(200) > 6
    assert machine.tried[-50:].count(LENGTHS[-1]) > 40


def test_a_length_that_suits_is_chosen() -> None:
    machine = Machine({1: 1.0, 8: 1.6, 16: 9.0}, right=7)
    machine.write(200)
    assert machine.tried[-20:].count(7) > 15


def test_guesses_that_cost_more_than_they_give_are_given_up() -> None:
    machine = Machine(DEAR, right=1)
    machine.write(400)
    assert machine.tried[-200:].count(0) > 180


def test_wrong_guesses_cost_little_in_the_long_run() -> None:
    alone = Machine(CHEAP, right=0).write(1000, guessed=False)
    assert Machine(CHEAP, right=0).write(1000) > 0.97 * alone


def test_what_did_not_pay_is_tried_again() -> None:
    machine = Machine(CHEAP, right=0)
    machine.write(200)
    machine.right = 15
    machine.write(200)
    assert machine.tried[-20:].count(LENGTHS[-1]) > 15


def test_steps_cut_short_are_not_compared() -> None:
    policy = Speculation(lambda: 0.0)
    for rows in (1, 5):
        with policy.watching(rows):
            pass
        policy.wrote()
    assert policy.length() == LENGTHS[0]


def test_the_first_token_is_written_alone() -> None:
    assert Speculation(lambda: 0.0).length() == 0
