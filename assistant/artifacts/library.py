"""The models of this machine: what is here, whether it is whole, and how it gets here or goes.

Knows catalogue and shelf. Network code is imported only when something is pulled. What was optimized lies on a shelf of
its own, and is what an engine is given; the file that it was made from stays where it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.artifacts import optimizing
from assistant.artifacts.catalogue import Catalogue, Entry, unknown_model
from assistant.artifacts.fields import ExpectedFile, Format, Role
from assistant.artifacts.listing import Listed, State, listed
from assistant.artifacts.manifest import Manifest, read_manifest
from assistant.artifacts.optimizing import Result, Tool
from assistant.artifacts.progress import Report
from assistant.artifacts.shelf import Shelf
from assistant.errors import ModelDamaged, ModelMissing, UsageError


@dataclass(frozen=True)
class Artifact:
    """A verified artifact, ready for an engine."""

    id: str
    role: Role
    format: Format
    folder: Path
    manifest: Manifest
    entry: Entry | None
    """What the catalogue says of it; None for a model of the user's own."""

    @property
    def path(self) -> Path:
        """What an engine opens: the folder of an ONNX artifact, the file of every other."""
        return self.folder if self.format == "onnx" else self.folder / self.manifest.main.path

    @property
    def sha256(self) -> str:
        """Hash of the main file: what it is, whatever it is called."""
        return self.manifest.main.sha256


