"""`fieldmate search`."""

from __future__ import annotations

from typing import Any

import click

from assistant.cli.answers import place
from assistant.cli.app import App, Command, print_json, say_notice, scope_options, words
from assistant.cli.terminal import echo, styled
from assistant.types import Hit, Passage, Scope


@click.command(cls=Command)
@click.argument("query")
@click.option("-k", "count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many passages.")
@scope_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def search(app: App, query: str, count: int, scope: Scope, as_json: bool) -> None:
    """Show the passages that fit QUERY best, without an answer.

    \b
    Example:
      fieldmate search "error E07" -k 3
      fieldmate search "descale" --tag coffee --language de
    """
    query = words(query)
    with app.assistant() as assistant:
        say_notice(assistant)
        hits = assistant.search(query, count, scope)
    if as_json:
        print_json({"query": query, "hits": [_as_object(hit) for hit in hits]})
        return
    for number, hit in enumerate(hits, 1):
        passage = hit.passage
        echo(styled(f"{number}.", fg="cyan"), f" {_where(passage)}  ({hit.score:.2f})")
        if hit.also:
            echo(f"   also in {'; '.join(map(_where, hit.also))}")
        echo(f"{passage.text}\n")
    if not hits:
        echo("No passage fits.", err=True)


def _where(passage: Passage) -> str:
    return place(passage.document, passage.section, passage.title, passage.page, passage.dated)


def _as_object(hit: Hit) -> dict[str, Any]:
    """A hit as `ask --json` gives it, with its text and where that stands in the stored document."""
    passage = hit.passage
    return {
        **hit.to_dict(),
        "title": passage.title,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
    }
