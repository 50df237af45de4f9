"""`fieldmate backup` and `fieldmate restore`."""

from __future__ import annotations

from pathlib import Path

import click

from assistant.cli.app import App, Command, print_json


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def backup(app: App, file: Path, as_json: bool) -> None:
    """Write the whole knowledge base into one FILE, checked; it may be in use meanwhile.

    Documents, passages and vectors are in it, models and settings are not. A backup of that name is replaced once the
    new one is complete.

    \b
    Example:
      fieldmate backup /media/usb/kiosk.fieldmate
    """
    app.interrupted = "Interrupted; no backup was written, and an older one is as it was."
    with app.assistant() as assistant:
        size = assistant.backup(file)
    if as_json:
        print_json({"backup": str(file.absolute()), "bytes": size})
    else:
        click.echo(f"Backed up into {file} ({size / 1e6:.1f} MB).")


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def restore(app: App, file: Path, as_json: bool) -> None:
    """Put the backup FILE in place of the knowledge base, once it has been checked.

    Processes that are answering go over to it in one step. A knowledge base that is too damaged to be opened is moved
    aside.

    \b
    Example:
      fieldmate restore /media/usb/kiosk.fieldmate
    """
    app.interrupted = "Interrupted; the knowledge base is as it was. Run the same command again."
    with app.assistant() as assistant:
        aside = assistant.restore(file)
        count = len(assistant.documents())
    if as_json:
        print_json({"restored": str(file.absolute()), "documents": count, "damaged": str(aside) if aside else None})
        return
    click.echo(f"Restored {count} documents from {file}.")
    if aside:
        click.echo(f"The damaged knowledge base was moved to {aside}.", err=True)
