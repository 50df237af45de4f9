"""`fieldmate chat`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click

from assistant.cli.ahead import reading_along
from assistant.cli.answers import collected, place, show
from assistant.cli.app import App, Command, caution_option, generator_option, print_json, say_notice, scope_options
from assistant.cli.terminal import echo
from assistant.types import Answer, Scope
from assistant.worker import Worker

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
    read from standard input, one a line. On a terminal, what a question needs is done while it is typed, and states of
    passages are computed while nothing is asked, so that answers begin sooner.

    \b
    Example:
      fieldmate chat
      printf 'What does E07 mean?\\nAnd how do I reset it?\\n' | fieldmate chat --json
    """
    prompt = "\n? " if sys.stdin.isatty() else ""
    app.interrupted = "Bye."
    with Worker(app.assistant) as worker:
        worker.call(say_notice)
        typed = None
        if prompt:
            echo(_HELP, err=True)
            typed = _edit_lines()
            if not as_json:
                worker.work_ahead()
        along = _along(worker, typed, scope) if typed is not None and not as_json else nullcontext
        last: Answer | None = None
        while (line := _read(prompt, along)) is not None:
            text = line.strip()
            if text in ("/quit", "/exit", "/q"):
                break
            if text == "/new":
                worker.call(lambda assistant: assistant.forget(_SESSION))
                last = None
            elif text == "/sources":
                _sources(last, as_json)
            elif text.startswith("/"):
                echo(_HELP, err=True)
            elif text:
                last = _answer(worker, text, scope, as_json)
            if note := worker.take_note():
                echo(note, err=True)


def _answer(worker: Worker, text: str, scope: Scope, as_json: bool) -> Answer:
    with worker.ask(text, _SESSION, scope=scope) as events:
        if not as_json:
            return show(events)
        answer = collected(events)
    print_json(answer.to_dict())
    sys.stdout.flush()
    return answer


def _edit_lines() -> Callable[[], str] | None:
    """Let the arrow keys work at the prompt, where `input` uses readline; gives what tells the line as far as typed."""
    try:
        import readline
    except ImportError:  # a Python built without it: plain lines still work
        return None
    return readline.get_line_buffer


def _along(worker: Worker, typed: Callable[[], str], scope: Scope) -> Callable[[], AbstractContextManager[None]]:
    """Lets the worker prepare for what is typed while this is entered."""
    return lambda: reading_along(typed, lambda text: worker.prepare(text, _SESSION, scope=scope))


def _read(prompt: str, along: Callable[[], AbstractContextManager[None]]) -> str | None:
    """The next line, or None at the end."""
    try:
        with along():
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
