from __future__ import annotations

import pytest
from click.testing import CliRunner

from assistant.assistant import Assistant
from assistant.cli.app import App
from assistant.cli.main import fieldmate
from assistant.errors import StorageError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cautions that the commands asked for; each command ends there."""
    cautions: list[str] = []

    def assistant(app: App) -> Assistant:
        cautions.append(app.settings.answering.caution)
        raise StorageError("Nothing here; add documents.")

    monkeypatch.setattr(App, "assistant", assistant)
    return cautions


@pytest.mark.parametrize("command", [["ask", "What?"], ["chat"]])
@pytest.mark.parametrize("caution", ["low", "normal", "high"])
def test_caution_can_be_chosen_for_one_call(asked: list[str], command: list[str], caution: str) -> None:
    CliRunner().invoke(fieldmate, [*command, "--caution", caution], obj=App())
    assert asked == [caution]


def test_without_it_the_setting_holds(asked: list[str]) -> None:
    CliRunner().invoke(fieldmate, ["ask", "What?"], obj=App(), env={"FIELDMATE_ANSWERING__CAUTION": "high"})
    CliRunner().invoke(fieldmate, ["ask", "What?"], obj=App())
    assert asked == ["high", "normal"]


def test_another_word_is_a_mistake_that_names_the_right_ones(asked: list[str]) -> None:
    result = CliRunner().invoke(fieldmate, ["ask", "What?", "--caution", "reckless"], obj=App())
    assert (result.exit_code, asked) == (2, [])
    assert all(word in result.output for word in ("low", "normal", "high"))
