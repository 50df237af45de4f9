"""The group of commands."""

from __future__ import annotations

import click

from benchmarks.cli import ann, calibrating, peers, reports, running


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Measure Fieldmate on this machine.

    Exit codes: 0 all measured, whether or not a target was met; 1 a scenario failed (its row says why) or a comparison
    found a regression; 2 usage; 3 a file or the command is wrong.

    \b
    Example:
      python -m benchmarks run
      python -m benchmarks report benchmarks/results/FILE.jsonl --markdown
    """


for command in (*running.COMMANDS, *calibrating.COMMANDS, *peers.COMMANDS, *ann.COMMANDS, *reports.COMMANDS):
    main.add_command(command)
