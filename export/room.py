"""Whether this machine has the disk and memory that an export will take, asked before it begins. Knows no model."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from export.errors import SourceError

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Need:
    """What an export will take, in bytes."""

    disk: int
    """Where the result is to be, all steps' files together."""
    memory: int
    """Of the hungriest step."""


def check(need: Need, folder: Path, *, toolchain: int = 0, home: Path | None = None) -> None:
    """Raise SourceError when the disk of `folder`, that of the toolchains, or the memory will not do."""
    _check_disk(need.disk, folder, "the result and what comes before it", "--out")
    if home is not None and toolchain:
        _check_disk(toolchain, home, "the toolchain", "FIELDMATE_EXPORT_HOME")
    free = psutil.virtual_memory().available
    if free < need.memory:
        raise SourceError(
            f"The export needs about {need.memory // MB} MB of memory and {free // MB} MB are free; "
            "end other programs, or export on a larger machine."
        )


def _check_disk(needed: int, folder: Path, what: str, option: str) -> None:
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise SourceError(
            f"{place} has {free // MB} MB free and {what} will take about {needed // MB} MB; "
            f"make room, or name another place with {option}."
        )
