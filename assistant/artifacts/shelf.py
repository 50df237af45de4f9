"""Where artifacts live on this machine, and whether what lies there is whole.

    models_dir/
      ID/…files, manifest.json     complete artifacts: the manifest is written last and removed first
      pins.json                    hashes accepted on this machine
      .partial/ID/                 unfinished work, resumed by the next pull
      .verified/ID.json            which files were hashed, and how they looked then
      .locks/ID.lock               one process at a time changes an artifact

Knows no source and no network.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from assistant.artifacts.fields import ArtifactFile, ExpectedFile
from assistant.artifacts.files import human, move, storage, sync_folder
from assistant.artifacts.manifest import MANIFEST, Manifest, write_manifest
from assistant.artifacts.pins import Pins
from assistant.artifacts.progress import Notice, Report
from assistant.artifacts.stamps import Look, Stamp, Stamps
from assistant.artifacts.verify import check_file, header_problem
from assistant.errors import ModelDamaged, ModelMissing


class Shelf:
    """The folder of pulled and imported models."""

    def __init__(self, root: Path) -> None:
        """A shelf at `root`; nothing is created before something is kept."""
        self.root = root
        self.pins = Pins(root / "pins.json")

    def folder(self, artifact: str) -> Path:
        """Where a complete artifact lies."""
        return self.root / artifact

    def staging(self, artifact: str) -> Path:
        """Where unfinished work on it lies."""
        return self.root / ".partial" / artifact

    def local(self) -> list[str]:
        """Ids of the complete artifacts here, in order."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), storage(self.root):
            return sorted(path.parent.name for path in self.root.glob(f"[!.]*/{MANIFEST}"))
        return []

    @contextlib.contextmanager
    def lock(self, artifact: str, notice: Notice) -> Iterator[None]:
        """Be the only process that changes this artifact; waits for another one, and says so.

        Raises:
            StorageError: the folder cannot be written.
        """
        from filelock import FileLock, Timeout

        path = self.root / ".locks" / f"{artifact}.lock"
        with storage(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        with storage(self.root):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                notice(f"Another process is working on {artifact}; waiting for it to finish.")
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def keep(self, staged: dict[str, Path], manifest: Manifest, hashes: dict[str, str]) -> None:
        """Move verified files into place, manifest last, and drop what is left of the work.

        `staged` says where each file lies, on the disk of the shelf, and `hashes` its SHA-256; both by its path in the
        artifact.
        """
        folder = self.folder(manifest.id)
        with storage(folder):
            # While files are exchanged the folder must not look complete.
            (folder / MANIFEST).unlink(missing_ok=True)
            for path, draft in staged.items():
                move(draft, folder / path)
            write_manifest(folder, manifest)
            shutil.rmtree(self.staging(manifest.id), ignore_errors=True)
        files = {folder / path: sha256 for path, sha256 in hashes.items()}
        stamps = {file: Stamp(Look.of(file), sha256) for file, sha256 in files.items()}
        self._stamps(manifest.id).record(stamps)

    def clear(self, artifact: str) -> None:
        """Drop unfinished work on an artifact.

        Raises:
            StorageError: it cannot be deleted.
        """
        staging = self.staging(artifact)
        with storage(staging):
            if staging.exists():
                shutil.rmtree(staging)

    def drop(self, artifact: str) -> bool:
        """Remove an artifact with its pins and whatever is unfinished; returns whether there was anything."""
        folder, staging = self.folder(artifact), self.staging(artifact)
        there = folder.exists() or staging.exists()
        with storage(folder):
            (folder / MANIFEST).unlink(missing_ok=True)
            for path in (folder, staging):
                if path.exists():
                    shutil.rmtree(path)
            if self.root.exists():
                sync_folder(self.root)
            (self.root / ".verified" / f"{artifact}.json").unlink(missing_ok=True)
            self.pins.forget(artifact)
        return there

    def check(
        self,
        folder: Path,
        manifest: Manifest,
        known: tuple[ExpectedFile, ...],
        step: str,
        *,
        full: bool,
        report: Report,
    ) -> None:
        """Check every file of an artifact: against `known` hashes, and against the manifest's own for the rest.

        With `full` everything is hashed; otherwise files that look as they did when they were last hashed are trusted.
        `step` is what the user may do about a failure.

        Raises:
            ModelMissing: a file is gone.
            ModelDamaged: a file has the wrong bytes, or the manifest leaves out one that is known.
        """
        listed = {file.path: file for file in manifest.files}
        for needed in known:
            if needed.path not in listed:
                raise ModelDamaged(f"The manifest in {folder} does not list {needed.path}; {step}.")
        hashes = {needed.path: needed.sha256 for needed in known if needed.sha256 is not None}
        stamps, found = self._stamps(manifest.id), {}
        for file in manifest.files:
            path = folder / file.path
            expected = ExpectedFile(file.path, file.bytes, hashes.get(file.path, file.sha256))
            try:
                look = Look.of(path)
                if full or stamps.hash_of(path) != expected.sha256 or header_problem(path) is not None:
                    label = report.step(f"checking {manifest.id}: {file.path} ({human(look.size)})")
                    found[path] = Stamp(look, check_file(path, expected, step, label))
            except FileNotFoundError as exc:
                raise ModelMissing(f"{path} is gone; {step}.") from exc
            except OSError as exc:
                raise ModelDamaged(f"{path} cannot be read ({exc.strerror}); {step}.") from exc
        stamps.record(found)

    def _stamps(self, artifact: str) -> Stamps:
        return Stamps(self.root / ".verified" / f"{artifact}.json")


def described(staged: dict[str, Path], hashes: dict[str, str]) -> tuple[ArtifactFile, ...]:
    """The files as a manifest lists them."""
    return tuple(ArtifactFile(path, file.stat().st_size, hashes[path]) for path, file in staged.items())
