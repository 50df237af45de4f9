"""What is known of states beside their bytes: sizes, how often each was asked for, and which one goes first.

It knows SQLite and the policy; no file but its own. A state that was asked for and is not kept has a row, too (a
ghost), so that it gets in once it has been asked for often enough.

All of this can be lost and made again from the states' files, but for the counts.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant.states import policy
from assistant.states.counts import Counts, Found, Name
from assistant.states.policy import Candidate

GHOSTS = 16_384
"""States remembered although they are not kept: the passages of a large collection of manuals, in about 2 MB."""
_SLACK = 1_024  # More ghosts than that, before the least popular go.
_BUSY_S = 0.5
"""Waiting for other processes: less than computing a state takes."""
_APPLICATION_ID = 0x464D7374  # "FMst"
_VERSION = 1
_SCHEMA = """
CREATE TABLE states (
    space TEXT NOT NULL,
    key TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    asked INTEGER NOT NULL,
    popularity REAL NOT NULL,
    value REAL NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept ON states (value, used, bytes) WHERE bytes > 0;
CREATE INDEX ghosts ON states (popularity) WHERE bytes = 0;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the index."""

    count: int
    bytes: int
    tokens: int
    hits: int
    misses: int
    damaged: int


class Index:
    """One database, or one in memory.

    Every method may raise `sqlite3.Error`, and `TypeError`, `ValueError` or `OverflowError` where a damaged file holds
    something else than was written.
    """

    def __init__(self, path: Path | None, files: Callable[[], Iterable[Found]], *, read_only: bool = False) -> None:
        """`files` lists what lies in the folder; it is asked where the database is new."""
        self._db = _connect(path, read_only=read_only and path is not None)
        try:
            if not read_only or path is None:
                self._prepare(files)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, files: Callable[[], Iterable[Found]]) -> None:
        self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        self._db.execute("PRAGMA synchronous = NORMAL")  # A power cut may take the last counts; nothing is waited for.
        with self._transaction():
            if self._pragma("user_version") == _VERSION and self._pragma("application_id") == _APPLICATION_ID:
                return
            if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise sqlite3.DatabaseError("written by another version")
            for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
                self._db.execute(statement)
            for used, found in enumerate(files()):
                self._put(found, policy.first_seen(0), 0, used)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    # Counting

    def asked(self, name: Name) -> int:
        """How often `name` was asked for."""
        row = self._row(name)
        return row[2] if row else 0

    def write(self, counts: Counts) -> bool:
        """Add what was counted; True, for it is written then."""
        with self._transaction():
            self._write(counts)
            self._bound_ghosts()
        return True

    def _write(self, counts: Counts) -> None:
        clock = self._clock()
        for name, asks in counts.states.items():
            tokens, size, before, popularity = self._row(name) or (0, 0, 0, policy.first_seen(clock))
            if asks.found:  # The file knows better than a row that was lost or damaged.
                tokens, size = asks.found.tokens, asks.found.bytes
            popularity = policy.together(popularity, asks.popularity + clock / policy.HALF_LIFE)
            self._put(Found(name, tokens, size), popularity, before + asks.count, clock + asks.last)
        counted = {"asks": counts.asks, "hits": counts.hits, "misses": counts.misses, "damaged": counts.damaged}
        self._db.executemany(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            list(counted.items()),
        )

    def _clock(self) -> int:
        """Asks written so far."""
        return self._counter("asks")

    def _counter(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def _row(self, name: Name) -> tuple[int, int, int, float] | None:
        columns = "SELECT tokens, bytes, asked, popularity FROM states WHERE space = ? AND key = ?"
        row: tuple[int, int, int, float] | None = self._db.execute(columns, name).fetchone()
        return row

    def _put(self, found: Found, popularity: float, asked: int, used: int) -> None:
        size = found.bytes
        worth = policy.value(Candidate(popularity, found.tokens, size)) if size else 0.0
        self._db.execute(
            "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*found.name, found.tokens, size, asked, popularity, worth, used),
        )

    def _bound_ghosts(self) -> None:
        count = self._db.execute("SELECT count(*) FROM states WHERE bytes = 0").fetchone()[0]
        if count > GHOSTS + _SLACK:
            self._db.execute(
                "DELETE FROM states WHERE (space, key) IN "
                "(SELECT space, key FROM states WHERE bytes = 0 ORDER BY popularity LIMIT ?)",
                (count - GHOSTS,),
            )

    # What is kept

    def admit(
        self, found: Found, budget: int, counts: Counts, idle: Sequence[str], remove: Callable[[Name], None]
    ) -> bool:
        """Add what was counted, make room for a state and write it down; False where it is not worth that.

        `idle` are spaces that nobody uses: theirs go first. `remove` deletes a file: before the row says so, so that a
        process that dies in between leaves no file that nobody counts.
        """
        with self._transaction():
            self._write(counts)
            clock = self._clock()
            gone, popularity, asked = self._displaced(found, budget, idle, clock)
            for name in gone or ():
                remove(name)
                self._lost(name)
            if gone is not None:
                self._put(found, popularity, asked, clock)
        return gone is not None

    def admits(self, found: Found, budget: int, idle: Sequence[str]) -> bool:
        """Whether `admit` would let it in, as far as is written down."""
        return self._displaced(found, budget, idle, self._clock())[0] is not None

    def _displaced(
        self, found: Found, budget: int, idle: Sequence[str], clock: int
    ) -> tuple[list[Name] | None, float, int]:
        """What goes for it, and what it has been until now: popularity and asks."""
        _, size, asked, popularity = self._row(found.name) or (0, 0, 0, policy.first_seen(clock))
        newcomer = Candidate(popularity, found.tokens, found.bytes)
        room = budget - self._bytes() + size
        gone = policy.displaced(newcomer, room, self._in_order(idle, found.name)) if found.bytes <= budget else None
        return gone, popularity, asked

    def trim(self, budget: int, idle: Callable[[], Sequence[str]], remove: Callable[[Name], None]) -> None:
        """Let go of what is beyond the budget, which may be smaller than it was."""
        if self._bytes() <= budget:
            return
        with self._transaction():
            over = self._bytes() - budget
            for name, candidate in list(self._in_order(idle(), None)):
                if over <= 0:
                    break
                remove(name)
                self._lost(name)
                over -= candidate.bytes

    def _bytes(self) -> int:
        return int(self._db.execute("SELECT coalesce(sum(bytes), 0) FROM states WHERE bytes > 0").fetchone()[0])

    def _in_order(self, idle: Sequence[str], but: Name | None) -> Iterator[tuple[Name, Candidate]]:
        """What is kept, in the order in which it goes."""
        columns = "SELECT space, key, popularity, tokens, bytes FROM states WHERE bytes > 0"
        marks = ", ".join("?" * len(idle))
        if idle:
            first = self._db.execute(f"{columns} AND space IN ({marks}) ORDER BY value, used", idle)
            for space, key, _, tokens, size in first:
                yield Name(space, key), Candidate(policy.NEVER, tokens, size)
        then = self._db.execute(f"{columns} AND space NOT IN ({marks}) ORDER BY value, used", idle)
        for space, key, popularity, tokens, size in then:
            if (space, key) != but:
                yield Name(space, key), Candidate(popularity, tokens, size)

    def has(self, name: Name) -> bool:
        """Whether it is written down as kept."""
        row = self._row(name)
        return row is not None and row[1] > 0

    def lose(self, name: Name) -> None:
        """The file is gone: its row becomes a ghost's."""
        with self._transaction():
            self._lost(name)

    def _lost(self, name: Name) -> None:
        self._db.execute("UPDATE states SET bytes = 0 WHERE space = ? AND key = ?", name)

    def clear(self, remove: Callable[[], None]) -> None:
        """Forget all that is kept and counted."""
        with self._transaction():
            remove()
            self._db.execute("DELETE FROM states")
            self._db.execute("DELETE FROM counters")

    def spaces(self) -> list[str]:
        """Those with states that are kept."""
        return [str(row[0]) for row in self._db.execute("SELECT DISTINCT space FROM states WHERE bytes > 0")]

    def totals(self) -> Totals:
        """Sums over all spaces."""
        sums = "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(tokens), 0) FROM states WHERE bytes > 0"
        count, size, tokens = self._db.execute(sums).fetchone()
        hits, misses, damaged = map(self._counter, ("hits", "misses", "damaged"))
        return Totals(int(count), int(size), int(tokens), hits, misses, damaged)

    def close(self) -> None:
        """Close the database."""
        self._db.close()


def _connect(path: Path | None, *, read_only: bool) -> sqlite3.Connection:
    if path is None:
        address = "file::memory:"
    elif read_only:
        # Reading a database in WAL mode needs a file beside it. Where the folder takes none, the database is taken as
        # unchanging: only the counts that still lie in the log are not seen then.
        mode = "mode=ro" if os.access(path.parent, os.W_OK) else "mode=ro&immutable=1"
        address = f"{path.resolve().as_uri()}?{mode}"
    else:
        address = f"{path.resolve().as_uri()}?mode=rwc"
    # One thread at a time, but not always the one that opened it.
    return sqlite3.connect(address, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
