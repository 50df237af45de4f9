"""Importing: files from a stick or another folder become artifacts of this machine, once their bytes are known.

The source is only read. Knows no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.artifacts.catalogue import Catalogue, Entry
from assistant.artifacts.fields import ArtifactFile, ExpectedFile, Format, Role
from assistant.artifacts.files import require_space, storage
from assistant.artifacts.manifest import MANIFEST, Manifest, read_manifest
from assistant.artifacts.progress import Report
from assistant.artifacts.shelf import Shelf
from assistant.artifacts.staging import SourceError, copy_verified
from assistant.artifacts.verify import header_problem, mismatch, sha256_of
from assistant.errors import FieldmateError, InputError, ModelDamaged, ModelError, UsageError

_KNOWN: dict[str, Format] = {".gguf": "gguf", ".onnx": "onnx", ".tflite": "tflite", ".litertlm": "litertlm"}
_ID = r"[a-z0-9][a-z0-9._-]{0,99}"


@dataclass(frozen=True)
class Wanted:
    """What the user said that the file is, where they said it."""

    id: str | None = None
    role: Role | None = None


def import_path(shelf: Shelf, catalogue: Catalogue, path: Path, wanted: Wanted, report: Report) -> tuple[str, ...]:
    """Import the file, or everything that can be told apart in the folder, at `path`; returns the ids.

    Raises:
        InputError: there is no such file, or nothing in the folder is a model.
        UsageError: the file is in no catalogue and the user did not say what it is.
        ModelDamaged: the bytes are not those that catalogue, pins or manifest name; both hashes are in the sentence.
        StorageError: it cannot be read, or the disk does not take it.
    """
    if path.is_file():
        return (_import_file(shelf, catalogue, path, wanted, report),)
    if not path.is_dir():
        raise InputError(f"{path} is not there; check the path, and that the stick is mounted.")
    if (path / MANIFEST).is_file():
        return (_import_folder(shelf, catalogue, path, report),)
    with storage(path):
        folders = sorted(found.parent for found in path.glob(f"*/{MANIFEST}"))
        files = sorted(found for found in path.iterdir() if found.suffix.lower() in _KNOWN and found.is_file())
    if wanted.id is not None and len(folders) + len(files) != 1:
        raise UsageError(f"{path} holds {len(files)} model files; name the one that --id belongs to.")
    done, failures = [], list[FieldmateError]()
    for found in (*folders, *files):
        try:
            if found in folders:
                done.append(_import_folder(shelf, catalogue, found, report))
            else:
                done.append(_import_file(shelf, catalogue, found, wanted, report))
        except (UsageError, ModelDamaged) as exc:
            failures.append(exc)  # the others on the stick may be fine
    _tell(failures, fatal=not done, report=report)
    if not done:
        raise InputError(f"{path} holds no model file and no folder with a {MANIFEST}; name the file itself.")
    return tuple(done)


def _tell(failures: list[FieldmateError], *, fatal: bool, report: Report) -> None:
    """Raise the failure that matters most, and tell the others."""
    worst = next(
        (exc for exc in failures if isinstance(exc, ModelDamaged)),
        failures[0] if fatal and failures else None,
    )
    for exc in failures:
        if exc is not worst:
            report.notice(str(exc))
    if worst is not None:
        raise worst


def _import_file(shelf: Shelf, catalogue: Catalogue, path: Path, wanted: Wanted, report: Report) -> str:
    """One file that is a whole artifact."""
    with storage(path):
        size = path.stat().st_size
        found = sha256_of(path, report.step(f"reading {path.name}", size))
    entry = _entry_of(shelf, catalogue, path, found, size, wanted)
    if entry is not None and wanted.id is not None and wanted.id not in (entry.id, *entry.aliases):
        report.notice(f"{path.name} is the catalogue's {entry.id} and is imported under that name.")
    name = entry.file if entry is not None else re.sub(r"[^A-Za-z0-9._+-]", "-", path.name).lstrip("._+-")
    manifest = Manifest(
        schema=1,
        id=entry.id if entry is not None else str(wanted.id),
        role=entry.role if entry is not None else (wanted.role or "generator"),
        format=entry.format if entry is not None else _KNOWN[path.suffix.lower()],
        licence=entry.licence if entry is not None else "unknown",
        files=(ArtifactFile(name, size, found),),
        source={"imported_from": path.name},
        command=f"fieldmate models import {path.name}",
    )
    _copy(shelf, manifest, {name: path}, pin=entry is None or not entry.pinned, report=report)
    return manifest.id


def _entry_of(shelf: Shelf, catalogue: Catalogue, path: Path, found: str, size: int, wanted: Wanted) -> Entry | None:
    """The catalogue's entry for a file; None for a model of the user's own."""
    named = catalogue.find(wanted.id) if wanted.id is not None else None
    same = next((entry for entry in catalogue if entry.sha256 == found and not entry.companions), None)
    if same is not None and named in (None, same):
        return same
    # With no hash to go by, a file that is named like an entry's is a damaged copy of it rather than a new model.
    alike = named or next((e for e in catalogue if wanted.id is None and e.file == path.name and e.sha256), None)
    ident = alike.id if alike is not None else wanted.id
    if ident is not None:
        files = alike.files if alike is not None else tuple(ExpectedFile(p) for p in shelf.pins.of(ident))
        main = shelf.pins.merge(ident, files)[0] if files else None
        if main is not None and main.sha256 not in (None, found):
            step = "copy it again, or `fieldmate models remove` the old one and import with another --id"
            raise ModelDamaged(mismatch(path, found, size, main, step))
    if named is not None and (named.companions or named.bundled is not None):
        raise UsageError(f"{named.id} is more than one file; import the folder that holds its {MANIFEST}.")
    if named is None:
        _check_own(path, found, wanted)
    return named


def _check_own(path: Path, found: str, wanted: Wanted) -> None:
    """Whether the user said enough about a model that no catalogue knows."""
    if wanted.id is None or wanted.role is None:
        raise UsageError(
            f"{path} (SHA-256 {found}) is in no catalogue; if you trust it, say what it is: "
            f"`fieldmate models import {path.name} --id NAME --role generator`."
        )
    if not re.fullmatch(_ID, wanted.id):
        raise UsageError(
            f"{wanted.id!r} cannot be an id; use lower-case letters, digits, dots, dashes and underscores."
        )
    if _KNOWN.get(path.suffix.lower(), "onnx") == "onnx":
        raise UsageError(
            f"{path.name} alone cannot be used: import a GGUF, TFLite or LiteRT-LM file, or a folder with a {MANIFEST}."
        )


def _import_folder(shelf: Shelf, catalogue: Catalogue, folder: Path, report: Report) -> str:
    """A folder that an export or another machine's library made."""
    with storage(folder):
        manifest = read_manifest(folder, "import a folder that an export made")
    entry = catalogue.find(manifest.id)
    if entry is not None and entry.bundled is not None:
        raise UsageError(f"{entry.id} comes with the package; give the folder's manifest an id of its own to add it.")
    listed = {file.path: file for file in manifest.files}
    for file in shelf.pins.merge(manifest.id, entry.files if entry else tuple(ExpectedFile(p) for p in listed)):
        given = listed.get(file.path)
        if given is None or file.sha256 not in (None, given.sha256):
            has = f"SHA-256 {given.sha256}" if given else "no such file"
            raise ModelDamaged(
                f"{folder} is another {manifest.id}: for {file.path} it has {has}, not {file.sha256}; "
                f"copy it again, or run `fieldmate models remove {manifest.id}` first."
            )
    origins = {file.path: folder / file.path for file in manifest.files}
    _copy(shelf, manifest, origins, pin=entry is None or not entry.pinned, report=report)
    return manifest.id


