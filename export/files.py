"""Hashes, durable writes and the publishing of finished folders. Knows no model and no toolchain."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from export.errors import SourceError

MANIFEST = "manifest.json"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as one atomic step: readers see the old file, none, or the whole new one."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as one atomic step."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def describe_files(folder: Path, main: str) -> list[dict[str, Any]]:
    """Return path, bytes and SHA-256 of every file but the manifest: `main` first, then by name."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST]
    found.sort(key=lambda path: (path.name != main, path.as_posix()))
    return [
        {"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in found
    ]


def check_target(target: Path, *, force: bool, ours: frozenset[str]) -> None:
    """Raise SourceError unless `target` may be replaced.

    `ours` are the names an artifact of this kind may hold. A folder with anything else in it is somebody's own
    work and is not replaced even with `force`.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise SourceError(f"{target} is not a folder; name another one with --out.")
    if not target.exists():
        return
    strangers = sorted(path.name for path in target.iterdir() if path.name not in ours)
    if strangers:
        raise SourceError(f"{target} holds other files ({strangers[0]}); name another folder with --out.")
    if (target / MANIFEST).exists() and not force:
        raise SourceError(
            f"{target} already holds a complete artifact; replace it with --force or name another folder with --out."
        )


@contextmanager
def publishing(target: Path, lock: Path) -> Iterator[Path]:
    """Yield an empty sibling folder that takes `target`'s name when the block ends without an error.

    The sibling has a fixed name and is held under `lock`, so what a killed run left is removed by the next one.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    with FileLock(lock):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            _swap(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _swap(partial: Path, target: Path) -> None:
    """Give `partial` the name `target`; no folder can be renamed over a filled one, so that one steps aside."""
    if not target.exists():
        partial.rename(target)
        return
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    try:
        partial.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