class ModelLibrary:
    """The models below one folder, with the catalogue that says what they should be."""

    def __init__(self, models_dir: Path, catalogue: Catalogue) -> None:
        """A library at `models_dir`; the folder is made when something is first kept in it."""
        self.catalogue = catalogue
        self._shelf = Shelf(models_dir)
        self._optimized = Shelf(models_dir / ".optimized")

    def list(self) -> tuple[Listed, ...]:
        """Every model of the catalogue, then those of the user's own; nothing is hashed."""
        known = [entry.id for entry in self.catalogue]
        own = [name for name in self._shelf.local() if name not in known]
        lines = []
        for ident in (*known, *own):
            entry = self.catalogue.find(ident)
            folder, step = self._place(ident, entry)
            state, manifest = self._state(ident, folder, step)
            here = bool(self._shelf.pins.of(ident))
            line = listed(ident, state, entry, manifest, folder, pinned_here=here)
            lines.append(self._as_used(line, entry))
        return tuple(lines)

    def installed(self, name: str, role: Role | None = None, report: Report | None = None) -> Artifact:
        """The artifact with this id or alias, checked: what looks changed since it was last hashed is hashed again.

        Raises:
            UsageError: no model has that name, or it is not for `role`.
            ModelMissing: it is not here.
            ModelDamaged: a file has the wrong bytes; the sentence names both hashes.
        """
        artifact = self._checked(name, report, full=False)
        if role not in (None, artifact.role):
            raise UsageError(
                f"{artifact.id} is a model of the role {artifact.role}, not {role}; "
                "choose another with `fieldmate models list`."
            )
        return artifact

    def verify(self, name: str, report: Report | None = None) -> Artifact:
        """The same with every file hashed, whatever it looks like; raises as `installed` does."""
        artifact = self._checked(name, report, full=True)
        if artifact.folder == self._optimized.folder(artifact.id) and self._shelf.folder(artifact.id).exists():
            self._source(name, report, full=True)
        return artifact

    def path_of(self, name: str) -> Path:
        """Where an engine finds this model, checked; raises as `installed` does."""
        return self.installed(name).path

    def pull(
        self,
        name: str,
        report: Report | None = None,
        *,
        accept_unpinned: bool = False,
        folder: Path | None = None,
    ) -> Artifact:
        """Bring a model of the catalogue here, unless it is; resumes what was cut.

        With `accept_unpinned` it is taken where the catalogue names no hash, and what comes is pinned on this machine.
        With `folder` only that one is searched instead of the catalogue's sources.

        Raises:
            UsageError: no such model, or it needs `accept_unpinned`.
            ModelUnavailable: no source gave the right bytes.
            StorageError: the disk does not take it.
        """
        from assistant.artifacts.pull import pull

        entry, told = self.catalogue.get(name), report or Report()
        if entry.bundled is not None:
            return self.installed(entry.id, report=told)
        with self._shelf.lock(entry.id, told.notice):
            try:
                return self._source(entry.id, told)  # another process may have pulled it while this one waited
            except ModelMissing:
                pass
            except ModelDamaged as exc:
                told.notice(f"{exc} Pulling it again.")
            pull(
                self._shelf,
                entry,
                self.catalogue.folder,
                told,
                accept_unpinned=accept_unpinned,
                folder=folder,
            )
            return self._source(entry.id, told)

    def optimize(self, name: str, tool: Tool, report: Report | None = None) -> tuple[Artifact, Result]:
        """Write a pulled model's weights anew as the catalogue's recipe says, and use that if it is faster here.

        What is there already and whole is kept. Returns the model as it is used now, and what came of it.

        Raises:
            UsageError: no model has that name.
            ModelMissing, ModelDamaged: the pulled file is not here, or not whole.
            StorageError: the disk does not take it.
        """
        told, entry, ident = report or Report(), self.catalogue.find(name), self._id(name)
        recipe = entry.optimized if entry is not None else None
        if recipe is None:
            said = f"The catalogue knows no faster form of {ident}; it is used as it came."
            return self.installed(ident, report=told), Result("no gain", said)
        with self._shelf.lock(ident, told.notice):
            try:
                artifact = self.installed(ident, report=told)
                if artifact.folder == self._optimized.folder(ident):
                    return artifact, Result("kept", f"{ident} is used as {recipe.type} already.")
            except (ModelDamaged, ModelMissing) as exc:
                source = self._source(ident, told)
                told.notice(f"{exc} Making it again.")
            else:
                source = artifact
            result = optimizing.make(self._optimized, source.path, source.manifest, recipe, tool, told)
            return self.installed(ident, report=told), result

    def undo_optimize(self, name: str) -> Result:
        """Use a model as it came again; deletes what `optimize` made.

        Raises:
            UsageError: no model has that name.
            StorageError: it cannot be deleted.
        """
        ident = self._id(name)
        with self._shelf.lock(ident, lambda _: None):
            there = self._optimized.drop(ident)
        said = f"{ident} is used as it came again." if there else f"{ident} was not optimized."
        return Result("undone" if there else "kept", said)

    def import_from(
        self, path: Path, report: Report | None = None, *, name: str | None = None, role: Role | None = None
    ) -> tuple[Artifact, ...]:
        """Copy models from a file or folder, verified while they are copied; the source is only read.

        `name` and `role` say what a file is that no entry of the catalogue has the hash of.

        Raises:
            InputError: there is no such path, or no model in it.
            UsageError: the file is unknown and `name` or `role` is not given.
            ModelDamaged: wrong bytes; the sentence names both hashes.
            StorageError: the disk does not take it.
        """
        from assistant.artifacts.importing import Wanted, import_path

        told = report or Report()
        ids = import_path(self._shelf, self.catalogue, path, Wanted(name, role), told)
        return tuple(self.installed(ident, report=told) for ident in ids)

    def remove(self, name: str) -> bool:
        """Delete a model, what is unfinished of it and its pins; returns whether anything was there.

        Raises:
            UsageError: no model has that name, or it is part of the package.
            StorageError: it cannot be deleted.
        """
        entry = self.catalogue.find(name)
        ident = self._id(name)
        if entry is not None and entry.bundled is not None:
            raise UsageError(f"{ident} is part of the package and stays; only pulled and imported models are removed.")
        with self._shelf.lock(ident, lambda _: None):
            made = self._optimized.drop(ident)
            return self._shelf.drop(ident) or made

    def _checked(self, name: str, report: Report | None, *, full: bool) -> Artifact:
        """The artifact as it is used: optimized, where it has been."""
        entry = self.catalogue.find(name)
        manifest = self._made(entry)
        if entry is None or manifest is None:
            return self._source(name, report, full=full)
        folder = self._optimized.folder(entry.id)
        self._optimized.check(folder, manifest, (), _made_again(entry.id), full=full, report=report or Report())
        return Artifact(entry.id, manifest.role, manifest.format, folder, manifest, entry)

    def _made(self, entry: Entry | None) -> Manifest | None:
        """The manifest of what `optimize` made of an entry as the catalogue has it today; None where there is none."""
        if entry is None:
            return None
        return optimizing.read(self._optimized, entry.id, entry.optimized, entry.sha256, _made_again(entry.id))

    def _source(self, name: str, report: Report | None, *, full: bool = False) -> Artifact:
        """The artifact as it came."""
        entry = self.catalogue.find(name)
        ident = self._id(name)
        folder, step = self._place(ident, entry)
        try:
            manifest = read_manifest(folder, step)
        except FileNotFoundError as exc:
            raise ModelMissing(f"The model {ident} is not on this machine; {step}.") from exc
        if manifest.id != ident:
            raise ModelDamaged(f"The manifest in {folder} is that of {manifest.id}, not of {ident}; {step}.")
        if entry is not None and entry.bundled is not None:
            known: tuple[ExpectedFile, ...] = ()  # package and manifest come together
        else:
            known = self._shelf.pins.merge(ident, entry.files if entry is not None else ())
        self._shelf.check(folder, manifest, known, step, full=full, report=report or Report())
        return Artifact(ident, manifest.role, manifest.format, folder, manifest, entry)

    def _id(self, name: str) -> str:
        entry = self.catalogue.find(name)
        if entry is not None:
            return entry.id
        local = self._shelf.local()
        # The name becomes a folder's: nothing but the name of one that is here may pass.
        if re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) is None or name not in local:
            raise UsageError(unknown_model(name, [*(entry.id for entry in self.catalogue), *local]))
        return name

    def _place(self, ident: str, entry: Entry | None) -> tuple[Path, str]:
        """Folder of an artifact, and what to do when something is wrong with it."""
        if entry is None:
            return self._shelf.folder(ident), f"import it again with `fieldmate models import PATH --id {ident}`"
        if entry.bundled is not None:
            return (
                self.catalogue.folder / entry.bundled.folder,
                "it comes with the package: install Fieldmate again",
            )
        return self._shelf.folder(ident), f"run `fieldmate models pull {ident}`"

    def _as_used(self, line: Listed, entry: Entry | None) -> Listed:
        """The line of a model with what `optimize` made of it."""
        try:
            manifest = self._made(entry)
        except ModelDamaged:
            return replace(line, state="damaged")
        if entry is None or entry.optimized is None or manifest is None:
            return line
        folder = self._optimized.folder(entry.id)
        return replace(
            line,
            state="ready" if _is_whole(folder, manifest) else "damaged",
            optimized=entry.optimized.type,
            bytes=manifest.main.bytes + (line.bytes or 0 if line.path is not None else 0),
            sha256=manifest.main.sha256,
            path=str(folder),
        )

    def _state(self, ident: str, folder: Path, step: str) -> tuple[State, Manifest | None]:
        """What a look at names and sizes tells of an artifact."""
        try:
            manifest = read_manifest(folder, step)
        except FileNotFoundError:
            return ("partial" if self._shelf.staging(ident).exists() else "missing"), None
        except ModelDamaged:
            return "damaged", None
        return ("ready" if _is_whole(folder, manifest) else "damaged"), manifest


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file has its length."""
    try:
        return all((folder / file.path).stat().st_size == file.bytes for file in manifest.files)
    except OSError:
        return False


def _made_again(ident: str) -> str:
    return f"run `fieldmate models optimize {ident}`, which makes it again, or the same with --undo"
