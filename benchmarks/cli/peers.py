"""The command that measures other software beside Fieldmate."""

from __future__ import annotations

from typing import Any

import click

from benchmarks.cli.running import Asked, measure, measuring


@click.command()
@measuring
@click.option("--repetitions", type=click.IntRange(1), help="Of adding and of whole processes [default: 3].")
def peers(**options: Any) -> None:  # click hands flags over by name
    """Fieldmate beside pipelines of LangChain, LlamaIndex and txtai, on the same machine and in the same run.

    Makes an environment for each on first use (about 2 GB and some minutes each). Adding documents is also compared
    with sentence-transformers alone where --data is given.

    \b
    Example:
      python -m benchmarks peers --generator smollm2-135m-instruct --only pipelines/langchain
    """
    if options["data"] is None and options["suite"] is None and not options["only"]:
        click.echo("Without --data the scenario peer_ingest is left out.", err=True)
        options["only"] = ("pipelines",)
    measure(("peers",), Asked(**options))


COMMANDS = (peers,)
