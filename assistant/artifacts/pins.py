"""Hashes that this machine has accepted for models whose catalogue entry, if any, names none.

The first pull or import decides, under an explicit flag; later ones must bring the same bytes. Knows no network.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from assistant.artifacts.fields import ArtifactFile, ExpectedFile
from assistant.artifacts.files import write_atomically
from assistant.errors import ModelDamaged

_Pins = dict[str, list[ArtifactFile]]


class Pins:
    """`pins.json` of a models folder: files by artifact id."""

    def __init__(self, path: Path) -> None:
        """Pins kept at `path`, read at each question: another process may have added one."""
        self._path = path

    def of(self, artifact: str) -> dict[str, ArtifactFile]:
        """The pinned files of an artifact by path; empty when it has none."""
        return {file.path: file for file in self._read().get(artifact, [])}

    def merge(self, artifact: str, files: tuple[ExpectedFile, ...]) -> tuple[ExpectedFile, ...]:
        """`files` with what is pinned here where their own hash is not known."""
        pinned = self.of(artifact)
        return tuple(_merged(file, pinned.get(file.path)) for file in files)

    def keep(self, artifact: str, files: tuple[ArtifactFile, ...]) -> None:
        """Pin `files` as those of the artifact."""
        self._write({**self._read(), artifact: list(files)})

    def forget(self, artifact: str) -> None:
        """Drop the pins of an artifact; none is fine."""
        pins = self._read()
        if pins.pop(artifact, None) is not None:
            self._write(pins)

    def _read(self) -> _Pins:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Pins)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as exc:
            # Passing over damaged pins would accept any bytes in their place.
            raise ModelDamaged(
                f"The pins in {self._path} cannot be read ({exc}); restore that file, or delete it to accept new ones."
            ) from exc

    def _write(self, pins: _Pins) -> None:
        write_atomically(self._path, msgspec.json.format(msgspec.json.encode(pins), indent=2) + b"\n")


def _merged(file: ExpectedFile, pin: ArtifactFile | None) -> ExpectedFile:
    if pin is None or file.sha256 is not None:
        return file
    return ExpectedFile(file.path, pin.bytes, pin.sha256)
