"""`fieldmate doctor`: prints what `assistant.health` finds, and what `assistant.trials` measures."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from assistant.cli.app import App, Command, generator_option, print_json
from assistant.cli.terminal import echo, styled

_TRIAL = (sys.executable, "-m", "assistant.cli.trial")
_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "problem": ("problem", "red")}


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option(
    "--tune",
    is_flag=True,
    help="Measure instead how the generator runs fastest here (about a minute), and run it so from now on.",
)
@generator_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, tune: bool) -> None:
    """Check processor, memory, disk, models, knowledge base and index; say in sentences what to do.

    The exit code is 0 when nothing keeps Fieldmate from answering, else that of the first problem.

    --tune tries numbers of threads, ways to wait and sizes of batches in turn. What it finds is kept in the data folder
    and holds for this processor, model and version of llama.cpp; settings that are not 0 win. The built-in choice stays
    unless another one takes 5 % less time, and no more beside a busy program. End other programs first.

    \b
    Example:
      fieldmate doctor
      fieldmate doctor --tune
    """
    from assistant.health import examine

    app: App = ctx.obj
    if tune:
        _tune(app, as_json)
        return
    findings = examine(app.settings)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            word, colour = _MARKS[finding.state]
            echo(styled(word.ljust(8), fg=colour), f" {finding.subject}: {finding.message}")
    ctx.exit(next((finding.exit_code for finding in findings if finding.state == "problem"), 0))


def _tune(app: App, as_json: bool) -> None:
    from assistant.trials import tune

    app.interrupted = "Interrupted; the generator runs as before. Run the same command again to measure."
    tuning, outcome = tune(app.settings, _TRIAL, lambda text: echo(text, err=True))
    if as_json:
        from msgspec import to_builtins

        print_json(
            {
                **to_builtins(tuning),
                "seconds": round(outcome.seconds, 1),
                "samples_ms_per_token": {name: to_builtins(sample) for name, sample in outcome.medians.items()},
            }
        )
        return
    for name, sample in outcome.medians.items():
        echo(f"{name}: {1000 / sample.read_ms:.0f} tokens/s read, {1000 / sample.written_ms:.0f} written")
    if tuning.built_in:
        echo(f"Nothing was clearly faster than the built-in choice, which stays: {tuning.choice.told()}.")
    else:
        echo(f"From now on {tuning.choice.told()}; a question takes {tuning.share:.0%} of the time before.")
