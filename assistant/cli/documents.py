"""`fieldmate add` and `fieldmate docs`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from assistant.cli.app import App, Command, Group, print_json
from assistant.cli.progress import Bar
from assistant.errors import InputError, UsageError
from assistant.types import AddReport, FileReport


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_context
def add(ctx: click.Context, paths: tuple[Path, ...], as_json: bool) -> None:
    """Add files, and folders with all readable files below them.

    What has not changed since the last time is skipped. A file that cannot be read is named with the reason, and the
    rest go on; when no file at all could be added the exit code is 3. Folders are followed from then on: `fieldmate
    sync` takes over what changes in them.

    \b
    Example:
      fieldmate add manuals/ notes.md
    """
    app: App = ctx.obj
    for path in paths:
        if not path.exists():
            raise InputError(f"There is no file or folder {path}; check the path.")
    stored: list[FileReport] = []

    def each(report: FileReport) -> None:
        stored.append(report)
        app.interrupted = (
            f"Interrupted; {sum(file.outcome != 'refused' for file in stored)} files are stored. "
            "Run the same command again to go on."
        )

    with app.assistant() as assistant, Bar() as bar:
        report = assistant.add(paths, progress=bar.update, each=each)
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    if not report.files:
        raise InputError("Nothing to add: no file that can be read is in there; check the path.")
    if report.count("refused") == len(report.files):
        ctx.exit(3)


def _print_report(report: AddReport) -> None:
    for file in report.files:
        if file.outcome == "refused":
            click.echo(f"refused: {file.reason}", err=True)
    parts = [f"{report.count(outcome)} {outcome}" for outcome in ("added", "replaced", "unchanged", "refused")]
    click.echo(f"{', '.join(parts)}; {report.passages} passages stored.")


@click.group(cls=Group)
def docs() -> None:
    """List, show or remove documents.

    \b
    Example:
      fieldmate docs list
    """


@docs.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def list_(app: App, as_json: bool) -> None:
    """List the documents.

    \b
    Example:
      fieldmate docs list --json
    """
    with app.assistant() as assistant:
        records = assistant.documents()
    if as_json:
        print_json({"documents": [asdict(record) for record in records]})
        return
    for record in records:
        pages = f", {record.pages} pages" if record.pages else ""
        revised = f", revised {record.revised}" if record.revised else ""
        click.echo(f"{record.name}: {record.title} ({record.passages} passages{pages}{revised})")
    if not records:
        click.echo("No documents yet; add some with `fieldmate add PATH`.", err=True)


@docs.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with the stored text.")
@click.pass_obj
def show(app: App, name: str, as_json: bool) -> None:
    """Show the stored text of one document: what citations quote.

    \b
    Example:
      fieldmate docs show pump-unit/manual.md
    """
    with app.assistant() as assistant:
        found = assistant.document(name)
    if found is None:
        raise UsageError(f"There is no document {name}; `fieldmate docs list` shows their names.")
    record, text = found
    if as_json:
        print_json({**asdict(record), "text": text})
    else:
        click.echo(text)


@docs.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def remove(app: App, names: tuple[str, ...], as_json: bool) -> None:
    """Remove documents: they are gone from answers at once. The source files are not touched.

    A document of a folder that is followed stays out until its file is added by name.

    \b
    Example:
      fieldmate docs remove pump-unit/manual.md
    """
    removed: list[str] = []
    with app.assistant() as assistant:
        for name in names:
            found = assistant.remove(name)
            if not found:
                raise UsageError(f"There is no document {name}; `fieldmate docs list` shows their names.")
            removed += found
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo(f"Removed {', '.join(removed)}.")


@docs.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def folders(app: App, as_json: bool) -> None:
    """List the folders that `fieldmate sync` follows.

    \b
    Example:
      fieldmate docs folders
    """
    with app.assistant() as assistant:
        found = assistant.folders()
    if as_json:
        print_json({"folders": found})
        return
    for folder in found:
        click.echo(folder)
    if not found:
        click.echo("No folder is followed; `fieldmate add FOLDER` begins it.", err=True)


@docs.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_obj
def unfollow(app: App, folder: Path) -> None:
    """Follow a folder no longer: its documents stay as they are.

    \b
    Example:
      fieldmate docs unfollow /media/usb/manuals
    """
    with app.assistant() as assistant:
        if not assistant.unfollow(folder):
            raise UsageError(f"The folder {folder} is not followed; `fieldmate docs folders` lists those that are.")
    click.echo(f"{folder.absolute()} is not followed any more; its documents stay.")
