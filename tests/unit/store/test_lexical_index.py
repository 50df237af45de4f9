from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assistant.store import Store, cachefile, lexical_cache, lexical_index
from assistant.store.cachefile import UnusableCache
from assistant.store.inventory import Inventory
from assistant.store.lexical_cache import LexicalCache
from assistant.store.lexical_index import LexicalIndex
from assistant.types import Document, Passage
from tests.unit.store.samples import FINGERPRINT, parts, unit_vectors

WORDS = ["Pump", "pump", "é", "e\u0301", "#x", 'q"q', "日本語", "co₂", "a\u00a0b", "x*", "np-4410-07", "🔧"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


def words_of(store: Store, folder: Path, *, build_from: int = 1) -> LexicalIndex:
    return LexicalIndex(store, Inventory(store, FINGERPRINT), folder, FINGERPRINT, build_from=build_from)


def put(store: Store, name: str, count: int, seed: int) -> None:
    """A document of passages whose words are as unevenly frequent as those of a language."""
    random = np.random.default_rng(seed)
    text = "x" * count
    document = Document(f"/m/{name}", name, name, text, (), f"sha256:{seed}", "text/plain")
    passages = [Passage(name, name, n, n, n + 1, "x") for n in range(count)]
    drawn = (random.pareto(0.7, size=(count, 30)) * 4).astype(int) % 500
    tokens = []
    for row in drawn.tolist():
        said = [WORDS[number] if number < len(WORDS) else f"w{number}" for number in row]
        heads, end = int(random.integers(0, 5)), int(random.integers(5, 30))
        tokens.append((" ".join(said[:heads]), " ".join(said[heads:end])))
    store.put(document, passages, tokens, unit_vectors(count, seed), FINGERPRINT)


def questions(seed: int, count: int = 25) -> list[list[str]]:
    random = np.random.default_rng(seed)
    drawn = [(random.pareto(0.6, size=random.integers(1, 9)) * 5).astype(int) % 520 for _ in range(count)]
    return [[WORDS[number] if number < len(WORDS) else f"w{number}" for number in row.tolist()] for row in drawn]


def alike(found: list[tuple[int, float]], right: list[tuple[int, float]]) -> bool:
    """Same passages in the same order, and scores that differ by rounding at most."""
    return [id_ for id_, _ in found] == [id_ for id_, _ in right] and [score for _, score in found] == pytest.approx(
        [score for _, score in right], rel=1e-12
    )


def assert_equal(words: LexicalIndex, store: Store, seed: int = 1) -> None:
    """Same passages, same scores, same order as FTS5, with and without a filter."""
    random = np.random.default_rng(seed)
    ids = np.array(store.passage_ids())
    for asked in questions(seed):
        limit = int(random.choice([1, 7, 100, 10_000]))
        weights = (1.5, 1.0) if random.random() < 0.7 else (0.3, 2.0)
        some = np.sort(random.choice(ids, size=len(ids) // 3, replace=False)) if random.random() < 0.4 else None
        found, right = words.lexical(asked, limit, weights, some), store.lexical(asked, limit, weights, some)
        assert alike(found, right), asked
        assert words.document_frequency(asked) == store.document_frequency(asked)
    assert words.kind == "lists"


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_fts5_on_random_corpora(store: Store, folder: Path, seed: int) -> None:
    for number in range(6):
        put(store, f"{number}.md", 400, 10 * seed + number)
    words_of(store, folder).build()
    assert_equal(words_of(store, folder), store, seed)


def test_scores_stay_those_of_fts5_while_documents_come_and_go(store: Store, folder: Path, path: Path) -> None:
    for number in range(6):
        put(store, f"{number}.md", 300, number)
    words_of(store, folder).build()
    files = {file: file.read_bytes() for file in folder.iterdir()}
    running = words_of(store, folder)
    assert_equal(running, store)
    with Store.open(path, create=False) as other:
        for number in range(6):
            put(other, f"late-{number % 4}.md", 40 + number, 50 + number)
            if number == 3:
                other.remove("2.md")
            assert_equal(running, store, number)
            assert_equal(words_of(store, folder), store, number)
    assert {file: file.read_bytes() for file in folder.iterdir()} == files, "searching writes nothing"
    running.build()
    assert {file: file.read_bytes() for file in folder.iterdir()} != files
    assert_equal(running, store)
    assert_equal(words_of(store, folder), store)
    fresh = folder.with_name("fresh")
    words_of(store, fresh).build()
    extended, anew = LexicalCache(folder, FINGERPRINT).load(), LexicalCache(fresh, FINGERPRINT).load()
    for field in ("ids", "checksums", "lengths", "places", "counts", "starts", "terms"):
        assert np.array_equal(getattr(extended, field), getattr(anew, field)), field


def test_few_allowed_passages_and_many_are_both_found(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "a.md", 900, 1)
    words_of(store, folder).build()
    ids = np.array(store.passage_ids())
    for few in (0, 10_000):
        monkeypatch.setattr(lexical_index, "_FEW", few)
        words = words_of(store, folder)
        assert_equal(words, store)
        assert words.lexical(["w20"], 5, allowed=ids[:0]) == []
        unknown = np.array([5, 10**12])
        assert words.lexical(["pump"], 9, allowed=unknown) == store.lexical(["pump"], 9, allowed=unknown)


def test_whatever_is_asked_is_answered_as_fts5_answers_it(store: Store, folder: Path) -> None:
    put(store, "a.md", 200, 1)
    words = words_of(store, folder)
    words.build()
    for asked in (
        [], [""], [" ", "\0"], ["pump", "PUMP"], ["pump", "pump"], ["pump w20"], ["w20\0w30"], ["\ud800"], ['"'],
        ["x" * 40_000], [f"w{number}" for number in range(500)], ["absent"], ["w20", "absent"], ["é"], ["É"],
    ):  # fmt: skip
        for limit in (0, 1, 50):
            assert alike(words.lexical(asked, limit), store.lexical(asked, limit)), asked
        assert words.document_frequency(asked) == store.document_frequency(asked)


def test_small_knowledge_bases_write_no_file(store: Store, folder: Path) -> None:
    put(store, "a.md", 50, 1)
    words = words_of(store, folder, build_from=51)
    words.build()
    assert words.lexical(["pump"], 5) == store.lexical(["pump"], 5)
    assert (words.kind, words.note, folder.exists()) == ("fts5", "", False)


def test_without_lists_fts5_answers_and_says_so(store: Store, folder: Path) -> None:
    put(store, "a.md", 50, 1)
    words = words_of(store, folder)
    assert words.lexical(["pump"], 5) == store.lexical(["pump"], 5)
    assert words.note == "FTS5 serves, which is slower: there is no index of words yet."
    words.build()
    assert (words.kind, words.note) == ("lists", "")
    written = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    words.build()
    assert written == {file: file.stat().st_mtime_ns for file in folder.iterdir()}, "nothing to do, nothing written"


def test_lists_out_of_date_are_left_alone_until_somebody_builds_them_anew(store: Store, folder: Path) -> None:
    for number in range(3):
        put(store, f"{number}.md", 100, number)
    words_of(store, folder).build()
    running = words_of(store, folder)
    assert_equal(running, store)
    store.remove("1.md")
    assert running.lexical(["pump"], 5) == store.lexical(["pump"], 5)
    assert (running.kind, running.note) == ("fts5", "FTS5 serves, which is slower: the index of words is out of date.")
    words_of(store, folder).build()
    put(store, "new.md", 5, 9)
    assert_equal(running, store)


def test_passages_of_another_embedder_are_found_by_fts5(store: Store, folder: Path) -> None:
    put(store, "a.md", 100, 1)
    words = words_of(store, folder)
    words.build()
    store.put(*parts("b.md", 5, fingerprint="another"))
    assert words.lexical(["says"], 9) == store.lexical(["says"], 9) != []
    assert words.note == "FTS5 serves, which is slower: not every passage has a vector."
    words.build()
    assert words.kind == "fts5"


def test_a_restored_backup_does_not_bring_back_words_of_other_passages(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    put(store, "a.md", 300, 1)
    backup = tmp_path / "backup.db"
    store._db.execute("VACUUM INTO ?", (str(backup),))
    put(store, "late.md", 20, 2)
    words_of(store, folder).build()
    with Store.open(backup, create=False) as restored:
        put(restored, "late.md", 20, 3)  # The same ids as above, other words, the same generation.
        assert restored.generation == store.generation
        words = words_of(restored, folder)
        for asked in questions(4):
            assert alike(words.lexical(asked, 50), restored.lexical(asked, 50))
        words.build()
        assert_equal(words_of(restored, folder), restored)


@pytest.mark.parametrize("first", [0, 100, *(pytest.param(n, marks=pytest.mark.engine) for n in range(200, 1000, 100))])
def test_damaged_lists_never_crash_and_never_change_a_result(
    tmp_path: Path, run: Callable[..., str], first: int
) -> None:
    *wrong, counts = run("mutate_words", tmp_path, first, first + 100).splitlines()
    assert wrong == []
    assert sum(json.loads(counts).values()) == 100
    assert json.loads(counts)["fts5"] >= 45


@pytest.mark.parametrize("mapped", [False, True])
def test_files_of_another_size_or_content_are_not_used(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, *, mapped: bool
) -> None:
    monkeypatch.setattr(lexical_cache, "_READ_BYTES", 0 if mapped else 2**30)
    put(store, "a.md", 100, 1)
    words_of(store, folder).build()
    assert_equal(words_of(store, folder), store)
    cache = LexicalCache(folder, FINGERPRINT)
    good = cache.path.read_bytes()
    for bad in (b"", good[:-1], good + b"\0", good[:100] + bytes([good[100] ^ 1]) + good[101:]):
        replacement = cache.path.with_suffix(".new")
        replacement.write_bytes(bad)
        replacement.replace(cache.path)
        with pytest.raises(UnusableCache):
            cache.load()
    cache.path.unlink()
    with pytest.raises(UnusableCache, match="cannot be read"):
        cache.load()


@pytest.mark.parametrize("field", ["format", "machine", "fingerprint", "arrays", "file"])
def test_lists_of_another_version_machine_or_embedder_are_not_used(store: Store, folder: Path, field: str) -> None:
    put(store, "a.md", 100, 1)
    words_of(store, folder).build()
    cache = LexicalCache(folder, FINGERPRINT)
    sidecar = json.loads(cache.sidecar_path.read_bytes())
    cache.sidecar_path.write_text(json.dumps(sidecar | {field: "another"}))
    with pytest.raises(UnusableCache):
        cache.load()


def test_a_description_that_does_not_fit_the_arrays_is_not_believed(store: Store, folder: Path) -> None:
    put(store, "a.md", 100, 1)
    words_of(store, folder).build()
    cache = LexicalCache(folder, FINGERPRINT)
    sidecar = json.loads(cache.sidecar_path.read_bytes())
    for number, (kind, size) in enumerate(sidecar["arrays"]):
        for bad in ([kind, size - 1], [kind, size + 1], [kind, 10**12], [kind, -1], [kind, True], [kind, 1.0],
                    ["O", size], ["f8", size], ["i1", size], [kind], None):  # fmt: skip
            arrays = [*sidecar["arrays"][:number], bad, *sidecar["arrays"][number + 1 :]]
            cache.sidecar_path.write_text(json.dumps(sidecar | {"arrays": arrays}))
            with pytest.raises(UnusableCache):
                cache.load()
    cache.sidecar_path.write_text(json.dumps(sidecar))
    assert len(cache.load().ids) == 100


@pytest.mark.parametrize("ending", [".words", ".json"])
def test_a_cut_at_any_file_leaves_lists_that_are_right_or_not_used(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    put(store, "a.md", 200, 1)
    words_of(store, folder).build()
    put(store, "b.md", 50, 2)
    real = cachefile.replace

    def cut(path: Path, write: Callable[[Path], object]) -> dict[str, object]:
        def partly(part: Path) -> None:
            write(part)
            if path.name.endswith(ending):
                raise KeyboardInterrupt

        return real(path, partly)

    monkeypatch.setattr(cachefile, "replace", cut)
    words = words_of(store, folder)
    with pytest.raises(KeyboardInterrupt):
        words.build()
    monkeypatch.setattr(cachefile, "replace", real)
    assert sorted(file.suffix for file in folder.iterdir()) == [".json", ".words"], "nothing half-written stays"
    for one in (words, words_of(store, folder)):
        for asked in questions(2):
            assert alike(one.lexical(asked, 20), store.lexical(asked, 20))
    words.build()
    assert_equal(words_of(store, folder), store)


def test_a_cache_that_cannot_be_written_is_said_and_not_an_error(store: Store, folder: Path) -> None:
    put(store, "a.md", 100, 1)
    folder.write_text("in the way")
    words = words_of(store, folder)
    words.build()
    assert words.note.startswith(f"The index of words cannot be stored in {folder}: ")
    assert words.lexical(["pump"], 5) == store.lexical(["pump"], 5)


def test_full_text_rows_that_do_not_fit_the_passages_leave_fts5_to_answer(store: Store, folder: Path) -> None:
    put(store, "a.md", 100, 1)
    store._db.execute("DELETE FROM passages_fts WHERE rowid = 7")
    words = words_of(store, folder)
    words.build()
    assert words.note == "FTS5 serves, which is slower: the full-text rows do not fit the passages."
    assert words.lexical(["pump"], 5) == store.lexical(["pump"], 5)
