"""Reads and writes the vectors: float32, little endian, one row a passage and embedder.

It knows SQL and numpy. It does not know how vectors are searched.

A vector is never changed in place: a passage that changes is removed and comes back under a new id. Its
checksum is in an index of its own, so that who holds vectors in memory can find out in milliseconds which of
them still hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from assistant.store.records import RowDamaged, checksum

if TYPE_CHECKING:
    from sqlite_utils import Database

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

_SPARSE = 4  # Of so many ids one is wanted: from here on looking each up is faster than reading all.
_BATCH = 2048  # Rows in memory at a time beside the result: 3 MB at 384 dimensions.


def require_vectors(vectors: Vectors, count: int) -> Vectors:
    """The vectors as they are stored.

    Raises:
        ValueError: not `count` rows of finite numbers with length 1.
    """
    if vectors.ndim != 2 or len(vectors) != count:
        raise ValueError(f"expected {count} vectors, got an array of shape {vectors.shape}")
    if count and not np.all(np.abs(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)) - 1.0) < 1e-2):
        raise ValueError("a vector does not have length 1")
    return np.ascontiguousarray(vectors, dtype="<f4")


def embedder_id(db: Database, fingerprint: str) -> int | None:
    """The row of this embedder, if it has one."""
    row = db.execute("SELECT id FROM embedders WHERE fingerprint = ?", (fingerprint,)).fetchone()
    return None if row is None else int(row[0])


def insert(db: Database, passage_ids: Sequence[int], vectors: Vectors, fingerprint: str) -> None:
    """Store one vector for each passage.

    Raises:
        ValueError: this embedder's vectors have another length so far.
    """
    if not len(vectors):
        return
    dimensions = vectors.shape[1]
    db.execute(
        "INSERT INTO embedders (fingerprint, dimensions) VALUES (?, ?) ON CONFLICT (fingerprint) DO NOTHING",
        (fingerprint, dimensions),
    )
    row = db.execute("SELECT id, dimensions FROM embedders WHERE fingerprint = ?", (fingerprint,)).fetchone()
    if row[1] != dimensions:
        raise ValueError(f"the vectors of {fingerprint!r} have {row[1]} dimensions, not {dimensions}")
    db.execute("INSERT OR IGNORE INTO meta VALUES ('embedder', ?)", (row[0],))
    blobs = (vector.tobytes() for vector in vectors)
    db.conn.executemany(
        "INSERT INTO vectors (passage_id, embedder_id, checksum, vector) VALUES (?, ?, ?, ?)",
        ((passage_id, row[0], checksum(blob), blob) for passage_id, blob in zip(passage_ids, blobs, strict=True)),
    )


def forget_unused_embedders(db: Database) -> None:
    """Drop the embedders that no vector refers to any more."""
    db.execute(
        "DELETE FROM embedders WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.embedder_id = embedders.id)"
    )
    db.execute("DELETE FROM meta WHERE key = 'embedder' AND value NOT IN (SELECT id FROM embedders)")


def live(db: Database) -> str | None:
    """Fingerprint of the embedder whose vectors answers come from; None while there are none."""
    row = db.execute(
        "SELECT fingerprint FROM embedders WHERE id = (SELECT value FROM meta WHERE key = 'embedder')"
    ).fetchone()
    return None if row is None else str(row[0])


def missing(db: Database, fingerprint: str, limit: int) -> list[int]:
    """Ids of the first passages without a vector of this embedder, ascending."""
    rows = db.execute(
        "SELECT id FROM passages WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE passage_id = passages.id "
        "AND embedder_id = ?) ORDER BY id LIMIT ?",
        (embedder_id(db, fingerprint), limit),
    )
    return [int(row[0]) for row in rows]


def lacking(db: Database, ids: Sequence[int], fingerprint: str) -> list[int]:
    """Which of these passages are there and have no vector of this embedder."""
    embedder = embedder_id(db, fingerprint)
    statement = (
        "SELECT 1 FROM passages WHERE id = ? AND NOT EXISTS (SELECT 1 FROM vectors WHERE passage_id = passages.id "
        "AND embedder_id = ?)"
    )
    return [id_ for id_ in ids if db.execute(statement, (id_, embedder)).fetchone()]


def make_live(db: Database, fingerprint: str) -> bool:
    """Let answers come from this embedder's vectors; False, and nothing done, while a passage has none."""
    if missing(db, fingerprint, 1):
        return False
    if (embedder := embedder_id(db, fingerprint)) is not None:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('embedder', ?)", (embedder,))
    return True


