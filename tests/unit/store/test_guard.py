from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from assistant.errors import KnowledgeBaseBusy, KnowledgeBaseDamaged, StorageError, UnreadableDocument
from assistant.store.guard import KINDS, translate, translated

PATH = Path("knowledge {0}.db")
# Result codes are below 256 and named SQLITE_X; the other numbers of that form are actions for an authorizer.
RESULTS = [
    "ERROR", "INTERNAL", "PERM", "ABORT", "BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "CORRUPT",
    "NOTFOUND", "FULL", "CANTOPEN", "PROTOCOL", "EMPTY", "SCHEMA", "TOOBIG", "CONSTRAINT", "MISMATCH", "MISUSE",
    "NOLFS", "AUTH", "FORMAT", "RANGE", "NOTADB", "NOTICE", "WARNING",
]  # fmt: skip


def error(code: int, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    made = kind("what happened")
    made.sqlite_errorcode = code
    return made


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_code_of_sqlite_has_a_meaning(name: str) -> None:
    code = getattr(sqlite3, f"SQLITE_{name}")
    assert code in KINDS
    meaning = translate(error(code), PATH)
    if meaning is not None:
        assert str(PATH) in str(meaning)
        assert str(meaning).endswith(".")
        assert "; " in str(meaning), "the sentence ends with the next step"


def test_the_map_holds_every_primary_code_that_this_python_knows() -> None:
    extended = [
        value & 0xFF
        for name in dir(sqlite3)
        if name.startswith("SQLITE_") and isinstance(value := getattr(sqlite3, name), int) and value > 255
    ]
    assert {code for code in extended if code} <= set(KINDS)
    assert set(KINDS) == {getattr(sqlite3, f"SQLITE_{name}") for name in RESULTS}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, KnowledgeBaseBusy),
        (sqlite3.SQLITE_CORRUPT_VTAB, KnowledgeBaseDamaged),
        (sqlite3.SQLITE_IOERR_WRITE, StorageError),
        (sqlite3.SQLITE_READONLY_DBMOVED, StorageError),
        (sqlite3.SQLITE_FULL, StorageError),
    ],
)
def test_extended_codes_mean_what_their_primary_code_means(code: int, expected: type[Exception]) -> None:
    assert type(translate(error(code), PATH)) is expected


def test_mistakes_of_the_program_are_not_translated() -> None:
    for kind in (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.NotSupportedError):
        assert translate(error(sqlite3.SQLITE_ERROR, kind), PATH) is None
    with pytest.raises(sqlite3.OperationalError), translated(PATH):
        raise error(sqlite3.SQLITE_MISUSE)


def test_errors_that_python_itself_raises_have_no_code_and_still_a_meaning() -> None:
    assert isinstance(translate(sqlite3.OperationalError("Could not decode to UTF-8"), PATH), KnowledgeBaseDamaged)
    assert isinstance(translate(sqlite3.DataError("string or blob too big"), PATH), UnreadableDocument)


def test_the_cause_stays_attached() -> None:
    with pytest.raises(StorageError, match="free some space and run the same command again") as caught:
        with translated(PATH):
            raise error(sqlite3.SQLITE_FULL)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    with pytest.raises(StorageError, match="Input/output error"), translated(PATH):
        raise OSError(5, "Input/output error")


def test_a_damaged_schema_that_python_cannot_even_quote_is_damage() -> None:
    # Seen with one flipped bit: the message of SQLite's error holds the flipped byte, and sqlite3 fails to decode it.
    with pytest.raises(KnowledgeBaseDamaged, match="not Unicode"), translated(PATH):
        b"near REFER\xc5NCES".decode()
