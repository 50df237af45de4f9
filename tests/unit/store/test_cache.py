from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.store import Store, VectorIndex
from assistant.store.cache import IndexCache
from assistant.store.cachefile import UnusableCache
from tests.unit.store.samples import DIMENSIONS, FINGERPRINT, parts


@pytest.fixture
def built(store: Store, tmp_path: Path) -> IndexCache:
    store.put(*parts("a.md", 150))
    VectorIndex(store, FINGERPRINT, DIMENSIONS, tmp_path / "index", exact_below=100).build()
    return IndexCache(tmp_path / "index", FINGERPRINT, DIMENSIONS)


@pytest.mark.parametrize("first", [0, 100, *(pytest.param(n, marks=pytest.mark.engine) for n in range(200, 1000, 100))])
def test_damaged_cache_files_never_crash_and_never_change_a_result(
    tmp_path: Path, run: Callable[..., str], first: int
) -> None:
    *wrong, counts = run("mutate_index", tmp_path, first, first + 100).splitlines()
    assert wrong == []
    assert sum(json.loads(counts).values()) == 100
    assert json.loads(counts)["exact"] >= 60


def test_an_undamaged_cache_is_opened(built: IndexCache) -> None:
    assert built.load().alive == 150


def test_hnswlib_never_sees_a_file_of_another_size_or_content(
    built: IndexCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.store.cache._hnswlib", lambda: pytest.fail("hnswlib must not be asked"))
    good = built.index_path.read_bytes()
    for bad in (b"", good[:-1], good + b"\0", good[:100] + bytes([good[100] ^ 1]) + good[101:]):
        built.index_path.write_bytes(bad)
        with pytest.raises(UnusableCache, match="not what was written"):
            built.load()
    built.index_path.unlink()
    with pytest.raises(UnusableCache, match="cannot be read"):
        built.load()


@pytest.mark.parametrize("field", ["format", "library", "machine", "fingerprint", "dimensions", "parameters", "count"])
def test_a_cache_of_another_version_machine_or_embedder_is_not_opened(built: IndexCache, field: str) -> None:
    sidecar = json.loads(built.sidecar_path.read_bytes())
    assert set(sidecar) >= {"generation", "keys", "index", field}
    built.sidecar_path.write_text(json.dumps(sidecar | {field: "another"}))
    with pytest.raises(UnusableCache):
        built.load()


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"\\ud800"', "\xff"])
def test_a_sidecar_that_is_no_description_is_not_an_error(built: IndexCache, text: str) -> None:
    built.sidecar_path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UnusableCache):
        built.load()


def test_caches_of_two_embedders_lie_side_by_side(built: IndexCache, tmp_path: Path) -> None:
    other = IndexCache(tmp_path / "index", "other", DIMENSIONS)
    with pytest.raises(UnusableCache, match="no index yet"):
        other.load()
    other.save(built.load(), 1)
    assert other.load().alive == built.load().alive == 150
