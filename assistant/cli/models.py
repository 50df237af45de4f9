"""`fieldmate models`: which models there are, and bringing, checking and removing them.

Prints; decides nothing about models. Errors travel up to the command line's own mapping.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.cli.app import App, Group, print_json
from assistant.cli.terminal import echo

if TYPE_CHECKING:
    from assistant.artifacts.library import Artifact, ModelLibrary
    from assistant.artifacts.listing import Listed
    from assistant.artifacts.optimizing import Result
    from assistant.artifacts.progress import Report

_LINE_EVERY_S = 5.0


def _library(app: App) -> ModelLibrary:
    from assistant.artifacts.catalogue import load_catalogue
    from assistant.artifacts.library import ModelLibrary

    return ModelLibrary(app.settings.models, load_catalogue())


@click.group(cls=Group)
def models() -> None:
    """List, pull, optimize, verify, import and remove models.

    \b
    Example:
      fieldmate models pull
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_obj
def list_models(app: App, as_json: bool) -> None:
    """Show every model with its size, licence and state.

    `*` marks the defaults. States: ready, missing, partial (a pull was cut), damaged; behind the state stands the type
    of weights made on this machine (see `fieldmate models optimize`).

    \b
    Example:
      fieldmate models list
    """
    lines = _library(app).list()
    if as_json:
        print_json([line.to_dict() for line in lines])
        return
    rows = [("", "id", "role", "size", "memory", "state", "licence"), *(_row(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(line: Listed) -> tuple[str, ...]:
    from assistant.artifacts.files import human

    size = human(line.bytes) if line.bytes is not None else "?"
    memory = f"{line.min_memory_mb} MB" if line.min_memory_mb is not None else "?"
    state = line.state if line.pinned != "no" or line.state == "ready" else f"{line.state}, unpinned"
    state += f", {line.optimized}" if line.optimized is not None else ""
    return ("*" if line.default else "", line.id, line.role, size, memory, state, line.licence)


@models.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--accept-unpinned", is_flag=True, help="Pull a model without a known hash, and pin what comes here.")
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Look there instead of on the network.",
)
@click.option("--as-pulled", is_flag=True, help="Leave its weights as they come; see `fieldmate models optimize`.")
@click.pass_obj
def pull(app: App, name: str | None, accept_unpinned: bool, folder: Path | None, as_pulled: bool) -> None:
    """Download and verify a model; without ID, the default generator.

    A pull that was cut goes on where it stopped. A model that is known to run faster in another form is brought into
    that form at the end.

    \b
    Example:
      fieldmate models pull smollm2-135m-instruct
    """
    library = _library(app)
    with reporting() as report:
        chosen = name if name is not None else library.catalogue.default("generator").id
        artifact = library.pull(chosen, report, accept_unpinned=accept_unpinned, folder=folder)
        if not as_pulled:
            artifact = _in_its_form(library, artifact, report)
    _say(artifact, "ready")


def _in_its_form(library: ModelLibrary, artifact: Artifact, report: Report) -> Artifact:
    """The model that was just brought in the form in which it is to be used; it works as it came as well."""
    from assistant.errors import StorageError

    recipe = artifact.entry.optimized if artifact.entry is not None else None
    if recipe is None or not recipe.default:
        return artifact
    from assistant.wiring import optimizer

    try:
        artifact, result = library.optimize(artifact.id, optimizer(), report)
    except StorageError as exc:
        report.notice(f"{artifact.id} is used as it came, which is slower: {exc}")
    else:
        report.notice(result.said)
    return artifact


@models.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--undo", is_flag=True, help="Use the model as it came again, and delete what was made.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def optimize(app: App, name: str | None, undo: bool, as_json: bool) -> None:
    """Write a model's weights anew in a form that this machine computes faster; without ID, the generator in use.

    The catalogue says which form; it is used if a short text is read faster with it here. The pulled file stays.

    \b
    Example:
      fieldmate models optimize
    """
    library = _library(app)
    chosen = name if name is not None else app.settings.generator.id
    if undo:
        result = library.undo_optimize(chosen)
        artifact = None
    else:
        from assistant.wiring import optimizer

        with reporting() as report:
            artifact, result = library.optimize(chosen, optimizer(), report)
    if as_json:
        print_json(_outcome(library, chosen, artifact, result))
    else:
        echo(result.said)


def _outcome(library: ModelLibrary, name: str, artifact: Artifact | None, result: Result) -> dict[str, Any]:
    known = library.catalogue.find(name)
    recipe = artifact.manifest.recipe if artifact is not None else {}
    return {
        "id": known.id if known is not None else name,
        "outcome": result.outcome,
        "said": result.said,
        "gain": round(result.gain, 3) if result.gain is not None else None,
        "type": recipe.get("type"),
        "recipe": recipe,
        "source": artifact.manifest.source if artifact is not None and recipe else None,
        "tools": artifact.manifest.tools if artifact is not None and recipe else {},
        "path": str(artifact.path) if artifact is not None else None,
        "sha256": artifact.sha256 if artifact is not None else None,
        "bytes": artifact.manifest.main.bytes if artifact is not None else None,
    }


@models.command()
@click.argument("name", metavar="[ID]", required=False)
@click.pass_obj
def verify(app: App, name: str | None) -> None:
    """Hash a model again; without ID, every model that is here.

    \b
    Example:
      fieldmate models verify
    """
    from assistant.errors import ModelError

    library = _library(app)
    names = [name] if name is not None else [line.id for line in library.list() if line.state in ("ready", "damaged")]
    failure: ModelError | None = None
    with reporting() as report:
        for each in names:
            try:
                _say(library.verify(each, report), "verified")
            except ModelError as exc:
                if failure is not None:
                    report.notice(str(failure))
                failure = exc
    if failure is not None:
        raise failure


@models.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--id", "name", metavar="ID", help="Name for a model that is in no catalogue.")
@click.option("--role", type=click.Choice(["generator", "embedder"]), help="What such a model is for.")
@click.pass_obj
def import_model(app: App, path: Path, name: str | None, role: Any) -> None:
    """Copy a model from a file or folder, such as a USB stick, and verify it.

    A model that is known to run faster in another form is brought into that form at the end.

    \b
    Example:
      fieldmate models import /media/usb/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
    """
    with reporting() as report:
        library = _library(app)
        artifacts = [
            _in_its_form(library, artifact, report)
            for artifact in library.import_from(path, report, name=name, role=role)
        ]
    for artifact in artifacts:
        _say(artifact, "ready")


@models.command()
@click.argument("name", metavar="ID")
@click.pass_obj
def remove(app: App, name: str) -> None:
    """Delete a model, what was made of it, and what is left of pulling it.

    \b
    Example:
      fieldmate models remove smollm2-135m-instruct
    """
    there = _library(app).remove(name)
    echo(f"{name}: {'removed' if there else 'was not here'}")


def _say(artifact: Artifact, state: str) -> None:
    echo(f"{artifact.id}: {state} (sha256 {artifact.sha256}) {artifact.path}")


@contextlib.contextmanager
def reporting() -> Iterator[Report]:
    """A report on standard error: bars on a terminal, now and then a line elsewhere."""
    from assistant.artifacts.progress import Report

    meter = _Bars() if sys.stderr.isatty() else _Lines()
    try:
        yield Report(meter, meter.notice)
    finally:
        meter.close()


class _Lines:
    """A line at most every few seconds, for logs."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._start = (0.0, 0)
        self._label = ""

    def __call__(self, done_bytes: int, total_bytes: int | None, label: str, /) -> None:
        from assistant.artifacts.files import human

        now = time.monotonic()
        if label != self._label:
            self._label, self._start = label, (now, done_bytes)
        if now - self._last < _LINE_EVERY_S:
            return
        self._last = now
        rate = (done_bytes - self._start[1]) / max(now - self._start[0], 1e-6)
        of = f" of {human(total_bytes)}" if total_bytes is not None else ""
        left = f", about {(total_bytes - done_bytes) / rate:.0f} s left" if total_bytes is not None and rate > 0 else ""
        echo(f"{label}: {human(done_bytes)}{of}{left}", err=True)

    def notice(self, sentence: str) -> None:
        echo(sentence, err=True)

    def close(self) -> None:
        """Nothing is held."""


class _Bars:
    """One bar for each step."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._label = ""

    def __call__(self, done_bytes: int, total_bytes: int | None, label: str, /) -> None:
        from tqdm import tqdm

        if self._bar is None or self._label != label:
            self.close()
            self._label = label
            self._bar = tqdm(
                total=total_bytes,
                initial=done_bytes,
                desc=label,
                unit="B",
                unit_scale=True,
                dynamic_ncols=True,
            )
        self._bar.update(done_bytes - self._bar.n)

    def notice(self, sentence: str) -> None:
        self.close()
        echo(sentence, err=True)

    def close(self) -> None:
        """Leave the bar as it is and go to the next line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
