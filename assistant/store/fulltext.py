"""Searches the full-text rows: BM25 over tokens that the caller has made.

It knows FTS5. It does not know how text becomes tokens: documents and questions must go through the same
function, which lives elsewhere.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

MAX_TOKENS = 256
"""Different tokens in one search; of more, the rarest are taken."""

_FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # As FTS5's `ascii` tokenizer folds.
_SEPARATORS = dict.fromkeys([*range(0x20), 0x7F], " ")


def insert(db: Database, passage_ids: Sequence[int], tokens: Sequence[tuple[str, str]]) -> None:
    """Store the heading and body tokens of each passage."""
    db.conn.executemany(
        "INSERT INTO passages_fts (rowid, heading, body) VALUES (?, ?, ?)",
        ((id_, *pair) for id_, pair in zip(passage_ids, tokens, strict=True)),
    )


def storable(text: str) -> str:
    """Tokens as FTS5 can take them: control characters (NUL ends its strings) separate, stray surrogates go."""
    return text.translate(_SEPARATORS).encode(errors="ignore").decode()


def document_frequency(db: Database, tokens: Iterable[str]) -> dict[str, int]:
    """In how many passages each token occurs; 0 for one that is not a single token."""
    counts: dict[str, int] = {}
    for token in tokens:
        term = storable(token).translate(_FOLDED)
        row = db.execute("SELECT doc FROM passages_terms WHERE term = ?", (term,)).fetchone()
        counts[token] = 0 if row is None else int(row[0])
    return counts


def search(db: Database, tokens: Iterable[str], limit: int, weights: tuple[float, float]) -> list[tuple[int, float]]:
    """Passages that hold any of the tokens, best first: (id, BM25 score above 0). Ties go by id."""
    expression = _expression(db, tokens)
    if not expression or limit < 1:
        return []
    rows = db.execute(
        "SELECT rowid, bm25(passages_fts, ?, ?) AS score FROM passages_fts WHERE passages_fts MATCH ? "
        "ORDER BY score, rowid LIMIT ?",
        (*weights, expression, limit),
    )
    return [(int(id_), -float(score)) for id_, score in rows]


def _expression(db: Database, tokens: Iterable[str]) -> str:
    """The tokens as an FTS5 query: each a quoted string, so that nothing in it is an operator."""
    wanted = [text for text in dict.fromkeys(storable(token).strip() for token in tokens) if text]
    if len(wanted) > MAX_TOKENS:
        counts = {token: count for token, count in document_frequency(db, wanted).items() if count}
        wanted = sorted(counts, key=counts.__getitem__)[:MAX_TOKENS]
    return " OR ".join('"' + token.replace('"', '""') + '"' for token in wanted)
