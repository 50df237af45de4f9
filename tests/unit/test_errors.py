from __future__ import annotations

import inspect
import re

import pytest

from assistant import errors
from assistant.errors import FieldmateError

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == errors.__name__
]


def _drawn() -> list[tuple[int, str, str]]:
    lines = (inspect.getdoc(errors) or "").splitlines()
    found = []
    for line in lines:
        match = re.fullmatch(r"( {4}[│├└─ ]*)(\w+)(?: +(exit code|\d))?(?: .*)?", line)
        if match:
            found.append((len(match[1]), match[2], match[3] or ""))
    return found


def test_the_drawn_tree_names_every_class() -> None:
    assert {name for _, name, _ in _drawn()} == {one.__name__ for one in CLASSES}


def test_the_drawn_tree_is_the_tree_of_the_classes() -> None:
    above: list[tuple[int, str]] = []
    for depth, name, _ in _drawn():
        above = [one for one in above if one[0] < depth]
        parent = getattr(errors, name).__base__
        assert parent.__name__ == (above[-1][1] if above else "Exception")
        above.append((depth, name))


def test_the_drawn_exit_codes_are_those_of_the_classes() -> None:
    drawn = {name: int(code) for _, name, code in _drawn() if code.isdigit()}
    assert drawn == {"UsageError": 2, "InputError": 3, "ModelError": 4, "KnowledgeBaseError": 5, "Busy": 5}
    for name, code in drawn.items():
        assert getattr(errors, name).exit_code == code


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_ends_with_its_branchs_exit_code(error: type[FieldmateError]) -> None:
    branch = next((one for one in error.__mro__ if one.__base__ is FieldmateError), FieldmateError)
    assert error.exit_code == branch.exit_code
    assert error is FieldmateError or error.exit_code in (2, 3, 4, 5)


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_is_its_sentence(error: type[FieldmateError]) -> None:
    assert str(error("The disk is full; free some space.")) == "The disk is full; free some space."


def test_a_programmers_error_is_no_error_of_the_user() -> None:
    for error in (ValueError, RuntimeError, AssertionError, KeyError):
        assert not issubclass(error, FieldmateError)
        assert not issubclass(FieldmateError, error)