def drop_others(db: Database, limit: int) -> int:
    """Remove up to `limit` vectors of embedders that are not live; how many there were."""
    removed = db.execute(
        "DELETE FROM vectors WHERE id IN (SELECT id FROM vectors WHERE embedder_id IN (SELECT id FROM embedders "
        "WHERE id <> (SELECT value FROM meta WHERE key = 'embedder')) LIMIT ?)",
        (limit,),
    ).rowcount
    forget_unused_embedders(db)
    return int(removed)


def keys(db: Database, fingerprint: str, first: int = 0, last: int = 2**63 - 1) -> Ids:
    """Passage ids and checksums of this embedder's vectors, int64 (n, 2), by id; of the passages `first` to `last`.

    Raises:
        RowDamaged: the index does not hold numbers any more.
    """
    rows = db.execute(
        "SELECT passage_id, checksum FROM vectors INDEXED BY vectors_keys "
        "WHERE embedder_id = ? AND passage_id BETWEEN ? AND ? ORDER BY passage_id",
        (embedder_id(db, fingerprint), first, last),
    ).fetchall()
    if not all(isinstance(value, int) for row in rows for value in row):
        raise RowDamaged("the list of vectors has changed by itself")
    return np.array(rows, dtype=np.int64).reshape(len(rows), 2)


