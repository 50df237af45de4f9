"""Opens the database file: recognises it, or says in one sentence why it cannot be used.

It knows the file's marks and modes. It does not know what the tables hold.
"""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from assistant.errors import KnowledgeBaseDamaged, KnowledgeBaseTooNew, StorageError
from assistant.store import schema
from assistant.store.guard import READ_ONLY, made

_JOURNAL_BYTES = 64 * 2**20  # Beyond this the write-ahead log is cut back after a checkpoint.


def now() -> str:
    """The time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def connect(path: Path, *, create: bool, busy_timeout: float, read_only: bool) -> Database:
    """Open the knowledge base at `path`, bring its tables up to date and return the connection.

    Raises:
        StorageError: it is not there, or its folder or file cannot be used as asked.
        KnowledgeBaseTooNew, KnowledgeBaseDamaged: what is there cannot be read by this version, or at all.
        sqlite3.Error: anything else, for the caller to translate.
    """
    _check_place(path, create=create and not read_only, read_only=read_only)
    mode = _mode(path, create=create, read_only=read_only)
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?{mode}",
        uri=True,
        timeout=busy_timeout,
        isolation_level=None,  # Transactions begin where this package says so.
        check_same_thread=False,  # One thread at a time, but not always the one that opened it.
    )
    try:
        # No plugins: what another tool has installed must not run inside the device's knowledge base.
        db = Database(connection, execute_plugins=False)
        _recognise(db, path, create=create and not read_only)
        if read_only:
            _prepare_reading(db, path)
        else:
            _prepare_writing(db, busy_timeout)
        return db
    except BaseException:
        connection.close()
        raise


def _check_place(path: Path, *, create: bool, read_only: bool) -> None:
    folder = path.parent
    if not create and not folder.exists():
        raise StorageError(f"There is no knowledge base at {path} yet; add documents to create it.")
    if not folder.is_dir():
        raise StorageError(f"The folder {folder} does not exist; create it and run the same command again.")
    if path.is_dir():
        raise StorageError(f"The knowledge base {path} is a folder; name a file instead.")
    if not create and not _exists(path):
        raise StorageError(f"There is no knowledge base at {path} yet; add documents to create it.")
    if not read_only and not all(os.access(place, os.W_OK) for place in (folder, path) if place.exists()):
        raise made(READ_ONLY, path)


def _exists(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _mode(path: Path, *, create: bool, read_only: bool) -> str:
    if not read_only:
        return "mode=rwc" if create else "mode=rw"
    # Reading a file in WAL mode needs a shared-memory file beside it. Where none can be made, the file may be
    # taken as unchanging, but only without a log: what is in the log would not be seen.
    if not os.access(path.parent, os.W_OK) and not _exists(path.with_name(path.name + "-wal")):
        return "mode=ro&immutable=1"
    return "mode=ro"


def _recognise(db: Database, path: Path, *, create: bool) -> None:
    """Look at the file's marks before anything is changed in it."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application == schema.APPLICATION_ID and tables:
        if schema.version(db) > len(schema.MIGRATIONS):
            raise KnowledgeBaseTooNew(
                f"The knowledge base {path} was written by a newer version of Fieldmate; update Fieldmate "
                "and run the same command again."
            )
        return
    if application or tables or schema.version(db):
        raise KnowledgeBaseDamaged(
            f"The file {path} is not a knowledge base of Fieldmate; move it away or choose another data folder."
        )
    if not create:
        raise StorageError(f"There is no knowledge base at {path} yet; add documents to create it.")


def _prepare_reading(db: Database, path: Path) -> None:
    if schema.version(db) < len(schema.MIGRATIONS):
        raise StorageError(
            f"The knowledge base {path} was written by an older version of Fieldmate and must be brought up "
            "to date; make its folder writable and run the same command again."
        )
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA cell_size_check = ON")


def _prepare_writing(db: Database, busy_timeout: float) -> None:
    db.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")  # Without effect on a file that has pages already.
    _enable_wal(db, busy_timeout)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA cell_size_check = ON")
    db.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
    schema.migrate(db, schema.MIGRATIONS, now())


def _enable_wal(db: Database, busy_timeout: float) -> None:
    """Switch to write-ahead logging.

    SQLite does not wait for its busy timeout here when two processes create the file at the same moment, so
    it is asked again until the time is up.
    """
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
