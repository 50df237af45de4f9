"""`fieldmate sync`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import click

from assistant.assistant import Assistant
from assistant.cli.app import App, Command, print_json
from assistant.cli.progress import Bar
from assistant.cli.terminal import echo, line
from assistant.errors import InputError
from assistant.types import FileReport, SyncReport

Signature = tuple[tuple[str, int, int], ...]
"""Path, size and time of change of every file: what tells that something has happened, without reading."""

_SHOWN = ("added", "replaced", "renamed", "removed")


@click.command(cls=Command)
@click.option("--watch", is_flag=True, help="Go on until interrupted: sync whenever something has changed.")
@click.option(
    "--every", default=10.0, show_default=True, type=click.FloatRange(min=0.1), help="Seconds between two looks."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a sync instead of text.")
@click.pass_obj
def sync(app: App, watch: bool, every: float, as_json: bool) -> None:
    """Bring the knowledge base in step with the folders that were added.

    New files are added, edited ones replaced, moved ones renamed, and what is gone from a folder is removed; passages
    that have not changed are not embedded again. The documents of a folder that is not there, a stick that was pulled
    out, stay. Questions are answered meanwhile. After another embedder was chosen in the settings, every passage is
    embedded anew first, and the former embedder answers until that is done. With --watch a file is taken once it has
    not changed between two looks, so that one which is still being copied is left alone.

    \b
    Example:
      fieldmate sync
      fieldmate sync --watch --every 30
    """
    app.interrupted = "Stopped; what was reported is stored. Run the same command again to go on."
    with app.assistant() as assistant:
        folders = assistant.folders()
        if not folders and not watch and not assistant.notice:
            raise InputError("No folder is followed; `fieldmate add FOLDER` begins it.")
        # Looked at before the sync: what changes while it runs is taken over by the next one.
        synced = _signature(folders)
        _sync(assistant, as_json)
        if watch:
            _watch(assistant, synced, every, as_json)


def _watch(assistant: Assistant, synced: Signature, every: float, as_json: bool) -> None:
    before = synced
    while True:
        time.sleep(every)
        now = _signature(assistant.folders())
        if now != synced and now == before:
            _sync(assistant, as_json)
            synced = now
        before = now


def _signature(folders: Iterable[str]) -> Signature:
    """Of all files in the folders; those that vanish while they are looked at are left out."""
    found = []
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                path = Path(parent, name)
                try:
                    status = path.stat()
                except OSError:
                    continue
                found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(sorted(found))


def _sync(assistant: Assistant, as_json: bool) -> None:
    def each(report: FileReport) -> None:
        if report.outcome in _SHOWN and not as_json:
            echo(f"{report.outcome}: {line(report.source)}")

    with Bar() as bar:
        report = assistant.sync(progress=bar.update, changing=bar.change, each=each)
    if as_json:
        print_json(report.to_dict())
    else:
        _print(report)


def _print(report: SyncReport) -> None:
    for file in report.files:
        if file.outcome == "refused":
            echo(f"refused: {line(file.reason)}", err=True)
    for sentence in report.kept:
        echo(sentence, err=True)
    parts = [f"{report.count(outcome)} {outcome}" for outcome in (*_SHOWN, "unchanged", "refused")]
    embedded = sum(file.embedded for file in report.files)
    echo(f"{', '.join(parts)}; {report.passages} passages stored, {embedded} of them embedded.")
