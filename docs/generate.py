"""Generated blocks of README.md and docs/: help texts and the settings table, printed by the code that they describe.

Run through cog (`make docs`); `make docs-check` fails when a block is out of date.
"""

from __future__ import annotations

import click

_WIDTH = 100


def help_text(*command: str) -> str:
    """What `fieldmate COMMAND … --help` prints, as a fenced block."""
    from assistant.cli.main import fieldmate

    group: click.Command = fieldmate
    context = click.Context(group, info_name="fieldmate", terminal_width=_WIDTH)
    for name in command:
        assert isinstance(group, click.Group)
        found = group.get_command(context, name)
        assert found is not None
        group, context = found, click.Context(found, info_name=name, parent=context, terminal_width=_WIDTH)
    return f"```text\n{group.get_help(context)}\n```\n"


def settings_table() -> str:
    """Every setting with its default, environment variable and meaning, as a Markdown table."""
    from assistant.settings import describe

    rows = ["| setting | default | environment | meaning |", "| --- | --- | --- | --- |"]
    for key, default, text in describe():
        variable = "FIELDMATE_" + key.upper().replace(".", "__")
        rows.append(f"| `{key}` | {f'`{default}`' if default else ''} | `{variable}` | {text} |")
    return "\n".join(rows) + "\n"


def models_table() -> str:
    """The catalogue, as a Markdown table."""
    from assistant.artifacts.catalogue import load_catalogue

    rows = ["| id | what for | size | memory | licence |", "| --- | --- | --- | --- | --- |"]
    for entry in load_catalogue():
        size = f"{entry.bytes / 1e6:.0f} MB" if entry.bytes else "not known yet"
        mark = " (default)" if entry.default else ""
        rows.append(
            f"| `{entry.id}`{mark} | {entry.description} | {size} | {entry.min_memory_mb} MB | {entry.licence} |"
        )
    return "\n".join(rows) + "\n"
