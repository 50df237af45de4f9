from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import KnowledgeBaseDamaged
from assistant.store import Store, VectorIndex, cache, cachefile
from assistant.store import index as index_module
from assistant.store.nearest import best
from assistant.store.vectors import Vectors
from tests.unit.store.samples import DIMENSIONS, FINGERPRINT, parts, unit_vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


def index_of(store: Store, folder: Path, *, exact_below: int = 100, **options: int) -> VectorIndex:
    return VectorIndex(store, FINGERPRINT, DIMENSIONS, folder, exact_below=exact_below, **options)


def fill(store: Store, documents: int = 5, passages: int = 60) -> None:
    for number in range(documents):
        store.put(*parts(f"{number}.md", passages, seed=number))


def truth(store: Store, query: Vectors, k: int) -> list[int]:
    """By the definition, in double precision."""
    ids, matrix = store.load_vectors(FINGERPRINT)
    scores = np.round(matrix.astype(np.float64) @ query.astype(np.float64), 6)
    return [int(ids[place]) for place in sorted(range(len(ids)), key=lambda place: (-scores[place], ids[place]))[:k]]


QUERIES = unit_vectors(20, 99)


def test_the_exact_scan_finds_what_the_definition_says(store: Store, folder: Path) -> None:
    fill(store)
    index = index_of(store, folder, exact_below=10_000)
    for query in QUERIES:
        ids, scores = index.search(query, 7)
        assert ids.tolist() == truth(store, query, 7)
        assert (np.diff(scores) <= 0).all()
    assert (index.kind, index.count, index.note) == ("exact", 300, "")
    assert not folder.exists()


def test_equal_vectors_are_ordered_by_id_also_across_the_last_place(store: Store, folder: Path) -> None:
    document, passages, tokens, _, fingerprint = parts("a.md", 40)
    store.put(document, passages, tokens, np.tile(unit_vectors(1, 5), (40, 1)), fingerprint)
    assert index_of(store, folder).search(unit_vectors(1, 5)[0], 9)[0].tolist() == list(range(1, 10))
    ids, _ = best(np.array([4, 3, 2, 1]), np.float32([0.5, 0.5 + 2e-8, 0.5, 0.1]), 2)
    assert ids.tolist() == [2, 3]


def test_empty_knowledge_bases_and_odd_sizes_are_answered(store: Store, folder: Path) -> None:
    index = index_of(store, folder)
    assert index.search(QUERIES[0], 5)[0].tolist() == []
    store.put(*parts("a.md", 3))
    assert len(index.search(QUERIES[0], 5)[0]) == 3
    assert len(index.search(QUERIES[0], 0)[0]) == 0
    with pytest.raises(ValueError, match="expected a vector of 16"):
        index.search(QUERIES[0][:3], 5)


def test_what_another_process_writes_is_seen_by_the_next_search(store: Store, folder: Path, path: Path) -> None:
    fill(store, 2)
    index = index_of(store, folder, exact_below=10_000)
    index.refresh()
    with Store.open(path, create=False) as other:
        other.put(*parts("new.md", 5, seed=50))
        other.remove("0.md")
        other.put(*parts("1.md", 9, seed=51))
    for query in QUERIES:
        assert index.search(query, 5)[0].tolist() == truth(store, query, 5)
    assert index.count == 14


def test_vectors_too_large_for_memory_are_scanned_from_the_store(store: Store, folder: Path) -> None:
    fill(store, 50)
    index = index_of(store, folder, exact_below=10_000, memory_bytes=1000)
    for query in QUERIES[:3]:
        assert index.search(query, 7)[0].tolist() == truth(store, query, 7)
    store.remove("3.md")
    assert index.search(QUERIES[0], 7)[0].tolist() == truth(store, QUERIES[0], 7)


def test_the_graph_is_built_stored_and_used_by_the_next_process(store: Store, folder: Path) -> None:
    fill(store)
    index, steps = index_of(store, folder), []
    assert index.search(QUERIES[0], 1)[0].tolist() == truth(store, QUERIES[0], 1)
    assert (index.kind, index.note) == ("exact", "An exact scan serves, which is slower: there is no index yet.")
    index.build(lambda done, total: steps.append((done, total)))
    assert (index.kind, index.note) == ("hnsw", "")
    assert steps[-1] == (300, 300)
    assert sorted(file.suffix for file in folder.iterdir()) == [".hnsw", ".json", ".keys"]
    again = index_of(store, folder)
    for query in QUERIES:
        ids, scores = again.search(query, 5)
        assert ids.tolist() == truth(store, query, 5)
        assert (np.diff(scores) <= 0).all()
    assert again.kind == "hnsw"
    written = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    again.build()
    assert written == {file: file.stat().st_mtime_ns for file in folder.iterdir()}, "nothing to do, nothing written"


