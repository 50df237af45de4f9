"""Pulling: the sources of an entry in order, until one gives the right bytes.

Knows the order of things: lock, sources, header, place, manifest. Does not know how a source works.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from assistant.artifacts.catalogue import Entry, FolderSource, Source, WheelsSource
from assistant.artifacts.manifest import Manifest
from assistant.artifacts.progress import Report
from assistant.artifacts.shelf import Shelf, described
from assistant.artifacts.sources import collect, describe
from assistant.artifacts.staging import Job, SourceError
from assistant.artifacts.verify import header_problem, sha256_of
from assistant.errors import ModelUnavailable, StorageError, UsageError


def pull(
    shelf: Shelf,
    entry: Entry,
    beside: Path,
    report: Report,
    *,
    accept_unpinned: bool = False,
    folder: Path | None = None,
) -> None:
    """Bring `entry` to the shelf. The caller holds its lock.

    Relative folders of the catalogue are below `beside`. With `accept_unpinned` what comes is taken where the catalogue
    names no hash, and pinned here. With `folder` only that one is searched, for the files or for the wheels that hold
    them.

    Raises:
        UsageError: the catalogue has no hash for it and `accept_unpinned` was not said.
        ModelUnavailable: no source gave the right bytes; the sentence names each with its reason.
        StorageError: the disk does not take it.
    """
    files = shelf.pins.merge(entry.id, entry.files)
    if any(file.sha256 is None for file in files) and not accept_unpinned:
        raise UsageError(
            f"The catalogue has no hash for {entry.id}, so an exchanged file would not show; if you trust its source, "
            f"run `fieldmate models pull {entry.id} --accept-unpinned`, and what comes is pinned on this machine."
        )
    if entry.licence_note:
        report.notice(f"{entry.id}, licence {entry.licence}: {entry.licence_note}")
    job = Job(entry, files, shelf.staging(entry.id), beside, report, find_links=folder)
    failures: list[tuple[Source, Exception]] = []
    for source in _sources(entry, folder):
        try:
            _bring(shelf, job, source)
        except (SourceError, StorageError) as exc:
            failures.append((source, exc))
            report.notice(f"{entry.id} from {describe(source)}: {str(exc).rstrip('.')}.")
        else:
            return
    raise _nothing_worked(entry, failures, folder)


def _sources(entry: Entry, folder: Path | None) -> list[Source]:
    if folder is None:
        return list(entry.sources)
    # On a stick there may be the model itself, or the wheels as an index serves them.
    wheels = [source for source in entry.sources if isinstance(source, WheelsSource)]
    return [FolderSource(str(folder.absolute())), *wheels]


def _bring(shelf: Shelf, job: Job, source: Source) -> None:
    staged = collect(job, source)
    for path in staged.values():
        problem = header_problem(path)
        if problem is not None:
            path.unlink()
            raise SourceError(f"what came as {path.name} {problem}")
    expected = {file.path: file.sha256 for file in job.files}
    hashes = {name: expected[name] or sha256_of(path) for name, path in staged.items()}
    files = described(staged, hashes)
    if not job.entry.pinned:
        shelf.pins.keep(job.entry.id, files)
        pinned = ", ".join(f"{file.path} {file.sha256}" for file in files)
        job.report.notice(f"{job.entry.id} is pinned on this machine: {pinned}.")
    entry = job.entry
    manifest = Manifest(
        schema=1,
        id=entry.id,
        role=entry.role,
        format=entry.format,
        licence=entry.licence,
        files=files,
        dimensions=entry.dimensions,
        max_tokens=entry.context if entry.role == "embedder" else None,
        pooling=entry.pooling,
        normalize=entry.normalize,
        source=msgspec.to_builtins(source),
        command=f"fieldmate models pull {entry.id}",
    )
    shelf.keep(staged, manifest, hashes)


def _nothing_worked(entry: Entry, failures: list[tuple[Source, Exception]], folder: Path | None) -> Exception:
    for _, exc in failures:
        if isinstance(exc, StorageError):
            return exc
    tried = "; ".join(f"{describe(source)}: {str(exc).rstrip('.')}" for source, exc in failures)
    look = "the network" if folder is None else str(folder)
    flag = " --accept-unpinned" if any(file.sha256 is None for file in entry.files) else ""
    return ModelUnavailable(
        f"{entry.id} could not be pulled ({tried}); check {look} and run `fieldmate models pull {entry.id}{flag}` "
        f"again, which goes on where this stopped, or bring the file on a stick and run `fieldmate models import PATH`."
    )
