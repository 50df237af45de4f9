"""Guesses what a generator will write next: what followed the same words before. Pure.

Prompt lookup decoding (Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding): an answer from documents
repeats runs of the prompt, so the continuation of an earlier run is a draft that costs nothing to make.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 6
"""Tokens that must be alike for a guess, at most."""
SHORTEST = 4
"""At least. A wrong guess of seven takes as long as four tokens, and who has copied four goes on copying."""


class Lookup:
    """Runs of the tokens so far, each with the place behind it where it stood last, and first."""

    def __init__(self, tokens: Sequence[int]) -> None:
        """Of a prompt's passages and question."""
        self._tokens: list[int] = []
        self._behind: dict[tuple[int, ...], int] = {}
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """Take in the token that was written next."""
        place = len(self._tokens)
        for length in range(SHORTEST, LONGEST + 1):
            if place >= length:
                # Known as from now on, so that the newest run does not find itself.
                self._behind[tuple(self._tokens[place - length :])] = place
        self._tokens.append(token)

    def draft(self, most: int) -> list[int]:
        """Up to `most` tokens that may come next; none where nothing like the last tokens stood before."""
        for length in range(LONGEST, SHORTEST - 1, -1):
            place = self._behind.get(tuple(self._tokens[-length:]))
            if place is not None and len(self._tokens) >= length:
                return self._tokens[place : place + most]
        return []
