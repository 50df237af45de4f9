"""One line of the list of models: what the catalogue says of it and what is here.

Pure: looks at no file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from assistant.artifacts.catalogue import Entry
from assistant.artifacts.fields import Format, Role
from assistant.artifacts.manifest import Manifest

State = Literal["ready", "missing", "partial", "damaged"]


@dataclass(frozen=True)
class Listed:
    """One line of the list of models."""

    id: str
    role: Role
    format: Format
    state: State
    """By size only; `verify` hashes."""
    default: bool
    bundled: bool
    pinned: Literal["catalogue", "here", "no"]
    """Who vouches for the hash."""
    licence: str
    licence_note: str
    bytes: int | None
    """On the disk, once it is here: as it came and as it is used together."""
    sha256: str | None
    parameters: str | None
    context: int | None
    state_bytes_per_token: int | None
    min_memory_mb: int | None
    instruct: bool | None
    description: str
    aliases: tuple[str, ...]
    path: str | None
    """Where what is used of it lies; None when it is not here."""
    optimized: str | None = None
    """Type of the weights that were made on this machine and are used; None: it is used as it came."""

    def to_dict(self) -> dict[str, Any]:
        """The plain form that `--json` prints."""
        return asdict(self)


def listed(
    ident: str,
    state: State,
    entry: Entry | None,
    manifest: Manifest | None,
    folder: Path,
    *,
    pinned_here: bool,
) -> Listed:
    """The line of one model; `entry` is None for one of the user's own, `manifest` for one that is not here."""
    if entry is None:
        return _own(ident, state, manifest, folder)
    return Listed(
        id=ident,
        role=entry.role,
        format=entry.format,
        state=state,
        default=entry.default,
        bundled=entry.bundled is not None,
        pinned="catalogue" if entry.pinned else "here" if pinned_here else "no",
        licence=entry.licence,
        licence_note=entry.licence_note,
        bytes=_bytes(entry, manifest),
        sha256=manifest.main.sha256 if manifest is not None else entry.sha256,
        parameters=entry.parameters,
        context=entry.context,
        state_bytes_per_token=entry.state_bytes_per_token,
        min_memory_mb=entry.min_memory_mb,
        instruct=entry.instruct,
        description=entry.description,
        aliases=entry.aliases,
        path=str(folder) if manifest is not None else None,
    )


def _own(ident: str, state: State, manifest: Manifest | None, folder: Path) -> Listed:
    return Listed(
        id=ident,
        role=manifest.role if manifest is not None else "generator",
        format=manifest.format if manifest is not None else "gguf",
        state=state,
        default=False,
        bundled=False,
        pinned="here",
        licence=manifest.licence if manifest is not None else "unknown",
        licence_note="",
        bytes=sum(file.bytes for file in manifest.files) if manifest is not None else None,
        sha256=manifest.main.sha256 if manifest is not None else None,
        parameters=None,
        context=None,
        state_bytes_per_token=None,
        min_memory_mb=None,
        instruct=None,
        description="Imported by the owner of this machine.",
        aliases=(),
        path=str(folder) if manifest is not None else None,
    )


def _bytes(entry: Entry, manifest: Manifest | None) -> int | None:
    if manifest is not None:
        return sum(file.bytes for file in manifest.files)
    known = [file.bytes for file in entry.files]
    return None if None in known else sum(count or 0 for count in known)
