"""`fieldmate warm`."""

from __future__ import annotations

from dataclasses import asdict

import click

from assistant.assistant import Assistant
from assistant.cli.app import App, Command, generator_option, print_json, say_notice, scope_options
from assistant.cli.progress import Bar
from assistant.cli.terminal import echo
from assistant.errors import UsageError
from assistant.types import Scope, StateUsage, Warming

_MB = 1_000_000


@click.command(cls=Command)
@click.option("--status", is_flag=True, help="Only show what the stored states take.")
@click.option("--clear", is_flag=True, help="Remove all stored states instead; they are computed again when needed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@generator_option
@scope_options
@click.pass_obj
def warm(app: App, status: bool, clear: bool, as_json: bool, scope: Scope) -> None:
    """Compute ahead what the generator needs to know of each passage, so that answers begin sooner.

    Before the generator answers it reads passages, which takes nearly all of the time until its first word. What it has
    read can be stored: the state of a passage. The passages that were asked for most come first, then the newest, until
    all are there or their budget is full. `fieldmate chat` does the same while nothing is asked.

    Whole passages are read where the generator words explanations, with the setting answering.wording = "generated". By
    default explanations are quoted and facts worded from a few sentences: then there is nothing to compute.

    \b
    Example:
      fieldmate warm
      fieldmate warm --in coffee/manual.pdf
      fieldmate warm --status
    """
    if status + clear + bool(scope) > 1:
        raise UsageError("Give one of --status, --clear and a choice of documents; see `fieldmate warm --help`.")
    app.interrupted = "Interrupted; what was kept stays. Run the same command again."
    with app.assistant() as assistant:
        if status or clear:
            usage = assistant.clear_states() if clear else assistant.states()
            if as_json:
                print_json({"cleared" if clear else "states": None if usage is None else asdict(usage)})
            else:
                echo(_told(usage, "removed" if clear else "stored"))
            return
        say_notice(assistant)
        step = _warm(assistant, scope)
    if as_json:
        print_json(asdict(step))
    else:
        _print(step)


def _warm(assistant: Assistant, scope: Scope) -> Warming:
    step = Warming(0, 0, 0, 0, 0, full=False)
    with Bar() as bar:
        for step in assistant.warming(scope=scope or None):
            bar.warm(step)
    return step


def _print(step: Warming) -> None:
    if not step.total:
        echo("There is nothing to compute: the generator words explanations only with answering.wording = generated.")
        return
    kept = f"{step.kept} states kept ({step.bytes / _MB:.1f} MB), {step.there} were there"
    echo(f"{kept}; {step.done} of {step.total} passages.")
    if step.full:
        echo("There is room for no more; set states.budget_mb to allow more.", err=True)


def _told(usage: StateUsage | None, what: str) -> str:
    if usage is None:
        return "No states of passages are kept here."
    told = f"{usage.count} states {what}, {usage.bytes / _MB:.1f} MB; {usage.budget_bytes / _MB:.0f} MB are allowed."
    return f"{told} {usage.note}".rstrip()
