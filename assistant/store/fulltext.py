"""Searches the full-text rows: BM25 over tokens that the caller has made.

It knows FTS5. It does not know how text becomes tokens: documents and questions must go through the same
function, which lives elsewhere.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from assistant.store.records import RowDamaged

if TYPE_CHECKING:
    from sqlite_utils import Database

    from assistant.store.vectors import Ids

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


def vocabulary(db: Database) -> list[str]:
    """Every token that stands in a passage, in order of bytes; of 100,000 passages it takes half a second."""
    return [str(row[0]) for row in db.execute("SELECT term FROM passages_terms")]


def tokens(db: Database, first: int, last: int) -> list[tuple[int, list[str], list[str]]]:
    """The rows `first` to `last`, by id, cut into tokens as the full-text index has them.

    Raises:
        RowDamaged: a row holds no text any more.
    """
    rows = db.execute(
        "SELECT rowid, heading, body FROM passages_fts WHERE rowid BETWEEN ? AND ? ORDER BY rowid", (first, last)
    )
    return [(int(id_), _split(heading), _split(body)) for id_, heading, body in rows]


def tokens_of(db: Database, ids: Iterable[int]) -> dict[int, tuple[list[str], list[str]]]:
    """Tokens of heading and body of these rows; an id that has none is left out.

    Raises:
        RowDamaged: a row holds no text any more.
    """
    found = {}
    for id_ in ids:
        row = db.execute("SELECT heading, body FROM passages_fts WHERE rowid = ?", (id_,)).fetchone()
        if row is not None:
            found[id_] = (_split(row[0]), _split(row[1]))
    return found


def _split(text: object) -> list[str]:
    """The tokens of a stored text, folded: only spaces separate, since control characters have been replaced."""
    if not isinstance(text, str):
        raise RowDamaged("the full text of a passage is gone")
    return [token for token in text.translate(_FOLDED).split(" ") if token]


def search(
    db: Database, tokens: Iterable[str], limit: int, weights: tuple[float, float], allowed: Ids | None = None
) -> list[tuple[int, float]]:
    """Passages that hold any of the tokens, best first: (id, BM25 score above 0). Ties go by id.

    With `allowed`, only passages with one of these ids are found.
    """
    expression = _expression(db, tokens)
    if not expression or limit < 1:
        return []
    # The plus keeps SQLite from asking FTS5 for one id after the other.
    within = "" if allowed is None else "AND +rowid IN (SELECT value FROM json_each(?)) "
    rows = db.execute(
        "SELECT rowid, bm25(passages_fts, ?, ?) AS score FROM passages_fts WHERE passages_fts MATCH ? "
        f"{within}ORDER BY score, rowid LIMIT ?",
        (*weights, expression, *([] if allowed is None else [json.dumps(allowed.tolist())]), limit),
    )
    return [(int(id_), -float(score)) for id_, score in rows]


def phrases(tokens: Iterable[str]) -> list[str]:
    """What is searched for: each token once, as it can be stored; one with a space inside is a phrase."""
    return [text for text in dict.fromkeys(storable(token).strip() for token in tokens) if text]


def _expression(db: Database, tokens: Iterable[str]) -> str:
    """The tokens as an FTS5 query: each a quoted string, so that nothing in it is an operator."""
    wanted = phrases(tokens)
    if len(wanted) > MAX_TOKENS:
        wanted = rarest({token: count for token, count in document_frequency(db, wanted).items() if count})
    return " OR ".join('"' + token.replace('"', '""') + '"' for token in wanted)


def rarest(frequency: Mapping[str, int]) -> list[str]:
    """The `MAX_TOKENS` tokens that stand in the fewest passages."""
    return sorted(frequency, key=frequency.__getitem__)[:MAX_TOKENS]


def folded(text: str) -> str:
    """As FTS5's `ascii` tokenizer folds."""
    return text.translate(_FOLDED)
