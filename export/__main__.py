"""The exporter's command line: the only place that prints, and that turns errors into exit codes.

Exit codes: 0 done, 2 usage, 3 a file or setting is wrong, 4 a model is missing or damaged, 70 a bug.
"""

import json
import signal
from types import FrameType

import click

from export import environments
from export.catalogue import EMBEDDERS
from export.cli_embedder import embedder
from export.cli_generator import generator, recommend, report
from export.gguf import converter


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExample:\n  python -m export embedder all-minilm-l6-v2\n  python -m export doctor",
)
def main() -> None:
    """Turn published model weights into artifacts for the device."""


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
    place = converter.location()
    converters = [{"name": f"llama.cpp {converter.COMMIT}", "ready": place.is_dir(), "path": str(place)}]
    if as_json:
        found = {"home": str(home), "toolchains": toolchains, "converters": converters, "sources": kept}
        click.echo(json.dumps(found))
        return
    click.echo(f"home: {home}")
    for kind, listed in (("toolchain", toolchains), ("converter", converters)):
        for each in listed:
            state = "ready" if each["ready"] else "not there yet: the first export creates it"
            click.echo(f"{kind} {each['name']}: {state} ({each['path']})")
    for name, present in kept.items():
        click.echo(f"source {name}: {'kept' if present else 'not there yet: the first export fetches it'}")


for command in (embedder, generator, report, recommend):
    main.add_command(command)


def _terminate(number: int, _frame: FrameType | None) -> None:
    # An exception, unlike the default action, lets half-made folders be removed on the way out.
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    main(prog_name="python -m export")