def digests(db: Database, fingerprint: str, block: int) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Blocks of `block` passage ids that hold any, by number, each with sums over its keys: see `digest`.

    SQLite adds up a million keys in a tenth of the time that it takes to hand them over.
    """
    embedder, number = embedder_id(db, fingerprint), 0
    least = "SELECT min(passage_id) FROM vectors WHERE embedder_id = ? AND passage_id >= ?"
    while (first := db.execute(least, (embedder, number * block)).fetchone()[0]) is not None:
        number = first // block
        sums = db.execute(
            "SELECT count(*), sum(passage_id), sum((passage_id % ? + 1) * (checksum & 4294967295)), sum(checksum >> 32)"
            " FROM vectors INDEXED BY vectors_keys WHERE embedder_id = ? AND passage_id BETWEEN ? AND ?",
            (block, embedder, number * block, number * block + block - 1),
        ).fetchone()
        yield number, sums
        number += 1


def digest(some: Ids, block: int) -> tuple[int, int, int, int]:
    """What `digests` gives for the keys `some`, all of one block."""
    ids, checksums = some[:, 0], some[:, 1]
    mixed = (ids % block + 1) * (checksums & 0xFFFFFFFF)
    return len(some), int(ids.sum()), int(mixed.sum()), int((checksums >> 32).sum())


def dimensions_of(db: Database, fingerprint: str) -> int:
    """Length of this embedder's vectors; 0 while there are none.

    Raises:
        RowDamaged: it is no length at all.
    """
    row = db.execute("SELECT dimensions FROM embedders WHERE fingerprint = ?", (fingerprint,)).fetchone()
    if row is None:
        return 0
    if not isinstance(row[0], int) or not 0 < row[0] <= 2**16:
        raise RowDamaged("the record of an embedder has changed by itself")
    return row[0]


def batches(db: Database, fingerprint: str, after: int = 0) -> Iterator[tuple[Ids, Vectors]]:
    """The embedder's vectors of the passages behind id `after`, by id, a few thousand at a time.

    Raises:
        RowDamaged: a vector was changed behind our back.
    """
    dimensions = dimensions_of(db, fingerprint)
    cursor = db.execute(
        "SELECT passage_id, checksum, vector FROM vectors WHERE embedder_id = ? AND passage_id > ? ORDER BY passage_id",
        (embedder_id(db, fingerprint), after),
    )
    while rows := cursor.fetchmany(_BATCH):
        yield np.array([row[0] for row in rows], dtype=np.int64), _decoded(rows, dimensions)


def _decoded(rows: Sequence[tuple[int, int, bytes]], dimensions: int) -> Vectors:
    for _, expected, blob in rows:
        if not isinstance(blob, bytes) or len(blob) != 4 * dimensions or checksum(blob) != expected:
            raise RowDamaged("a vector has changed by itself")
    joined = np.frombuffer(b"".join(row[2] for row in rows), dtype="<f4")
    return joined.reshape(len(rows), dimensions).astype(np.float32, copy=False)


def load(db: Database, fingerprint: str) -> tuple[Ids, Vectors]:
    """All of this embedder's vectors: ids int64 (n,) ascending, and float32 (n, d), d being 0 while there are
    none.

    The array is filled in place: no second copy is held.

    Raises:
        RowDamaged: a vector was changed behind our back.
    """
    wanted = keys(db, fingerprint)[:, 0]
    return wanted, select(db, fingerprint, wanted)


def select(db: Database, fingerprint: str, wanted: Ids) -> Vectors:
    """The vectors of the passages `wanted`, ascending ids: float32 (len(wanted), d).

    Raises:
        RowDamaged: one of them is missing or was changed behind our back.
    """
    matrix = np.empty((len(wanted), dimensions_of(db, fingerprint)), dtype=np.float32)
    filled = 0
    if len(wanted) and _SPARSE * len(wanted) < wanted[-1] - wanted[0]:
        found = _looked_up(db, fingerprint, wanted)
    else:
        found = batches(db, fingerprint, after=int(wanted[0]) - 1) if len(wanted) else iter(())
    for ids, batch in found:
        rows = np.isin(ids, wanted, assume_unique=True)
        part = batch[rows]
        if not np.array_equal(ids[rows], wanted[filled : filled + len(part)]):
            raise RowDamaged("a vector does not belong where it is listed")
        matrix[filled : filled + len(part)] = part
        filled += len(part)
        if filled == len(wanted):
            return matrix
    if filled != len(wanted):
        raise RowDamaged("a vector is missing")
    return matrix


def _looked_up(db: Database, fingerprint: str, wanted: Ids) -> Iterator[tuple[Ids, Vectors]]:
    """The same as `batches`, of these passages, one by one."""
    dimensions, embedder = dimensions_of(db, fingerprint), embedder_id(db, fingerprint)
    for start in range(0, len(wanted), _BATCH):
        rows = db.execute(
            # Crosswise: SQLite would otherwise read all vectors and look for each among the wanted ones.
            "SELECT passage_id, checksum, vector FROM json_each(?) CROSS JOIN vectors ON passage_id = value AND "
            "embedder_id = ? ORDER BY passage_id",
            (json.dumps(wanted[start : start + _BATCH].tolist()), embedder),
        ).fetchall()
        yield np.array([row[0] for row in rows], dtype=np.int64), _decoded(rows, dimensions)


def of_source(db: Database, fingerprint: str, source: str) -> tuple[Ids, Vectors]:
    """The vectors of one source's passages of this embedder: ids int64 (n,), which ascend, and float32 (n, d).

    Raises:
        RowDamaged: a vector was changed behind our back.
    """
    rows = db.execute(
        "SELECT passage_id, vectors.checksum, vector FROM documents JOIN passages ON document_id = documents.id "
        "JOIN vectors ON passage_id = passages.id AND embedder_id = ? WHERE source = ? ORDER BY passage_id",
        (embedder_id(db, fingerprint), source),
    ).fetchall()
    return np.array([row[0] for row in rows], dtype=np.int64), _decoded(rows, dimensions_of(db, fingerprint))
