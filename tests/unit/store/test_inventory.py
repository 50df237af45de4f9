from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.errors import KnowledgeBaseDamaged
from assistant.store import Store, inventory
from assistant.store.inventory import Inventory
from tests.unit.store.samples import FINGERPRINT, parts


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "_BLOCK", 16)


def test_keys_follow_every_write_whoever_makes_it(store: Store, path: Path) -> None:
    held = Inventory(store, FINGERPRINT)
    assert held.refresh().shape == (0, 2)
    random = np.random.default_rng(3)
    with Store.open(path, create=False) as other:
        for number in range(30):
            writer = (store, other)[number % 2]
            if number % 5 == 4:
                writer.remove(f"{random.integers(4)}.md") if writer.document("0.md") else None
                for name in range(4):
                    writer.put(*parts(f"{name}.md", int(random.integers(1, 40)), seed=number))
            writer.put(*parts(f"{random.integers(4)}.md", int(random.integers(1, 40)), seed=number))
            before = held.keys
            assert np.array_equal(held.refresh(), store.vector_keys(FINGERPRINT))
            assert held.passages == store.passage_count
            assert held.keys is not before
            assert held.refresh() is held.keys


def test_only_blocks_that_differ_are_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        store.put(*parts(f"{number}.md", 32, seed=number))
    held = Inventory(store, FINGERPRINT)
    held.refresh()
    store.remove("4.md")
    store.put(*parts("new.md", 5, seed=50))
    asked: list[tuple[int, ...]] = []
    real = store.vector_keys
    monkeypatch.setattr(store, "vector_keys", lambda name, *span: asked.append(span) or real(name, *span))
    assert np.array_equal(held.refresh(), real(FINGERPRINT))
    # Ids begin at 1: 129 to 160 are gone and 321 to 325 are new, both in blocks that hold others as well.
    assert asked == [(128, 143), (160, 175), (320, 335)]


def test_suggested_keys_are_believed_only_where_the_store_agrees(store: Store) -> None:
    for number in range(5):
        store.put(*parts(f"{number}.md", 20, seed=number))
    right = store.vector_keys(FINGERPRINT)
    wrong = right.copy()
    wrong[30, 1] ^= 1
    swapped = right.copy()
    swapped[[40, 41], 1] = swapped[[41, 40], 1]
    for suggested in (right, right[:0], right[:50], right[50:], wrong, swapped, right[::-1], np.repeat(right, 2, 0)):
        held = Inventory(store, FINGERPRINT)
        held.suggest(suggested)
        assert np.array_equal(held.refresh(), right)
    held.suggest(wrong)
    assert np.array_equal(held.refresh(), right), "too late to suggest anything"


def test_ids_far_apart_and_other_embedders_do_not_disturb(store: Store) -> None:
    store.put(*parts("a.md", 20))
    store._db.execute("UPDATE sqlite_sequence SET seq = 10000000000 WHERE name = 'passages'")
    store.put(*parts("b.md", 20, seed=1))
    store.put(*parts("c.md", 20, seed=2, fingerprint="another"))
    held = Inventory(store, FINGERPRINT)
    assert len(held.refresh()) == 40
    assert held.passages == 60
    store.put(*parts("b.md", 3, seed=5))
    assert np.array_equal(held.refresh(), store.vector_keys(FINGERPRINT))
    assert held.keys[-1, 0] > 10_000_000_000


def test_a_key_that_is_no_number_any_more_is_damage(store: Store) -> None:
    store.put(*parts("a.md", 40))
    held = Inventory(store, FINGERPRINT)
    held.refresh()
    store._db.execute("UPDATE vectors SET checksum = 'x' WHERE passage_id = 3")
    store.put(*parts("b.md", 1, seed=9))
    with pytest.raises(KnowledgeBaseDamaged):
        held.refresh()
