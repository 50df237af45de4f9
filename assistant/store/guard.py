"""The edge where the database library's exceptions become Fieldmate's.

It knows SQLite's result codes and which next step helps with each. It does not know tables or queries.

What is left alone: a programmer's error (a closed connection, a wrong number of parameters) and
`MemoryError`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from assistant.errors import (
    FieldmateError,
    KnowledgeBaseBusy,
    KnowledgeBaseDamaged,
    StorageError,
    UnreadableDocument,
)
from assistant.store.records import RowDamaged


class _HasPath(Protocol):
    @property
    def path(self) -> Path: ...


_Self = TypeVar("_Self", bound=_HasPath)
_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")

_Kind = tuple[type[FieldmateError], str]

BUSY: _Kind = (
    KnowledgeBaseBusy,
    (
        "Another process has been using the knowledge base {path} for too long; wait until it is done and run "
        "the same command again."
    ),
)
DAMAGED: _Kind = (
    KnowledgeBaseDamaged,
    (
        "The knowledge base {path} is damaged ({detail}); run `fieldmate verify --repair`, restore a backup, or move "
        "the file away and add the documents again."
    ),
)
FULL: _Kind = (
    StorageError,
    "There is no space left to store the knowledge base {path}; free some space and run the same command again.",
)
FAILING: _Kind = (
    StorageError,
    (
        "The disk does not take or give the knowledge base {path} ({detail}); free some space or check the disk, "
        "and run the same command again."
    ),
)
READ_ONLY: _Kind = (
    StorageError,
    (
        "The knowledge base {path} cannot be written; make the file and its folder writable and run the same "
        "command again."
    ),
)
UNOPENABLE: _Kind = (
    StorageError,
    (
        "The knowledge base {path} cannot be opened; make sure that its folder exists and can be read and "
        "written, and run the same command again."
    ),
)
TOO_BIG: _Kind = (
    UnreadableDocument,
    "A document is too large to be stored in the knowledge base {path}; split it into smaller files and add these.",
)

KINDS: dict[int, _Kind | None] = {
    # SQL that does not fit the tables, or a broken promise of theirs: the statements are fixed and tested, so
    # on a device it is the file that has changed.
    sqlite3.SQLITE_ERROR: DAMAGED,
    sqlite3.SQLITE_INTERNAL: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTFOUND: DAMAGED,
    sqlite3.SQLITE_SCHEMA: DAMAGED,
    sqlite3.SQLITE_CONSTRAINT: DAMAGED,
    sqlite3.SQLITE_MISMATCH: DAMAGED,
    sqlite3.SQLITE_FORMAT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_EMPTY: DAMAGED,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_PROTOCOL: BUSY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: FAILING,
    sqlite3.SQLITE_NOLFS: FAILING,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_AUTH: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: UNOPENABLE,
    sqlite3.SQLITE_TOOBIG: TOO_BIG,
    # None: a mistake in this program, which must surface as it is.
    sqlite3.SQLITE_ABORT: None,
    sqlite3.SQLITE_INTERRUPT: None,
    sqlite3.SQLITE_NOMEM: None,
    sqlite3.SQLITE_MISUSE: None,
    sqlite3.SQLITE_RANGE: None,
    sqlite3.SQLITE_NOTICE: None,
    sqlite3.SQLITE_WARNING: None,
}
"""What each primary result code means to the user."""


def translate(error: sqlite3.Error, path: Path) -> FieldmateError | None:
    """What `error` on the database at `path` means to the user; None when it is a mistake in this program."""
    if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.NotSupportedError):
        return None
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # Raised by Python itself: a value that is not the text it should be, or one that is too large to
        # bind.
        kind: _Kind | None = TOO_BIG if isinstance(error, sqlite3.DataError) else DAMAGED
    else:
        kind = KINDS.get(code & 0xFF, DAMAGED)
    return None if kind is None else made(kind, path, str(error))


def made(kind: _Kind, path: Path, detail: str = "") -> FieldmateError:
    """The error of this kind, its sentence filled in."""
    error_type, sentence = kind
    return error_type(sentence.format(path=path, detail=" ".join(detail.split())))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise inside into `FieldmateError`s about the database at `path`."""
    try:
        yield
    except sqlite3.Error as error:
        meaning = translate(error, path)
        if meaning is None:
            raise
        raise meaning from error
    except RowDamaged as error:
        raise made(DAMAGED, path, str(error)) from error
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema, and Python cannot read the quotation.
        raise made(DAMAGED, path, "text that is not Unicode") from error
    except OSError as error:
        raise made(FAILING, path, error.strerror or str(error)) from error


def guarded(
    method: Callable[Concatenate[_Self, _Params], _Result],
) -> Callable[Concatenate[_Self, _Params], _Result]:
    """A method of something with a `path` whose database errors are translated."""

    @wraps(method)
    def wrapper(self: _Self, /, *args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        with translated(self.path):
            return method(self, *args, **kwargs)

    return wrapper
