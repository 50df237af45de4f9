"""`fieldmate chat`."""

from __future__ import annotations

import sys

import click

from assistant.assistant import Assistant
from assistant.cli.answers import place, show
from assistant.cli.app import App, Command, caution_option, generator_option, print_json, say_notice, scope_options
from assistant.cli.terminal import echo
from assistant.types import Answer, Scope

_SESSION = "chat"
_HELP = "Ask a question, or: /sources shows what the last answer rests on, /new forgets the conversation, /quit ends."


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a question instead of text.")
@generator_option
@caution_option
@scope_options
@click.pass_obj
def chat(app: App, as_json: bool, scope: Scope) -> None:
    """Ask one question after the other; each may refer to the one before.

    Questions are remembered until the conversation ends, and never written to disk. Without a terminal, questions are
    read from standard input, one a line.

    \b
    Example:
      fieldmate chat
      printf 'What does E07 mean?\\nAnd how do I reset it?\\n' | fieldmate chat --json
    """
    prompt = "\n? " if sys.stdin.isatty() else ""
    app.interrupted = "Bye."
    with app.assistant() as assistant:
        say_notice(assistant)
        if prompt:
            _edit_lines()
            echo(_HELP, err=True)
        last: Answer | None = None
        while (line := _read(prompt)) is not None:
            text = line.strip()
            if text in ("/quit", "/exit", "/q"):
                break
            if text == "/new":
                assistant.forget(_SESSION)
                last = None
            elif text == "/sources":
                _sources(last, as_json)
            elif text.startswith("/"):
                echo(_HELP, err=True)
            elif text:
                last = _answer(assistant, text, scope, as_json)


def _answer(assistant: Assistant, text: str, scope: Scope, as_json: bool) -> Answer:
    if not as_json:
        return show(assistant.ask(text, _SESSION, scope=scope))
    answer = assistant.answer(text, _SESSION, scope=scope)
    print_json(answer.to_dict())
    sys.stdout.flush()
    return answer


def _edit_lines() -> None:
    """Let the arrow keys work at the prompt; `input` uses readline once it is imported."""
    try:
        import readline  # noqa: F401  # imported for its effect on input()
    except ImportError:  # a Python built without it: plain lines still work
        return


def _read(prompt: str) -> str | None:
    """The next line, or None at the end."""
    try:
        return input(prompt)
    except EOFError:
        return None


def _sources(answer: Answer | None, as_json: bool) -> None:
    if answer is None:
        echo("No question has been asked yet.", err=True)
        return
    if as_json:
        print_json([hit.to_dict() for hit in answer.hits])
        return
    for number, hit in enumerate(answer.hits, 1):
        passage = hit.passage
        where = place(passage.document, passage.section, passage.title, passage.page, passage.dated)
        echo(f"{number}. {where}  ({hit.score:.2f})\n{passage.text}\n")
