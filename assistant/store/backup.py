"""Backs a knowledge base up into one file, and brings it back.

It knows SQLite's online backup, which copies one state while others read and write. It does not know what is in the
tables beyond what `Store.check` finds and the count of changes.

Both directions write under a temporary name, check what was written, and only then let it count: a cut at any instant
leaves the backup, or the knowledge base, that was there before.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from assistant.errors import InputError, KnowledgeBaseDamaged, StorageError
from assistant.store import schema
from assistant.store.database import Store
from assistant.store.files import discard, force, move_aside, tidy
from assistant.store.guard import translated


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
    try:
        discard(partial)
        with translated(partial):
            with closing(sqlite3.connect(partial)) as copy:
                store.copy_to(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # else the next reader would put files beside it
        require_sound(partial, "The knowledge base is damaged and was not backed up")
        force(partial)
        partial.replace(target)
        force(target.parent)
    except OSError as exc:
        raise StorageError(
            f"The backup {target} cannot be written ({exc.strerror or exc}); free some space or choose another place."
        ) from exc
    finally:
        tidy(partial)
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
    try:
        discard(partial)
        _copy(source, partial)
        require_sound(partial, f"The backup {source} is damaged")
        return put_in_place(partial, path, busy_timeout)
    except OSError as exc:
        raise StorageError(
            f"The backup cannot be put into {path.parent} ({exc.strerror or exc}); free some space and run it again."
        ) from exc
    finally:
        tidy(partial)


def put_in_place(partial: Path, path: Path, busy_timeout: float) -> Path | None:
    """Make the checked copy the knowledge base at `path`, in one step for all who have it open.

    Returns:
        Where a knowledge base is now that could not be opened any more, None where nothing had to be moved.
    """
    aside = None
    if path.exists():
        try:
            with Store.open(path, create=False, busy_timeout=busy_timeout) as live:
                _replace(partial, live, busy_timeout)
            return None
        except KnowledgeBaseDamaged:
            aside = move_aside(path)
    with Store.open(partial, create=False) as copy:
        copy.leave_no_journal()
    force(partial)
    partial.replace(path)
    force(path.parent)
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


def require_sound(path: Path, sentence: str) -> None:
    """Check a copy of our own, which is brought up to date first if an older version wrote it.

    Raises:
        KnowledgeBaseDamaged: something is wrong; `sentence` says what that means.
    """
    with Store.open(path, create=False) as copy:
        problems = copy.check()
        copy.leave_no_journal()
    if problems:
        why = " ".join(problems[0].message.split()).rstrip(".")
        raise KnowledgeBaseDamaged(f"{sentence} ({why}); use another backup, or add the documents again.")


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
