"""The exporter's command line: the only place that prints, and that turns errors into exit codes.

Exit codes: 0 done, 2 usage, 3 a file or setting is wrong, 4 a model is missing or damaged, 70 a bug.
"""

import json
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from export import environments
from export.catalogue import EMBEDDERS
from export.embedder import export_embedder
from export.errors import ExportError

BUG = 70
DEBUG = click.option("--debug", is_flag=True, help="Show the converter's output and tracebacks.")


def say(line: str) -> None:
    """Show one line of progress or trouble; standard output is kept for answers."""
    click.echo(line, err=True)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExample:\n  python -m export embedder all-minilm-l6-v2\n  python -m export doctor",
)
def main() -> None:
    """Turn published model weights into artifacts for the device."""


@main.command(epilog="\b\nExample:\n  python -m export embedder all-minilm-l6-v2 --force")
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), help="Artifact folder [default: models/ID of the checkout].")
@click.option("--licence", help="SPDX id of the weights' licence, where the catalogue does not know them.")
@click.option("--force", is_flag=True, help="Replace a complete artifact.")
@DEBUG
def embedder(source: str, out: Path | None, licence: str | None, force: bool, debug: bool) -> None:
    """Make an int8 ONNX embedder out of SOURCE.

    SOURCE is a folder of Hugging Face files, a .whl or .zip with the model in it, or a catalogue id. The first
    run creates the toolchain (about 1.3 GB) below $FIELDMATE_EXPORT_HOME; later runs need no network.
    """
    try:
        click.echo(export_embedder(source, out, say, licence=licence, force=force, debug=debug))
    except ExportError as exc:
        if debug:
            raise
        say(str(exc))
        sys.exit(exc.exit_code)
    except OSError as exc:
        if debug:
            raise
        place = f" ({exc.filename})" if exc.filename else ""
        say(f"{exc.strerror or exc}{place}; check the disk's room and the folder's permissions, and run again.")
        sys.exit(ExportError.exit_code)
    except Exception as exc:
        if debug:
            raise
        say(f"A bug in the exporter: {type(exc).__name__}: {exc}; run with --debug and report what it shows.")
        sys.exit(BUG)


@main.command(epilog="\b\nExample:\n  python -m export doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Say which toolchains and sources are on this machine."""
    home = environments.home()
    places = {each.name: environments.location(each) for each in environments.ALL}
    toolchains = [
        {"name": name, "ready": environments.is_ready(place), "path": str(place)} for name, place in places.items()
    ]
    kept = {entry.id: any((home / "sources" / entry.wheel_sha256).glob("*.whl")) for entry in EMBEDDERS}
    if as_json:
        click.echo(json.dumps({"home": str(home), "toolchains": toolchains, "sources": kept}))
        return
    click.echo(f"home: {home}")
    for each in toolchains:
        state = "ready" if each["ready"] else "not there yet: the first export creates it"
        click.echo(f"toolchain {each['name']}: {state} ({each['path']})")
    for name, present in kept.items():
        click.echo(f"source {name}: {'kept' if present else 'not there yet: the first export fetches it'}")


def _terminate(number: int, _frame: FrameType | None) -> None:
    # An exception, unlike the default action, lets half-made folders be removed on the way out.
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    main(prog_name="python -m export")
