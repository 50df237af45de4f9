"""Nothing that a document, a file name or a question says steers the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from assistant.cli import terminal
from assistant.cli.answers import place, show
from assistant.cli.app import App
from assistant.cli.main import fieldmate
from assistant.types import Answer, AnswerDone, Citation, CitationFound, Hit, Passage, Retrieved, TextDelta

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u2066\U000e0041\r\x08"
OURS = re.compile(r"\x1b\[\d+m")


def steering(output: str) -> str:
    """What is left of `output` of control characters and what is not seen, our own colours apart."""
    return "".join(one for one in OURS.sub("", output) if ord(one) in terminal.UNSEEN)


def printed(*parts: str) -> str:
    import click

    @click.command()
    def command() -> None:
        terminal.echo(*parts)

    return CliRunner().invoke(command, color=True).output


def test_only_what_is_styled_by_us_keeps_its_colour() -> None:
    output = printed(terminal.styled(f"1 {HOSTILE}", fg="cyan"), f" {HOSTILE}\nnext\tline")
    assert steering(output) == ""
    assert output.startswith("\x1b[36m1 \ufffd[2J")
    assert output.endswith("\nnext\tline\n")


def test_a_name_is_one_line() -> None:
    assert place("a\nb\x1b[1m.md", "c\rd", "t", 3) == "a\ufffdb\ufffd[1m.md, “c\ufffdd”, page 3"


@given(st.text())
def test_json_has_the_same_value_and_nothing_that_steers(text: str) -> None:
    shown = terminal.escaped(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == text
    assert steering(shown) == ""


@given(st.text())
def test_what_is_shown_has_the_same_length_and_nothing_that_steers(text: str) -> None:
    assert steering(terminal.shown(text)) == ""
    assert len(terminal.shown(text)) == len(text)


def test_an_answer_with_its_citations_passes_nothing_on() -> None:
    import click

    passage = Passage(f"{HOSTILE}.md", HOSTILE, 0, 0, len(HOSTILE), HOSTILE, (f"H{HOSTILE}",), dated=HOSTILE)
    citation = Citation(passage.document, passage.title, passage.section, 1, HOSTILE, 0, len(HOSTILE), 1.0, HOSTILE)
    answer = Answer("q", HOSTILE, "answered", "quoted", 0.5, (citation,), (Hit(passage, 1.0),))

    @click.command()
    def command() -> None:
        show([Retrieved(answer.hits), TextDelta(HOSTILE), CitationFound(citation, 1), AnswerDone(answer)])

    output = CliRunner().invoke(command, color=True).output
    assert steering(output) == ""
    assert "owned" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "valve"], ["search", "valve", "--json"], ["docs", "list"], ["docs", "list", "--json"],
        ["docs", "show", "NAME"], ["docs", "folders"], ["ask", "At what pressure does the relief valve open?"],
        ["ask", f"Relief valve pressure {HOSTILE}?", "--json"], ["ask", "x", "--in", HOSTILE.replace("\r", "")],
    ],
    ids=lambda arguments: " ".join(arguments[:2]) if isinstance(arguments, list) else None,
)  # fmt: skip
def test_no_command_passes_a_hostile_document_or_name_on(
    arguments: list[str], tmp_path: Path, tiny_settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in\x1b[31mbox\u202e"
    folder.mkdir()
    document = folder / "va\x1b]0;owned\x07lve\nfieldmate: all is well.md"
    document.write_text(
        f"# Valve {HOSTILE}\n\nThe relief valve opens at 8 bar. {HOSTILE}\n"
        + "\nThe pump is cleaned with warm water. " * 40,
        "utf-8",
    )
    app = App()
    app.__dict__["settings"] = tiny_settings
    with app.assistant() as assistant:
        assistant.add([folder])
        name = assistant.documents()[0].name
    arguments = [name if one == "NAME" else one for one in arguments]
    result = CliRunner().invoke(fieldmate, arguments, obj=app, color=True)
    assert result.output or result.exception
    assert steering(result.output) == ""
    assert "\nfieldmate: all is well" not in result.output
