from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.errors import InputError
from assistant.store import NameTaken, Store
from tests.unit.store.samples import FINGERPRINT, parts


def test_a_changed_document_replaces_the_old_one_with_all_its_rows(store: Store) -> None:
    assert store.put(*parts("a.md", 5, seed=111)) == "added"
    old = store.passage_ids()
    assert store.put(*parts("a.md", 2, seed=2)) == "replaced"
    new = store.passage_ids()
    assert len(new) == 2
    assert min(new) > max(old), "the id of a removed passage must never mean another one"
    assert store.passage(old) == {}
    assert store.lexical(["111"], 10) == []
    assert store.check() == []
    assert [record.passages for record in store.documents()] == [2]


def test_ids_are_not_given_again_after_everything_was_removed_and_the_file_reopened(path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.put(*parts("a.md", 3))
        last = max(store.passage_ids())
        assert store.remove("a.md") == 3
        assert store.statistics().embedders == ()
    with Store.open(path, create=False) as store:
        store.put(*parts("a.md", 3))
        assert min(store.passage_ids()) > last


def test_another_embedder_makes_a_document_out_of_date(store: Store) -> None:
    document, *_ = sample = parts("a.md")
    store.put(*sample)
    assert store.is_current(document.source, document.content_hash, FINGERPRINT)
    assert not store.is_current(document.source, document.content_hash, "other")
    assert not store.is_current(document.source, "sha256:other", FINGERPRINT)
    assert not store.is_current("/elsewhere", document.content_hash, FINGERPRINT)
    assert store.put(*parts("a.md", fingerprint="other")) == "replaced"
    assert [embedder.fingerprint for embedder in store.statistics().embedders] == ["other"]


def test_a_document_without_passages_is_current_for_every_embedder(store: Store) -> None:
    document, *_ = sample = parts("empty.md", 0)
    assert store.put(*sample) == "added"
    assert store.is_current(document.source, document.content_hash, "any")
    assert store.check() == []


def test_a_name_that_another_source_has_is_refused_and_changes_nothing(store: Store) -> None:
    store.put(*parts("a.md"))
    document, passages, *rest = parts("b.md")
    taken = type(document)("/other/a.md", "a.md", *[getattr(document, slot) for slot in document.__slots__[2:]])
    renamed = [
        type(one)("a.md", *[getattr(one, slot) for slot in one.__slots__[1:]])
        for one in passages
    ]  # fmt: skip
    generation = store.generation
    with pytest.raises(NameTaken, match=r"/manuals/a\.md.*called a\.md already; .*again\.$"):
        store.put(taken, renamed, *rest)
    assert store.generation == generation
    assert [record.source for record in store.documents()] == ["/manuals/a.md"]


def test_generation_counts_the_writes_that_changed_something(store: Store) -> None:
    assert store.generation == 0
    store.put(*parts("a.md"))
    store.put(*parts("a.md"))
    assert store.generation == 1
    with pytest.raises(InputError, match=r"no document called nothing\.md; .*\.$"):
        store.remove("nothing.md")
    store.remove("a.md")
    assert store.generation == 2
    assert store.changed_since(1)
    assert not store.changed_since(2)


def test_documents_are_found_by_name_source_or_the_end_of_a_path(store: Store) -> None:
    for name in ("pump/manual.md", "kiosk/manual.md", "kiosk/my-manual.md", "100%_done.md"):
        store.put(*parts(name))

    def names(pattern: str) -> list[str]:
        return [record.name for record in store.find_documents(pattern)]

    assert names("pump/manual.md") == ["pump/manual.md"]
    assert names("/manuals/pump/manual.md") == ["pump/manual.md"]
    assert names("manual.md") == ["kiosk/manual.md", "pump/manual.md"]
    assert names("kiosk\\manual.md") == ["kiosk/manual.md"]
    assert names("%") == names("") == names("anual.md") == names("_") == []
    assert names("100%_done.md") == ["100%_done.md"]


def test_neighbours_stay_within_the_document_and_come_in_reading_order(store: Store) -> None:
    for name in ("a.md", "b.md"):
        store.put(*parts(name, 5))
    ids = store.passage_ids("b.md")
    assert list(store.neighbours(ids[0], 2, 1)) == ids[:2]
    assert list(store.neighbours(ids[3], 1, 5)) == ids[2:]
    assert store.neighbours(10**9, 1, 1) == {}


def test_passages_come_in_the_order_asked_for_and_unknown_ids_are_left_out(store: Store) -> None:
    store.put(*parts("a.md", 1200))
    ids = store.passage_ids()
    assert list(store.passage([*reversed(ids), 10**9, ids[0]])) == ids[::-1]
    assert store.passage([]) == {}
    assert store.passage(np.array(ids[:2])) == store.passage(ids[:2])


def test_a_snapshot_sees_one_state_while_another_connection_writes(store: Store, path: Path) -> None:
    store.put(*parts("a.md"))
    with Store.open(path, create=False) as other, store.snapshot():
        before = store.passage_ids()
        other.put(*parts("a.md", 7, seed=3))
        with store.snapshot():
            assert store.passage_ids() == before
        assert len(store.passage(before)) == 3
        with pytest.raises(RuntimeError):
            store.remove("a.md")
    assert store.passage_count == 7


def test_statistics_say_what_is_there(store: Store, path: Path) -> None:
    store.put(*parts("a.md", 4))
    found = store.statistics()
    assert (found.documents, found.passages, found.generation, found.journal_mode) == (1, 4, 1, "wal")
    assert [(one.fingerprint, one.dimensions, one.vectors) for one in found.embedders] == [(FINGERPRINT, 16, 4)]
    assert found.file_bytes >= path.stat().st_size > 0
    assert found.characters == len(parts("a.md", 4)[0].text)


def test_vectors_can_be_selected_and_streamed(store: Store) -> None:
    store.put(*parts("a.md", 30))
    store.put(*parts("b.md", 30, seed=4, fingerprint="other"))
    ids, matrix = store.load_vectors("other")
    assert ids.tolist() == store.passage_ids("b.md")
    assert np.array_equal(matrix, parts("b.md", 30, seed=4)[3])
    assert np.array_equal(store.select_vectors("other", ids[3:9:2]), matrix[3:9:2])
    assert np.array_equal(np.concatenate([batch for _, batch in store.iterate_vectors("other")]), matrix)
    assert store.load_vectors("nobody")[0].shape == (0,)
    assert store.vector_keys("nobody").shape == (0, 2)
