"""Generated blocks of README.md and docs/: help texts and the settings table, printed by the code that they describe.

Run through cog (`make docs`); `make docs-check` fails when a block is out of date.
"""

from __future__ import annotations

from pathlib import Path

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


def caution_table() -> str:
    """What each caution refuses, from the calibration file, as a Markdown table with what it was fitted on below it."""
    from assistant.answering.confidence import calibration, table

    numbers = calibration()
    seen = numbers.measured
    low, high = seen.ece_interval
    fitted = sum(one.fitted for one in seen.refused)
    return (
        f"{table(numbers)}\n\n"
        f"Fitted on {fitted} questions with the embedder `{seen.embedder}` on {seen.date}; the rates are of others. "
        f"Confidence in {seen.answers} answers, of which {seen.right:.0%} were right: expected calibration error "
        f"{seen.ece:.3f} [{low:.3f}, {high:.3f}].\n"
    )


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


PUBLISHED = Path(__file__).parents[1] / "benchmarks" / "published.jsonl"


def benchmark_table() -> str:
    """What `benchmarks/published.jsonl` says of each variant, as a Markdown table with the machine below it."""
    from benchmarks.merging import joined
    from benchmarks.merits import merits, qualities
    from benchmarks.rows import read

    rows = joined(read(PUBLISHED))
    found = [each for each in merits(rows) if each.first_token is not None]
    scores = qualities(found)
    lines = [
        "| generator | file | peak memory of `ask` | first token, warm | full answer | word F1, sample manuals |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in found:
        full = next(
            row for row in rows if (row.variant, row.metric, row.state) == (each.name, "full answer", "warm")
        )  # fmt: skip
        quality = scores.get(each.name)
        cells = [
            f"`{each.name}`",
            f"{(each.disk or 0) / 1e6:.0f} MB",
            f"{(each.memory or 0) / 1e6:.0f} MB",
            f"{(each.first_token or 0):.2f} s",
            f"{(full.value or 0) / 1000:.2f} s",
            f"{quality.mean:.2f} [{quality.interval[0]:.2f}, {quality.interval[1]:.2f}]" if quality else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    card = rows[0].environment
    return "\n".join(lines) + (
        "\n\nMedians over questions about the sample manuals: first token of those that the model words, full answer "
        f"of all; word F1 with its 95 % interval. {card['cpu']}, {card['cores']} cores, a virtual machine; load "
        f"average {min(row.environment['load_average'] for row in rows):.1f} to "
        f"{max(row.environment['load_average'] for row in rows):.1f}; run {rows[0].run}.\n"
    )
