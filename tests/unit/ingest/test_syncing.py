"""Keeping a real store in step with real folders, with the fake embedder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from assistant.engines.fake import FakeEmbedder
from assistant.ingest.adding import Adder
from assistant.ingest.syncing import Syncer
from assistant.store import Store
from tests.artifacts.zim_bytes import write_zim


class Counting(FakeEmbedder):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return super().embed(texts)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "data").mkdir()
    with Store.open(tmp_path / "data" / "knowledge.db", create=True) as opened:
        yield opened


@pytest.fixture
def embedder() -> Counting:
    return Counting()


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> Path:
    path = tmp_path / "manuals"
    path.mkdir()
    store.follow(str(path))
    return path


@pytest.fixture
def syncer(store: Store, embedder: Counting) -> Syncer:
    return Syncer(store, Adder(store, embedder, max_tokens=60, max_file_bytes=100_000))


def write(path: Path, *sections: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [f"## Section {number}\n\n{words}\n" for number, words in enumerate(sections)]
    path.write_text("# Manual\n\n" + "\n".join(parts), "utf-8")
    return path


def synced(syncer: Syncer) -> dict[str, str]:
    return {Path(report.source).name: report.outcome for report in syncer.sync()}


def names(store: Store) -> list[str]:
    return [record.name for record in store.documents()]


def vectors(store: Store) -> dict[str, list[float]]:
    """Every vector by the text that was embedded, whatever ids the passages have."""
    found: dict[str, list[float]] = {}
    for record in store.documents():
        known = store.known_vectors(record.source, "fake-64")
        found |= {text: vector.tolist() for text, vector in known.items()}
    return found


def test_additions_edits_and_deletions_are_taken_over(syncer: Syncer, store: Store, folder: Path) -> None:
    for name in ("a.md", "b.md", "c.md"):
        write(folder / name, f"The words of {name}.")
    assert synced(syncer) == {"a.md": "added", "b.md": "added", "c.md": "added"}
    write(folder / "a.md", "Other words.")
    (folder / "b.md").unlink()
    write(folder / "d.md", "New words.")
    assert synced(syncer) == {"a.md": "replaced", "b.md": "removed", "c.md": "unchanged", "d.md": "added"}
    assert names(store) == ["a.md", "c.md", "d.md"]


def test_a_second_sync_finds_nothing_to_do_and_writes_nothing(syncer: Syncer, store: Store, folder: Path) -> None:
    write(folder / "a.md", "Words.")
    synced(syncer)
    before = store.generation
    assert synced(syncer) == {"a.md": "unchanged"}
    assert store.generation == before


def test_an_edit_embeds_only_the_passages_that_it_changed(
    syncer: Syncer, store: Store, folder: Path, embedder: Counting
) -> None:
    write(folder / "a.md", *(f"The section number {number} says something of its own." for number in range(30)))
    synced(syncer)
    before, embedder.texts = vectors(store), []
    sections = [f"The section number {number} says something of its own." for number in range(30)]
    sections[17] = "This section was edited."
    write(folder / "a.md", *sections)
    (report,) = syncer.sync()
    assert (report.outcome, report.embedded) == ("replaced", 1)
    assert [text for text in embedder.texts if "edited" in text] == embedder.texts
    after = vectors(store)
    assert len(after) == 30
    assert all(after[text] == before[text] for text in after.keys() & before.keys())


def test_the_result_of_an_edit_is_that_of_adding_from_nothing(
    syncer: Syncer, store: Store, folder: Path, tmp_path: Path
) -> None:
    write(folder / "a.md", "One.", "Two.", "Three.")
    synced(syncer)
    write(folder / "a.md", "Zero.", "One.", "Two and more.", "Three.")
    synced(syncer)
    with Store.open(tmp_path / "fresh.db", create=True) as fresh:
        fresh.follow(str(folder))
        list(Syncer(fresh, Adder(fresh, Counting(), max_tokens=60, max_file_bytes=100_000)).sync())
        assert vectors(fresh) == vectors(store)
        assert [*fresh.passage(fresh.passage_ids()).values()] == [*store.passage(store.passage_ids()).values()]
        assert store.check() == []


def test_a_moved_file_is_renamed_and_not_embedded_again(
    syncer: Syncer, store: Store, folder: Path, embedder: Counting
) -> None:
    write(folder / "a.md", "Words of their own.")
    synced(syncer)
    embedder.texts = []
    (folder / "below").mkdir()
    (folder / "a.md").rename(folder / "below" / "b.md")
    assert synced(syncer) == {"b.md": "renamed"}
    assert embedder.texts == []
    assert names(store) == ["below/b.md"]
    assert store.check() == []


def test_two_files_of_one_content_that_move_are_both_renamed(syncer: Syncer, store: Store, folder: Path) -> None:
    for name in ("a.md", "b.md"):
        write(folder / name, "The same words.")
    synced(syncer)
    for name in ("a", "b"):
        (folder / f"{name}.md").rename(folder / f"{name}2.md")
    assert synced(syncer) == {"a2.md": "renamed", "b2.md": "renamed"}
    assert names(store) == ["a2.md", "b2.md"]


def test_a_copy_is_added_and_the_original_stays(syncer: Syncer, store: Store, folder: Path) -> None:
    write(folder / "a.md", "The same words.")
    synced(syncer)
    write(folder / "b.md", "The same words.")
    assert synced(syncer) == {"a.md": "unchanged", "b.md": "added"}


def test_a_file_that_changes_places_with_another_keeps_both(syncer: Syncer, store: Store, folder: Path) -> None:
    write(folder / "a.md", "First words.")
    write(folder / "b.md", "Second words.")
    synced(syncer)
    (folder / "a.md").rename(folder / "x")
    (folder / "b.md").rename(folder / "a.md")
    (folder / "x").rename(folder / "b.md")
    assert synced(syncer) == {"a.md": "replaced", "b.md": "replaced"}
    assert "Second" in (store.document("a.md") or (None, ""))[1]


@pytest.mark.parametrize("gone", ["missing", "empty", "closed"])
def test_the_documents_of_a_stick_that_was_pulled_out_stay(
    syncer: Syncer, store: Store, folder: Path, gone: str
) -> None:
    write(folder / "a.md", "Words.")
    write(folder / "below" / "b.md", "Words.")
    synced(syncer)
    aside = folder.with_name("aside")
    if gone == "closed":
        if os.geteuid() == 0:
            pytest.skip("nothing is closed to root")
        (folder / "below").chmod(0)
    else:
        folder.rename(aside)
        if gone == "empty":
            folder.mkdir()
    try:
        assert synced(syncer) == {}
        assert len(syncer.kept) == 1
        assert "its 2 documents stay" in syncer.kept[0]
        assert names(store) == ["a.md", "below/b.md"]
    finally:
        if gone == "closed":
            (folder / "below").chmod(0o755)


def test_a_folder_that_cannot_be_listed_loses_nothing(
    syncer: Syncer, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "a.md", "Words.")
    write(folder / "below" / "b.md", "Words.")
    synced(syncer)
    listed = os.scandir

    def broken(path: str) -> object:
        if str(path).endswith("below"):
            raise OSError(5, "Input/output error", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", broken)
    assert synced(syncer) == {}
    assert "cannot be read (Input/output error)" in syncer.kept[0]
    assert len(names(store)) == 2


def test_an_edit_that_cannot_be_read_leaves_the_old_document(syncer: Syncer, store: Store, folder: Path) -> None:
    write(folder / "a.md", "Words.")
    synced(syncer)
    (folder / "a.md").write_bytes(b"")
    assert synced(syncer) == {"a.md": "refused"}
    assert names(store) == ["a.md"]


def test_what_the_owner_removed_stays_out(syncer: Syncer, store: Store, folder: Path) -> None:
    path = write(folder / "a.md", "Words.")
    synced(syncer)
    store.remove("a.md", leave_out=True)
    assert synced(syncer) == {}
    store.take_back([str(path)])
    assert synced(syncer) == {"a.md": "added"}


def test_documents_outside_the_folders_are_left_alone(
    syncer: Syncer, store: Store, folder: Path, tmp_path: Path, embedder: Counting
) -> None:
    other = write(tmp_path / "other" / "x.md", "Words.")
    list(Adder(store, embedder, max_tokens=60, max_file_bytes=100_000).add([other]))
    other.unlink()
    write(folder / "a.md", "Words.")
    assert synced(syncer) == {"a.md": "added"}
    assert names(store) == ["a.md", "x.md"]


def test_a_folder_with_a_similar_name_is_another_folder(
    syncer: Syncer, store: Store, folder: Path, tmp_path: Path, embedder: Counting
) -> None:
    other = write(tmp_path / "manuals-old" / "x.md", "Words.")
    list(Adder(store, embedder, max_tokens=60, max_file_bytes=100_000).add([other]))
    other.unlink()
    write(folder / "a.md", "Words.")
    synced(syncer)
    assert "x.md" in names(store)


def test_a_sync_that_is_cut_goes_on_and_ends_as_if_it_had_not_been(syncer: Syncer, store: Store, folder: Path) -> None:
    for number in range(6):
        write(folder / f"{number}.md", *(f"Words {number} {part} that differ." for part in range(12)))
    reports = syncer.sync()
    assert next(reports).outcome == "added"
    del reports
    assert 0 < len(names(store)) < 6
    assert {*synced(syncer).values()} == {"added", "unchanged"}
    assert len(names(store)) == 6
    assert store.check() == []


def test_folders_are_followed_once_and_no_longer(store: Store, tmp_path: Path) -> None:
    assert store.follow(str(tmp_path)) is True
    assert store.follow(str(tmp_path)) is False
    assert store.folders() == [str(tmp_path)]
    assert store.unfollow(str(tmp_path)) is True
    assert store.unfollow(str(tmp_path)) is False


# Archives


def archive(path: Path, *numbers: int) -> Path:
    return write_zim(path, {f"A/{number}": f"<h1>Pump {number}</h1><p>It has {number} kW." for number in numbers})


def test_the_articles_of_an_archive_that_is_there_are_not_gone(syncer: Syncer, store: Store, folder: Path) -> None:
    archive(folder / "wiki.zim", 1, 2)
    write(folder / "a.md", "Words.")
    assert synced(syncer) == {"a.md": "added", "wiki.zim": "added"}
    before = store.generation
    assert synced(syncer) == {"a.md": "unchanged", "wiki.zim": "unchanged"}
    assert store.generation == before
    assert names(store) == ["a.md", "wiki.zim/A/1", "wiki.zim/A/2"]


def test_when_an_archive_is_gone_all_its_articles_are_and_it_can_come_back(
    syncer: Syncer, store: Store, folder: Path, tmp_path: Path
) -> None:
    path = archive(folder / "wiki.zim", 1, 2, 3)
    write(folder / "a.md", "Words.")
    synced(syncer)
    path.rename(tmp_path / "aside.zim")
    reports = [report for report in syncer.sync() if report.outcome == "removed"]
    assert [(report.source, report.passages) for report in reports] == [(str(path), 3)]
    assert names(store) == ["a.md"]
    (tmp_path / "aside.zim").rename(path)
    assert synced(syncer) == {"a.md": "unchanged", "wiki.zim": "added"}
    assert len(names(store)) == 4
    assert store.check() == []


def test_an_archive_that_was_moved_is_renamed_and_not_embedded_again(
    syncer: Syncer, store: Store, folder: Path, embedder: Counting
) -> None:
    path = archive(folder / "wiki.zim", 1, 2)
    synced(syncer)
    embedder.texts = []
    path.rename(folder / "moved.zim")
    assert synced(syncer) == {"moved.zim": "renamed"}
    assert embedder.texts == []
    assert names(store) == ["moved.zim/A/1", "moved.zim/A/2"]


def test_the_articles_of_a_stick_that_was_pulled_out_stay(syncer: Syncer, store: Store, folder: Path) -> None:
    archive(folder / "wiki.zim", 1, 2)
    synced(syncer)
    folder.rename(folder.with_name("aside"))
    assert synced(syncer) == {}
    assert "its 2 documents stay" in syncer.kept[0]
    assert len(names(store)) == 2
