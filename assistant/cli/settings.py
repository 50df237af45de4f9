"""`fieldmate settings`."""

from __future__ import annotations

from typing import Any

import click

from assistant.cli.app import App, Command, print_json
from assistant.cli.terminal import echo, styled


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def settings(app: App, as_json: bool) -> None:
    """Show every setting, the value in force and what it means.

    A setting is given in the settings file (section and key), as an environment variable
    (FIELDMATE_GENERATOR__MAX_TOKENS for generator.max_tokens), or for some as a flag.

    \b
    Example:
      fieldmate settings
    """
    from assistant.settings import describe

    rows = [(key, _value(app.settings, key), default, text) for key, default, text in describe()]
    if as_json:
        print_json({key: {"value": value, "default": default, "meaning": text} for key, value, default, text in rows})
        return
    for key, value, default, text in rows:
        changed = "" if str(value or "") == default else f"  (default: {default or 'none'})"
        echo(styled(key, bold=True), f" = {value}{changed}\n    {text}")


def _value(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = getattr(settings, part)
    return str(settings) if hasattr(settings, "joinpath") else settings
