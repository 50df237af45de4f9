from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import KnowledgeBaseDamaged
from assistant.store import Store
from tests.unit.store.samples import FINGERPRINT, filled


@pytest.mark.parametrize("first", [0, 60, *(pytest.param(n, marks=pytest.mark.engine) for n in range(120, 1020, 60))])
def test_damaged_files_never_crash_and_never_give_what_nobody_wrote(
    tmp_path: Path, run: Callable[..., str], first: int
) -> None:
    *wrong, counts = run("mutate_database", tmp_path / "knowledge.db", first, first + 60).splitlines()
    assert wrong == []
    outcomes = json.loads(counts)
    assert outcomes["right"] + outcomes["detected"] == 60
    assert outcomes["detected"] > 10


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE passages SET text = 'M4: 12 Nm'", lambda store: store.passage([1])),
        ("UPDATE passages SET page = 7", lambda store: store.passage([1])),
        ("UPDATE passages SET heading_path = x'ff'", lambda store: store.passage([1])),
        ("UPDATE documents SET title = 'Another device'", lambda store: store.passage([1])),
        ("UPDATE documents SET revised = NULL", lambda store: store.documents()),
        ("UPDATE documents SET text = replace(text, '0', '8')", lambda store: store.document("manual-0.md")),
        ("UPDATE vectors SET vector = zeroblob(64)", lambda store: store.load_vectors(FINGERPRINT)),
        ("UPDATE vectors SET vector = 'text'", lambda store: store.load_vectors(FINGERPRINT)),
        ("UPDATE embedders SET dimensions = 'many'", lambda store: store.load_vectors(FINGERPRINT)),
        ("DELETE FROM documents", lambda store: store.passage([1])),
        ("DELETE FROM meta", lambda store: store.generation),
        ("DROP TABLE passages_fts", lambda store: store.lexical(["passage"], 5)),
    ],
)
def test_rows_that_changed_by_themselves_are_an_error_when_read_and_found_by_check(
    path: Path, statement: str, read: Callable[[Store], object]
) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with Store.open(path, create=False) as store:
        with pytest.raises(KnowledgeBaseDamaged, match=r"is damaged \(.*\); run `fieldmate verify --repair`, .*\.$"):
            read(store)
        assert statement == "DELETE FROM meta" or store.check() != []


@pytest.mark.parametrize(
    ("statement", "part", "quick"),
    [
        ("DELETE FROM passages_fts WHERE rowid = 3", "full text", True),
        ("INSERT INTO passages_fts (rowid, heading, body) VALUES (99, 'a', 'b')", "full text", True),
        ("UPDATE passages_fts_content SET c1 = 'other words' WHERE id = 2", "full text", False),
        ("DELETE FROM vectors WHERE passage_id = 2", "vectors", True),
        ("DELETE FROM vectors; DELETE FROM embedders", "vectors", True),
        ("INSERT INTO vectors (passage_id, embedder_id, checksum, vector) VALUES (99, 1, 0, '')", "file", True),
        ("UPDATE passages SET ordinal = 9 WHERE id = 2", "file", False),
    ],
)
def test_check_names_the_part_that_is_wrong(path: Path, statement: str, part: str, quick: bool) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    connection.executescript(statement)
    connection.close()
    with Store.open(path, create=False) as store:
        for problems in [store.check(), *([store.check(quick=True)] if quick else [])]:
            assert part in [problem.part for problem in problems]
            assert all(problem.message.endswith(".") for problem in problems)
    with Store.open(path, create=False, read_only=True) as store:
        assert not quick or store.check(quick=True)


def test_a_check_changes_nothing(path: Path) -> None:
    filled(path)
    with Store.open(path, create=False) as store:
        generation = store.generation
        assert store.check() == store.check(quick=True) == []
        assert store.generation == generation
