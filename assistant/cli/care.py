"""`fieldmate verify`, `fieldmate backup` and `fieldmate restore`."""

from __future__ import annotations

from pathlib import Path

import click

from assistant.cli.app import App, Command, print_json
from assistant.cli.progress import Bar
from assistant.cli.terminal import echo, line
from assistant.errors import KnowledgeBaseError
from assistant.upkeep import Mended


@click.command(cls=Command)
@click.option("--repair", is_flag=True, help="Mend what can be derived from what is sound.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_context
def verify(ctx: click.Context, repair: bool, as_json: bool) -> None:
    """Check every byte of the knowledge base: checksums, words, vectors, and the files that speed searches up.

    With --repair what is sound is copied into a new file, documents that are damaged are read from their files again,
    and words, vectors and caches are made anew. What could not be copied is kept beside it. The exit code is 5 while
    something is wrong.

    \b
    Example:
      fieldmate verify
      fieldmate verify --repair
    """
    app: App = ctx.obj
    app.interrupted = "Interrupted; run the same command again."
    with app.assistant() as assistant:
        if repair:
            with Bar() as bar:
                mended = assistant.repair(bar.change)
            print_json(mended.to_dict()) if as_json else _print_mended(mended)
            sound = bool(mended.to_dict()["sound"])
        else:
            verdict = assistant.verify()
            sound = not verdict.problems
            if as_json:
                print_json(verdict.to_dict())
            for problem in () if as_json else verdict.problems:
                echo(f"{problem.part}: {problem.message}")
            if not as_json:
                said = f"{verdict.documents} documents and {verdict.passages} passages are as they were written."
                echo(said if sound else "Run `fieldmate verify --repair` to mend what can be mended.", err=not sound)
    if not sound:
        ctx.exit(KnowledgeBaseError.exit_code)


def _print_mended(mended: Mended) -> None:
    for problem in mended.found:
        echo(f"found: {problem.message}")
    for source in mended.read_again:
        echo(f"read again: {line(source)}")
    for source in mended.lost:
        echo(f"lost: {line(source)}; it was damaged and its file is not there. Add the document again.", err=True)
    if mended.unnamed:
        echo(f"lost: {mended.unnamed} documents that nothing is known of; restore a backup.", err=True)
    for problem in mended.left:
        echo(f"still wrong: {problem.message} Restore a backup, or add the documents again.", err=True)
    if mended.aside:
        echo(f"The damaged file is kept as {mended.aside}.", err=True)
    echo(
        f"{mended.kept} documents were sound, {len(mended.read_again)} were read again, {mended.embedded} passages "
        "were embedded again."
        if mended.found
        else f"Nothing is wrong; {mended.kept} documents are as they were written."
    )


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
        echo(f"Backed up into {file} ({size / 1e6:.1f} MB).")


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
    echo(f"Restored {count} documents from {file}.")
    if aside:
        echo(f"The damaged knowledge base was moved to {aside}.", err=True)
