"""Changing the embedder: vectors are made beside the live ones, and the change is one step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.store import Store
from tests.unit.store.samples import FINGERPRINT, filled, parts, unit_vectors

OTHER = "another-embedder:2"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    filled(tmp_path / "knowledge.db", documents=2, passages=3)
    return Store.open(tmp_path / "knowledge.db", create=False)


def test_the_first_vectors_are_live(tmp_path: Path) -> None:
    with Store.open(tmp_path / "knowledge.db", create=True) as store:
        assert store.live is None
        store.put(*parts("one.md"))
        assert store.live == FINGERPRINT


def test_vectors_made_beside_the_live_ones_change_nothing_until_all_are_there(store: Store) -> None:
    waiting = store.without_vector(OTHER, 4)
    assert [passage.text for passage in waiting.values()] == [
        passage.text for passage in store.passage(sorted(store.passage_ids())[:4]).values()
    ]
    assert store.put_vectors(list(waiting), unit_vectors(4, 1, 24), OTHER) == 4
    assert not store.make_live(OTHER)
    assert store.live == FINGERPRINT
    assert store.check() == []
    rest = list(store.without_vector(OTHER, 100))
    assert len(rest) == 2
    store.put_vectors(rest, unit_vectors(2, 2, 24), OTHER)
    before = store.generation
    assert store.make_live(OTHER)
    assert store.live == OTHER
    assert store.changed_since(before)
    assert store.check() == []
    ids, vectors = store.load_vectors(FINGERPRINT)  # still there, for who has not noticed yet
    assert vectors.shape == (6, 16)
    while store.drop_other_vectors(4):
        assert store.live == OTHER
    assert [embedder.fingerprint for embedder in store.statistics().embedders] == [OTHER]
    np.testing.assert_array_equal(store.load_vectors(OTHER)[0], ids)


def test_a_passage_that_went_or_was_done_meanwhile_is_left_out(store: Store) -> None:
    waiting = list(store.without_vector(OTHER, 100))
    store.put_vectors(waiting[:1], unit_vectors(1, 1), OTHER)
    store.remove("manual-1.md")
    assert store.put_vectors(waiting, unit_vectors(6, 1), OTHER) == 2
    assert store.make_live(OTHER)


def test_a_document_added_during_the_change_holds_the_step_back(store: Store) -> None:
    waiting = list(store.without_vector(OTHER, 100))
    store.put_vectors(waiting, unit_vectors(6, 1), OTHER)
    store.put(*parts("late.md", 2))
    assert not store.make_live(OTHER)
    assert len(store.without_vector(OTHER, 100)) == 2


def test_vectors_of_another_length_are_refused_and_nothing_is_stored(store: Store) -> None:
    waiting = list(store.without_vector(OTHER, 100))
    store.put_vectors(waiting[:2], unit_vectors(2, 1, 24), OTHER)
    with pytest.raises(ValueError, match="24 dimensions"):
        store.put_vectors(waiting[2:], unit_vectors(4, 1, 16), OTHER)
    assert len(store.without_vector(OTHER, 100)) == 4


def test_without_documents_no_embedder_is_live(store: Store) -> None:
    for name in ("manual-0.md", "manual-1.md"):
        store.remove(name)
    assert store.live is None
    sample = parts("new.md", fingerprint=OTHER)
    store.put(*sample)
    assert store.live == OTHER