def _copy(shelf: Shelf, manifest: Manifest, origins: dict[str, Path], *, pin: bool, report: Report) -> None:
    """Copy files that match the manifest to the shelf."""
    staging = shelf.staging(manifest.id) / "import"
    with shelf.lock(manifest.id, report.notice):
        if _is_kept(shelf, manifest, report):
            return
        require_space(staging, sum(file.bytes for file in manifest.files), f"Importing {manifest.id}")
        staged: dict[str, Path] = {}
        for file in _in_order(manifest):
            origin, staged[file.path] = origins[file.path], staging / file.path
            if not origin.is_file():
                raise InputError(f"{origin} is missing; copy the whole folder again.")
            step = report.step(f"copying {file.path}", file.bytes)
            try:
                copy_verified(origin, staged[file.path], ExpectedFile(file.path, file.bytes, file.sha256), step)
            except SourceError as exc:
                raise ModelDamaged(f"{exc}; copy it again from a machine where it verifies.") from exc
            problem = header_problem(staged[file.path])
            if problem is not None:
                staged[file.path].unlink()
                raise ModelDamaged(f"{origin} (SHA-256 {file.sha256}) {problem}; import a model file.")
        if pin:
            with storage(shelf.root):
                shelf.pins.keep(manifest.id, manifest.files)
        shelf.keep(staged, manifest, {file.path: file.sha256 for file in manifest.files})


def _is_kept(shelf: Shelf, manifest: Manifest, report: Report) -> bool:
    """Whether the same files are here already, and whole."""
    folder = shelf.folder(manifest.id)
    try:
        kept = read_manifest(folder, "import it again")
        if sorted(kept.files, key=str) != sorted(manifest.files, key=str):
            return False
        shelf.check(folder, kept, (), "import it again", full=False, report=report)
    except (FileNotFoundError, ModelError):
        return False
    return True


def _in_order(manifest: Manifest) -> Iterator[ArtifactFile]:
    """Small files first: what is wrong with a folder shows before half a gigabyte is copied."""
    return iter(sorted(manifest.files, key=lambda file: file.bytes))