def test_recall_of_the_graph_is_at_least_99_percent_on_clustered_vectors(store: Store, folder: Path) -> None:
    fill(store, 8, 1000)
    index = index_of(store, folder)
    index.build()
    found = [
        len(set(index.search(query, 10)[0].tolist()) & set(truth(store, query, 10))) for query in unit_vectors(50, 3)
    ]
    assert index.kind == "hnsw"
    assert sum(found) >= 0.99 * 10 * len(found)


def test_recall_is_measured_against_comparing_every_vector(store: Store, folder: Path) -> None:
    fill(store, documents=10)
    exact = index_of(store, folder, exact_below=10_000)
    assert exact.recall(20, 5) == 1.0
    poor = index_of(store, folder, ef=1)
    poor.build()
    good = index_of(store, folder)
    assert poor.kind == good.kind or good.build() is None
    assert good.recall(20, 5) > 0.95
    graph = cache.IndexCache(folder, FINGERPRINT, DIMENSIONS).load()
    gone = np.arange(len(graph.keys)) % 2 == 0
    graph.mask(gone)
    good._graph = graph  # half of the vectors cannot be found in it, as if the graph were torn
    assert good.recall(20, 5) < 0.8


def test_the_same_vectors_give_the_same_graph(store: Store, tmp_path: Path) -> None:
    fill(store)
    for name in ("one", "two"):
        index_of(store, tmp_path / name).build()
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_edits_are_answered_beside_the_graph_without_building(store: Store, folder: Path) -> None:
    fill(store)
    index_of(store, folder).build()
    files = {file: file.read_bytes() for file in folder.iterdir()}
    running = index_of(store, folder)
    running.refresh()
    store.remove("0.md")
    store.put(*parts("1.md", 30, seed=61))
    store.put(*parts("new.md", 10, seed=60))
    # 120 of 300 are gone: too many for the graph. 60 of 300 are not.
    assert running.search(QUERIES[0], 3)[0].tolist() == truth(store, QUERIES[0], 3)
    assert running.note == "An exact scan serves, which is slower: the index is out of date."
    assert {file: file.read_bytes() for file in folder.iterdir()} == files
    running.build()
    assert (running.kind, running.note) == ("hnsw", "")
    store.remove("new.md")
    store.put(*parts("2.md", 65, seed=2))
    store.put(*parts("2.md", 61, seed=3))
    for index in (running, index_of(store, folder)):
        for query in QUERIES:
            assert index.search(query, 5)[0].tolist() == truth(store, query, 5)


def test_additions_extend_the_graph_and_removals_stay_masked_in_the_files(store: Store, folder: Path) -> None:
    fill(store)
    index = index_of(store, folder)
    index.build()
    store.remove("4.md")
    store.put(*parts("5.md", 40, seed=5))
    steps: list[tuple[int, int]] = []
    index.build(lambda done, total: steps.append((done, total)))
    assert steps == [(340, 340)]
    for one in (index, index_of(store, folder)):
        assert (one.search(QUERIES[0], 280)[0] > 0).all()
        for query in QUERIES:
            assert one.search(query, 5)[0].tolist() == truth(store, query, 5)
        assert (one.kind, one.count) == ("hnsw", 280)
    assert len(index.search(QUERIES[0], 1000)[0]) == 280


def test_a_restored_backup_does_not_bring_back_vectors_of_other_passages(
    store: Store, folder: Path, path: Path, tmp_path: Path
) -> None:
    fill(store, 4)
    backup = tmp_path / "backup.db"
    store._db.execute("VACUUM INTO ?", (str(backup),))
    store.put(*parts("late.md", 10, seed=70))
    index_of(store, folder).build()
    with Store.open(backup, create=False) as restored:
        restored.put(*parts("late.md", 10, seed=71))  # The same ids as above, other vectors, the same generation.
        assert restored.generation == store.generation
        index = index_of(restored, folder)
        for query in QUERIES:
            assert index.search(query, 5)[0].tolist() == truth(restored, query, 5)
        assert index.kind == "hnsw"
        restored.put(*parts("more.md", 30, seed=72))
        index.build()
        for one in (index, index_of(restored, folder)):
            assert one.search(QUERIES[0], 5)[0].tolist() == truth(restored, QUERIES[0], 5)


