"""Backs a knowledge base up into one file, and brings it back.

It knows SQLite's online backup, which copies one state while others read and write. It does not know what is in the
tables beyond what `Store.check` finds and the count of changes.

Both directions write under a temporary name, check what was written, and only then let it count: a cut at any instant
leaves the backup, or the knowledge base, that was there before.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from assistant.errors import InputError, KnowledgeBaseDamaged, StorageError
from assistant.store import schema
from assistant.store.database import Store
from assistant.store.guard import translated

_BESIDE = ("-journal", "-wal", "-shm")
"""Endings of what SQLite keeps beside a file."""


def back_up(store: Store, target: Path) -> int:
    """Write the store's state of this moment into the file `target`, checked; returns its size in bytes.

    Others may read and write meanwhile. A backup that is there is replaced at the end.

    Raises:
        InputError: `target` is something else than a backup, or its folder does not exist.
        StorageError: the disk does not take it.
        KnowledgeBaseDamaged: the knowledge base, and so the copy, is damaged.
    """
    _require_replaceable(target)
    partial = target.with_name(f".{target.name}.partial")
    _discard(partial)
    try:
        with translated(partial):
            with closing(sqlite3.connect(partial)) as copy:
                store.copy_to(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # else the next reader would put files beside it
        _require_sound(partial, "The knowledge base is damaged and was not backed up")
        _force(partial)
        partial.replace(target)
        _force(target.parent)
    except OSError as exc:
        raise StorageError(
            f"The backup {target} cannot be written ({exc.strerror or exc}); free some space or choose another place."
        ) from exc
    finally:
        _discard(partial)
    return target.stat().st_size


def restore(source: Path, path: Path, busy_timeout: float = 30.0) -> Path | None:
    """Put the backup `source` in place of the knowledge base at `path`.

    Other processes see the old state until the new one is there in one step. A knowledge base that cannot be opened any
    more is moved aside first; returns where it is now, None where nothing had to be moved.

    Raises:
        InputError: there is no such file.
        KnowledgeBaseDamaged: the backup is damaged, or no backup.
        KnowledgeBaseTooNew: a newer version of Fieldmate wrote the backup.
        KnowledgeBaseBusy: another process writes for too long.
        StorageError: the disk does not take it.
    """
    if not source.is_file():
        raise InputError(f"There is no backup {source}; check the path.")
    if path.exists() and source.samefile(path):
        raise InputError(f"{source} is the knowledge base itself; name a backup of it.")
    partial = path.with_name(f".{path.name}.restoring")
    _discard(partial)
    try:
        _copy(source, partial)
        _require_sound(partial, f"The backup {source} is damaged")
        return _take_over(partial, path, busy_timeout)
    except OSError as exc:
        raise StorageError(
            f"The backup cannot be put into {path.parent} ({exc.strerror or exc}); free some space and run it again."
        ) from exc
    finally:
        _discard(partial)


def _take_over(partial: Path, path: Path, busy_timeout: float) -> Path | None:
    """Make the checked copy the knowledge base."""
    aside = None
    if path.exists():
        try:
            with Store.open(path, create=False, busy_timeout=busy_timeout) as live:
                _replace(partial, live, busy_timeout)
            return None
        except KnowledgeBaseDamaged:
            aside = _moved_aside(path)
    with Store.open(partial, create=False) as copy:
        copy.leave_no_journal()
    _force(partial)
    partial.replace(path)
    _force(path.parent)
    return aside


def _replace(partial: Path, live: Store, busy_timeout: float) -> None:
    """Copy everything into the live file, as one transaction of it."""
    with Store.open(partial, create=False, busy_timeout=busy_timeout) as copy:
        # Whoever has the live file open must see that everything has changed.
        copy.count_from(max(copy.generation, live.generation) + 1)
        live.copy_from(copy)


def _copy(source: Path, target: Path) -> None:
    mode = "mode=ro" if os.access(source.parent, os.W_OK) else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"{source.resolve().as_uri()}?{mode}", uri=True)) as given:
        try:
            ours = given.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID
        except sqlite3.DatabaseError:
            ours = False
        if not ours:
            raise KnowledgeBaseDamaged(
                f"The file {source} is no backup of a knowledge base, or is damaged; name another one."
            )
        with translated(source), closing(sqlite3.connect(target)) as copy:
            given.backup(copy)


def _require_sound(path: Path, sentence: str) -> None:
    """Check a copy of our own, which is brought up to date first if an older version wrote it."""
    with Store.open(path, create=False) as copy:
        problems = copy.check()
        copy.leave_no_journal()
    if problems:
        raise KnowledgeBaseDamaged(
            f"{sentence} ({problems[0].message.rstrip('.')}); use another backup, or add the documents again."
        )


def _require_replaceable(target: Path) -> None:
    if not target.parent.is_dir():
        raise InputError(f"There is no folder {target.parent}; create it, or name another file.")
    if target.is_dir():
        raise InputError(f"{target} is a folder; name a file in it.")
    if not target.exists() or target.stat().st_size == 0:
        return
    try:
        with closing(sqlite3.connect(f"{target.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as there:
            ours = there.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID
    except sqlite3.Error:
        ours = False
    if not ours:
        raise InputError(f"{target} is there and is no backup; name another file.")


def _moved_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for ending in _BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + ending))
    path.replace(aside)
    return aside


def _discard(path: Path) -> None:
    for ending in ("", *_BESIDE):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).unlink()


def _force(path: Path) -> None:
    """Have a file or folder on disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
