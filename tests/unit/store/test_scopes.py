"""Tags, languages and names narrow down which passages are searched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import InputError
from assistant.store import Store
from assistant.types import Scope
from tests.unit.store.samples import parts


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "knowledge.db", create=True)
    for folder, name, language in (("pumps", "a.md", "en"), ("pumps", "b.md", "de"), ("pumpsets", "c.md", None)):
        document, *rest = parts(name, 2)
        store.put(replace(document, source=f"/manuals/{folder}/{name}", language=language), *rest)
    return store


def _names(store: Store, scope: Scope) -> list[str]:
    return sorted({passage.document for passage in store.passage(store.ids_within(scope).tolist()).values()})


def test_a_tag_of_a_folder_is_that_of_all_below_it_and_of_nothing_beside_it(store: Store) -> None:
    store.tag("/manuals/pumps", ["hydraulics", "pump"])
    store.tag("/manuals/pumpsets/c.md", ["set"])
    assert {record.name: record.tags for record in store.documents()} == {
        "a.md": ("hydraulics", "pump"),
        "b.md": ("hydraulics", "pump"),
        "c.md": ("set",),
    }
    assert store.document("a.md")[0].tags == ("hydraulics", "pump")  # type: ignore[index]
    assert _names(store, Scope(tags=("pump",))) == ["a.md", "b.md"]
    assert _names(store, Scope(tags=("pump", "set"))) == ["a.md", "b.md", "c.md"]


def test_what_comes_into_a_tagged_folder_later_has_its_tag_and_an_edit_keeps_it(store: Store) -> None:
    store.tag("/manuals/pumps", ["pump"])
    store.tag("/manuals/pumps", ["pump"])
    for seed in (0, 1):
        document, *rest = parts("late.md", 2, seed=seed)
        store.put(replace(document, source="/manuals/pumps/late.md"), *rest)
        assert "late.md" in _names(store, Scope(tags=("pump",)))
    assert store.untag("/manuals/pumps", ["pump", "nothing"]) == 1
    with pytest.raises(InputError, match="No document has the tag pump"):
        store.ids_within(Scope(tags=("pump",)))


def test_conditions_of_different_kinds_must_all_hold(store: Store) -> None:
    store.tag("/manuals/pumps", ["pump"])
    assert _names(store, Scope(languages=("de",))) == ["b.md"]
    assert _names(store, Scope(languages=("de",), tags=("pump",))) == ["b.md"]
    assert _names(store, Scope(documents=("a.md", "pumpsets/c.md"))) == ["a.md", "c.md"]
    assert _names(store, Scope(documents=("a.md",), languages=("de",))) == []
    assert _names(store, Scope()) == ["a.md", "b.md", "c.md"]
    assert not Scope()
    assert Scope(tags=("pump",))


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (Scope(documents=("d.md",)), "no document called d.md; list"),
        (Scope(languages=("fr",)), "in the language fr; there are: de, en"),
        (Scope(tags=("valve",)), "has the tag valve; give one"),
    ],
)
def test_what_there_is_none_of_is_said(store: Store, scope: Scope, message: str) -> None:
    with pytest.raises(InputError, match=message):
        store.ids_within(scope)