@pytest.mark.parametrize("obstacle", ["a file", "missing rights", "a full disk"])
def test_a_cache_that_cannot_be_written_is_said_and_not_an_error(
    store: Store, folder: Path, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    if obstacle == "a file":
        folder.write_text("in the way")
    elif obstacle == "missing rights":
        denied = PermissionError(13, "Denied")
        monkeypatch.setattr(cachefile.tempfile, "mkstemp", lambda **_: (_ for _ in ()).throw(denied))
    else:  # hnswlib says nothing when only a part was written.
        real = cache._save_index

        def partly(index: object, file: Path) -> None:
            file.write_bytes(b"part")
            real(type("Silent", (), {"save_index": lambda *_: None, "index_file_size": lambda *_: 10_000})(), file)

        monkeypatch.setattr(cache, "_save_index", partly)
    index = index_of(store, folder)
    index.build()
    assert index.note.startswith(f"The index cannot be stored in {folder}: ")
    for one in (index, index_of(store, folder)):
        assert one.search(QUERIES[0], 5)[0].tolist() == truth(store, QUERIES[0], 5)
    assert one.kind == "exact"
    assert "exact scan" in one.note
    assert obstacle == "a file" or not [file for file in folder.iterdir() if file.suffix == ".part"]


def truth_among(store: Store, query: Vectors, k: int, allowed: np.ndarray) -> list[int]:
    wanted = set(allowed.tolist())
    return [id_ for id_ in truth(store, query, 10_000) if id_ in wanted][:k]


@pytest.mark.parametrize("how", ["in memory", "from the store", "few of the graph", "many of the graph"])
def test_only_allowed_passages_are_found_and_the_nearest_of_them(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    fill(store, 8, 100)
    monkeypatch.setattr(index_module, "_COMPARED", 5 if how.startswith("many") else 10_000)
    exact_below = 100 if how.endswith("graph") else 10_000
    index = index_of(store, folder, exact_below=exact_below, memory_bytes=1000 if how == "from the store" else 2**20)
    index.build()
    store.remove("3.md")  # masked in the graph
    store.put(*parts("new.md", 30, seed=90))  # beside it
    random = np.random.default_rng(5)
    ids = np.array(store.passage_ids())
    for query in QUERIES:
        for share in (0.5, 0.1, 0.01):
            allowed = np.sort(random.choice(ids, size=int(share * len(ids)), replace=False))
            found, scores = index.search(query, 5, allowed)
            assert found.tolist() == truth_among(store, query, 5, allowed)
            assert (np.diff(scores) <= 0).all()
    gone = np.arange(301, 401)
    assert index.search(QUERIES[0], 5, gone)[0].tolist() == []
    assert index.search(QUERIES[0], 5, ids[:0])[0].tolist() == []
    assert index.search(QUERIES[0], 5, np.array([2, 10**12]))[0].tolist() == [2]
    assert index.kind == ("hnsw" if how.endswith("graph") else "exact")
    some = np.arange(1, 101)
    assert index.search(QUERIES[0], 5, some)[0].tolist() == truth_among(store, QUERIES[0], 5, some)
    store.remove("0.md")
    assert index.search(QUERIES[0], 5, some)[0].tolist() == [], "vectors kept for a filter do not outlive a write"


def test_allowed_passages_far_from_the_question_are_found_all_the_same(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_COMPARED", 0)
    fill(store, 20, 100)
    index = index_of(store, folder, ef=10)
    index.build()
    far = np.sort(np.array(truth(store, QUERIES[0], 2000)[-40:]))
    assert index.search(QUERIES[0], 5, far)[0].tolist() == truth_among(store, QUERIES[0], 5, far)


def test_without_hnswlib_the_exact_scan_serves(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    index = index_of(store, folder)
    index.build()
    assert index.search(QUERIES[0], 5)[0].tolist() == truth(store, QUERIES[0], 5)
    assert index.note == "An exact scan serves, which is slower: hnswlib is not installed."


def test_an_interrupted_build_leaves_the_index_usable(store: Store, folder: Path) -> None:
    fill(store)
    index = index_of(store, folder)
    index.build()
    store.put(*parts("9.md", 40, seed=9))

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.build(interrupt)
    for query in QUERIES:
        assert index.search(query, 5)[0].tolist() == truth(store, query, 5)
    assert index.kind == "hnsw"


def test_hnswlib_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, assistant.store; sys.exit('hnswlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_a_few_vectors_are_looked_up_without_reading_the_others(store: Store) -> None:
    # SQLite once read every vector for each that was wanted: 4 ms each at 100,000.
    fill(store, 10, 200)
    ids, matrix = store.load_vectors(FINGERPRINT)
    steps: list[int] = []
    store._db.conn.set_progress_handler(lambda: steps.append(1) and None, 100)
    for few in (ids[[3, 500, 1999]], ids[::100], ids[[0, 1999]]):
        steps.clear()
        assert np.array_equal(store.select_vectors(FINGERPRINT, few), matrix[np.searchsorted(ids, few)])
        assert len(steps) < 20
    with pytest.raises(KnowledgeBaseDamaged, match="missing"):
        store.select_vectors(FINGERPRINT, np.array([1, 5000]))
