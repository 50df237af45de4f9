"""`fieldmate doctor`: prints what `assistant.health` finds."""

from __future__ import annotations

from dataclasses import asdict

import click

from assistant.cli.app import App, Command, print_json
from assistant.cli.terminal import echo, styled

_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "problem": ("problem", "red")}


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check processor, memory, disk, models, knowledge base and index; say in sentences what to do.

    The exit code is 0 when nothing keeps Fieldmate from answering, else that of the first problem.

    \b
    Example:
      fieldmate doctor
    """
    from assistant.health import examine

    app: App = ctx.obj
    findings = examine(app.settings)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            word, colour = _MARKS[finding.state]
            echo(styled(word.ljust(8), fg=colour), f" {finding.subject}: {finding.message}")
    ctx.exit(next((finding.exit_code for finding in findings if finding.state == "problem"), 0))
