"""The manifest of an artifact's folder: what the files are, how they were made and how good they are.

It is written last, so that its existence means a complete artifact. Knows no catalogue.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from assistant.artifacts.fields import ArtifactFile, ArtifactId, Format, Positive, Role, Text
from assistant.artifacts.files import write_atomically
from assistant.errors import ModelDamaged

MANIFEST = "manifest.json"
_LARGEST = 1_000_000


class Manifest(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """`manifest.json`. What stands inside `source`, `recipe`, `tools` and `quality` is free."""

    schema: Literal[1]
    id: ArtifactId
    role: Role
    format: Format
    licence: Text
    files: Annotated[tuple[ArtifactFile, ...], Meta(min_length=1)]
    """The main file first."""
    dimensions: Positive | None = None
    """Length of an embedder's vectors."""
    max_tokens: Positive | None = None
    """Longest text that an embedder sees whole, in tokens."""
    pooling: Literal["mean", "cls"] | None = None
    normalize: bool | None = None
    source: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    tools: dict[str, Any] = {}
    quality: dict[str, Any] = {}
    command: str | list[str] = ""
    """What makes this artifact again."""

    def __post_init__(self) -> None:
        """Raise ValueError when a file is listed twice or takes the manifest's own name."""
        paths = [file.path for file in self.files]
        if len({*paths, MANIFEST}) != len(paths) + 1:
            raise ValueError("a file is listed twice, or is the manifest itself")

    @property
    def main(self) -> ArtifactFile:
        """The file that an engine opens."""
        return self.files[0]


def read_manifest(folder: Path, next_step: str) -> Manifest:
    """The manifest of `folder`.

    Raises:
        FileNotFoundError: there is none: the artifact is not complete.
        ModelDamaged: it is no such manifest, or of a newer version; the sentence ends with `next_step`.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as stream:
            return msgspec.json.decode(stream.read(_LARGEST), type=Manifest)
    except FileNotFoundError:
        raise
    except (OSError, msgspec.DecodeError) as exc:
        raise ModelDamaged(f"The manifest {path} cannot be used ({exc}); {next_step}.") from exc


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest` into `folder`, whole or not at all."""
    write_atomically(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
