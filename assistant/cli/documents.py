"""`fieldmate add` and `fieldmate docs`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.cli.app import App, Command, Group, print_json, words
from assistant.cli.progress import Bar
from assistant.cli.terminal import echo, line
from assistant.errors import InputError, UsageError
from assistant.types import AddReport, FileReport

if TYPE_CHECKING:
    from assistant.store.records import DocumentRecord

_LONGEST_TAG = 60


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Sort them under this word. May be repeated.")
@click.option(
    "--on-ray",
    metavar="ADDRESS",
    help="Let a Ray cluster read and embed: auto, local or HOST:PORT (see docs/ray.md).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_context
def add(ctx: click.Context, paths: tuple[Path, ...], tags: tuple[str, ...], on_ray: str | None, as_json: bool) -> None:
    """Add files, and folders with all readable files below them.

    What has not changed since the last time is skipped. A file that cannot be read is named with the reason, and the
    rest go on; when no file at all could be added the exit code is 3. Folders are followed from then on: `fieldmate
    sync` takes over what changes in them, and what comes into them later has their tags.

    \b
    Example:
      fieldmate add manuals/ notes.md
      fieldmate add pumps/ --tag hydraulics
      fieldmate add library/ --on-ray auto
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
        report = assistant.add(paths, tags=_tags(tags), on=on_ray, progress=bar.update, changing=bar.change, each=each)
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
            echo(f"refused: {line(file.reason)}", err=True)
    parts = [f"{report.count(outcome)} {outcome}" for outcome in ("added", "replaced", "unchanged", "refused")]
    echo(f"{', '.join(parts)}; {report.passages} passages stored.")


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
        echo(f"{line(record.name)}: {line(record.title)} ({', '.join(_known(record))})")
    if not records:
        echo("No documents yet; add some with `fieldmate add PATH`.", err=True)


def _known(record: DocumentRecord) -> Iterator[str]:
    """What a line of the list says behind the title."""
    yield f"{record.passages} passages"
    if record.pages:
        yield f"{record.pages} pages"
    if record.source.startswith("bundle:"):
        yield f"bundle {record.source.removeprefix('bundle:').partition('/')[0]}"
    if record.language:
        yield record.language
    if record.dated:
        yield f"revised {record.revised}" if record.revised else record.dated
    yield from (f"#{tag}" for tag in record.tags)


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
        echo(text)


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
        echo(f"Removed {', '.join(map(line, removed))}.")


@docs.command()
@click.argument("place")
@click.argument("tags", nargs=-1, required=True)
@click.pass_obj
def tag(app: App, place: str, tags: tuple[str, ...]) -> None:
    """Sort the document or folder PLACE under words: --tag of ask and search looks only there.

    What comes into a folder later has its tags.

    \b
    Example:
      fieldmate docs tag pump-unit/manual.md hydraulics
    """
    with app.assistant() as assistant:
        assistant.tag(place, _tags(tags))
    echo(f"{place} is sorted under {', '.join(_tags(tags))}.")


@docs.command()
@click.argument("place")
@click.argument("tags", nargs=-1, required=True)
@click.pass_obj
def untag(app: App, place: str, tags: tuple[str, ...]) -> None:
    """Take words from the document or folder PLACE.

    \b
    Example:
      fieldmate docs untag pump-unit/manual.md hydraulics
    """
    with app.assistant() as assistant:
        if not assistant.untag(place, _tags(tags)):
            raise UsageError(f"{place} does not have the tag itself; `fieldmate docs list` shows what has which.")
    echo(f"{place} is not sorted under {', '.join(_tags(tags))} any more.")


def _tags(given: tuple[str, ...]) -> tuple[str, ...]:
    """Tags as they are stored: lower case, so that they are found however they are typed.

    Raises:
        UsageError: one of them is no word.
    """
    found = tuple(words(tag).strip().lstrip("#").casefold() for tag in given)
    if not all(tag and tag.isprintable() and len(tag) <= _LONGEST_TAG for tag in found):
        raise UsageError(f"A tag is a word of up to {_LONGEST_TAG} characters; choose another.")
    return found


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
        echo(line(folder))
    if not found:
        echo("No folder is followed; `fieldmate add FOLDER` begins it.", err=True)


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
    echo(f"{folder.absolute()} is not followed any more; its documents stay.")
