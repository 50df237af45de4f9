"""Adding to a real store with the fake embedder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from assistant.engines.fake import FakeEmbedder
from assistant.errors import StorageError
from assistant.ingest.adding import Adder, AddProgress
from assistant.ingest.readers import zim
from assistant.store import Store
from assistant.types import FileReport
from tests.artifacts.zim_bytes import write_zim

EMBEDDER = FakeEmbedder()


class Interrupting(FakeEmbedder):
    """Raises what Ctrl-C raises when it is given a text that says so."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if any("interrupt" in text for text in texts):
            raise KeyboardInterrupt
        return super().embed(texts)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "data").mkdir()
    with Store.open(tmp_path / "data" / "knowledge.db", create=True) as opened:
        yield opened


@pytest.fixture
def adder(store: Store) -> Adder:
    return Adder(store, EMBEDDER, max_tokens=60, max_file_bytes=100_000)


@pytest.fixture
def manuals(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    folder.mkdir()
    return folder


def write(path: Path, words: str = "The pump runs dry.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {path.stem}\n\n{words}\n", "utf-8")
    return path


def add(adder: Adder, *paths: Path) -> dict[str, str]:
    """Outcome by file name."""
    return {Path(one.source).name: one.outcome for one in adder.add(paths)}


def names(store: Store) -> list[str]:
    return [record.name for record in store.documents()]


# What becomes of a file


def test_a_new_file_is_added_with_its_passages(adder: Adder, store: Store, manuals: Path) -> None:
    (report,) = adder.add([write(manuals / "a.md")])
    assert report == FileReport(str(manuals / "a.md"), "added", passages=1, embedded=1)
    assert store.passage_count == 1


def test_an_unchanged_file_is_skipped_and_nothing_is_written(adder: Adder, store: Store, manuals: Path) -> None:
    write(manuals / "a.md")
    add(adder, manuals)
    before = store.generation
    assert add(adder, manuals) == {"a.md": "unchanged"}
    assert store.generation == before


def test_a_touched_file_with_the_same_bytes_is_unchanged(adder: Adder, manuals: Path) -> None:
    path = write(manuals / "a.md")
    add(adder, manuals)
    os.utime(path, (1, 1))
    assert add(adder, manuals) == {"a.md": "unchanged"}


def test_an_edited_file_takes_the_place_of_what_it_was(adder: Adder, store: Store, manuals: Path) -> None:
    write(manuals / "a.md", "Old words about compressors.")
    add(adder, manuals)
    write(manuals / "a.md", "New words about heaters.")
    assert add(adder, manuals) == {"a.md": "replaced"}
    assert [passage.text for passage in store.passage(store.passage_ids()).values()] == ["New words about heaters."]
    assert store.document_frequency(["compressor"]).get("compressor", 0) == 0


def test_an_edit_that_makes_a_file_unreadable_keeps_what_was_stored(adder: Adder, store: Store, manuals: Path) -> None:
    write(manuals / "a.md")
    add(adder, manuals)
    (manuals / "a.md").write_bytes(b"")
    assert add(adder, manuals) == {"a.md": "refused"}
    assert names(store) == ["a.md"]


def test_another_embedder_makes_the_vectors_anew(adder: Adder, store: Store, manuals: Path) -> None:
    write(manuals / "a.md")
    add(adder, manuals)
    other = Adder(store, FakeEmbedder(dimensions=32), max_tokens=60, max_file_bytes=100_000)
    assert add(other, manuals) == {"a.md": "replaced"}
    assert store.is_current(str(manuals / "a.md"), store.documents()[0].content_hash, "fake-32")


def test_a_file_that_was_deleted_stays_in_the_knowledge_base(adder: Adder, store: Store, manuals: Path) -> None:
    path = write(manuals / "a.md")
    add(adder, manuals)
    path.unlink()
    assert add(adder, manuals) == {}
    assert names(store) == ["a.md"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.md", b"", "is empty"),
        ("blank.txt", b"\n \n", "holds no text"),
        ("binary.txt", bytes(range(256)) * 40, ""),
        ("broken.pdf", b"%PDF-1.7\nnothing", ""),
        ("large.txt", b"The pump runs dry. " * 6000, "0.10 MB|100,000 bytes"),
    ],
)
def test_a_refused_file_is_reported_with_its_reason_and_the_rest_go_on(
    adder: Adder, manuals: Path, name: str, content: bytes, reason: str
) -> None:
    write(manuals / "a.md")
    (manuals / name).write_bytes(content)
    write(manuals / "z.md")
    reports = {Path(one.source).name: one for one in adder.add([manuals])}
    assert {key: one.outcome for key, one in reports.items()} == {"a.md": "added", name: "refused", "z.md": "added"}
    assert reports[name].reason.endswith(".")
    assert name in reports[name].reason
    assert any(part in reports[name].reason for part in reason.split("|"))
    assert reports[name].passages == 0


def test_a_named_file_of_an_unknown_kind_is_refused_with_a_way_out(adder: Adder, manuals: Path) -> None:
    (manuals / "a.pages").write_bytes(b"PK")
    (report,) = adder.add([manuals / "a.pages"])
    assert report.outcome == "refused"
    assert "save it as PDF" in report.reason


def test_a_named_file_that_is_not_there_is_refused(adder: Adder, manuals: Path) -> None:
    (report,) = adder.add([manuals / "gone.md"])
    assert (report.outcome, "is not there" in report.reason) == ("refused", True)


def test_files_of_other_kinds_below_a_folder_are_passed_over(adder: Adder, manuals: Path) -> None:
    write(manuals / "a.md")
    (manuals / "photo.jpg").write_bytes(b"\xff\xd8")
    (manuals / "Makefile").write_text("all:\n")
    assert add(adder, manuals) == {"a.md": "added"}


# Which files


def test_folders_are_walked_in_the_order_of_names(adder: Adder, manuals: Path) -> None:
    for name in ("b.md", "a/z.md", "c/a.md", "a.md"):
        write(manuals / name)
    sources = [Path(one.source).relative_to(manuals).as_posix() for one in adder.add([manuals])]
    assert sources == sorted(sources, key=lambda name: Path(name).parts)
    assert set(sources) == {"b.md", "a/z.md", "c/a.md", "a.md"}


def test_hidden_files_and_folders_are_passed_over_unless_named(adder: Adder, manuals: Path) -> None:
    write(manuals / ".hidden.md")
    write(manuals / ".git" / "a.md")
    write(manuals / "~a.md")
    assert add(adder, manuals) == {"~a.md": "added"}
    assert add(adder, manuals / ".hidden.md") == {".hidden.md": "added"}


def test_endings_are_known_in_any_case(adder: Adder, manuals: Path) -> None:
    write(manuals / "A.MD")
    write(manuals / "b.Txt")
    assert add(adder, manuals) == {"A.MD": "added", "b.Txt": "added"}


def test_a_loop_of_links_ends(adder: Adder, manuals: Path) -> None:
    write(manuals / "sub" / "a.md")
    (manuals / "sub" / "up").symlink_to(manuals, target_is_directory=True)
    (manuals / "self.md").symlink_to(manuals / "self.md")
    outcomes = add(adder, manuals)
    assert outcomes == {"a.md": "added", "self.md": "refused"}


def test_a_link_to_a_file_is_followed_and_a_dead_one_is_refused(adder: Adder, manuals: Path, tmp_path: Path) -> None:
    (manuals / "a.md").symlink_to(write(tmp_path / "elsewhere.md"))
    (manuals / "dead.md").symlink_to(tmp_path / "gone.md")
    assert add(adder, manuals) == {"a.md": "added", "dead.md": "refused"}


@pytest.mark.timeout(20)
def test_a_pipe_below_a_folder_is_refused_and_not_waited_for(adder: Adder, manuals: Path) -> None:
    os.mkfifo(manuals / "pipe.md")
    assert add(adder, manuals) == {"pipe.md": "refused"}


def test_a_file_that_is_named_twice_is_read_once(adder: Adder, manuals: Path) -> None:
    path = write(manuals / "a.md")
    assert len(list(adder.add([path, manuals, path, manuals]))) == 1


def test_a_relative_path_and_an_absolute_one_are_the_same_file(
    adder: Adder, manuals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(manuals / "a.md")
    add(adder, manuals)
    monkeypatch.chdir(manuals)
    assert add(adder, Path("a.md")) == {"a.md": "unchanged"}


@pytest.mark.parametrize("name", ["ünï cödé 水.md", 'it\'s 100% "fine".md', "-rf.md", "a\nb.md", "x" * 200 + ".md"])
def test_no_file_name_is_too_strange(adder: Adder, store: Store, manuals: Path, name: str) -> None:
    write(manuals / name)
    assert [one.outcome for one in adder.add([manuals])] == ["added"]
    assert names(store) == [name]


def test_a_file_name_that_is_not_unicode_is_refused_and_the_rest_go_on(adder: Adder, manuals: Path) -> None:
    (Path(os.fsdecode(os.fsencode(manuals) + b"/\xff.md"))).write_text("# A\n\nWords.\n")
    write(manuals / "z.md")
    outcomes = [one.outcome for one in adder.add([manuals])]
    assert sorted(outcomes) == ["added", "refused"]


# Names


def test_a_document_is_named_by_its_path_below_the_folder(adder: Adder, store: Store, manuals: Path) -> None:
    write(manuals / "pumps" / "a.md")
    add(adder, manuals)
    assert names(store) == ["pumps/a.md"]


def test_a_file_that_was_named_itself_is_named_by_its_name(adder: Adder, store: Store, manuals: Path) -> None:
    add(adder, write(manuals / "pumps" / "a.md"))
    assert names(store) == ["a.md"]


def test_of_two_folders_with_the_same_name_in_them_the_second_gets_a_longer_one(
    adder: Adder, store: Store, tmp_path: Path
) -> None:
    write(tmp_path / "old" / "manual.md", "Old words.")
    write(tmp_path / "new" / "manual.md", "New words.")
    assert [one.outcome for one in adder.add([tmp_path / "old", tmp_path / "new"])] == ["added", "added"]
    assert names(store) == ["manual.md", "new/manual.md"]


def test_passages_carry_the_name_under_which_their_document_is_stored(
    adder: Adder, store: Store, tmp_path: Path
) -> None:
    write(tmp_path / "old" / "manual.md")
    write(tmp_path / "new" / "manual.md")
    list(adder.add([tmp_path / "old", tmp_path / "new"]))
    for name in names(store):
        held = store.passage(store.passage_ids(name))
        assert {passage.document for passage in held.values()} == {name}


def test_a_longer_name_stays_when_its_file_is_edited(adder: Adder, store: Store, tmp_path: Path) -> None:
    write(tmp_path / "old" / "manual.md")
    write(tmp_path / "new" / "manual.md")
    folders = [tmp_path / "old", tmp_path / "new"]
    list(adder.add(folders))
    write(tmp_path / "new" / "manual.md", "Edited words.")
    assert [one.outcome for one in adder.add(folders)] == ["unchanged", "replaced"]
    assert names(store) == ["manual.md", "new/manual.md"]


def test_many_folders_with_the_same_names_all_get_one(adder: Adder, store: Store, tmp_path: Path) -> None:
    folders = [tmp_path / letter / "docs" for letter in "abcd"]
    for folder in folders:
        write(folder / "manual.md", f"Words of {folder.parent.name}.")
    assert {one.outcome for one in adder.add(folders)} == {"added"}
    assert len(set(names(store))) == 4


# Interruption


def test_interrupted_within_a_call_of_the_embedder_the_earlier_files_are_kept_and_the_rest_resumes(
    store: Store, manuals: Path
) -> None:
    write(manuals / "a.md", "\n\n".join(f"Sentence {number} says {'many words ' * 20}." for number in range(60)))
    write(manuals / "b.md", "Please interrupt here.")
    write(manuals / "c.md")
    with pytest.raises(KeyboardInterrupt):
        list(Adder(store, Interrupting(), max_tokens=60, max_file_bytes=100_000).add([manuals]))
    assert names(store) == ["a.md"]
    again = Adder(store, EMBEDDER, max_tokens=60, max_file_bytes=100_000)
    assert add(again, manuals) == {"a.md": "unchanged", "b.md": "added", "c.md": "added"}


def test_stopped_between_two_files_what_was_reported_is_stored(adder: Adder, store: Store, manuals: Path) -> None:
    for name in ("a.md", "b.md", "c.md"):
        write(manuals / name)
    reports = adder.add([manuals])
    next(reports)
    reports.close()  # type: ignore[attr-defined]  # a generator, as its callers rely on
    assert names(store) == ["a.md"]


def test_a_store_that_takes_nothing_ends_the_run(tmp_path: Path, manuals: Path) -> None:
    write(manuals / "a.md")
    path = tmp_path / "knowledge.db"
    Store.open(path, create=True).close()
    with Store.open(path, create=False, read_only=True) as sealed:
        with pytest.raises(StorageError):
            list(Adder(sealed, EMBEDDER, max_tokens=60, max_file_bytes=100_000).add([manuals]))


# Progress


@pytest.fixture
def told(adder: Adder, manuals: Path) -> list[AddProgress]:
    """Everything that is told while three files are added, one refused and one long."""
    write(manuals / "a.md")
    (manuals / "b.md").write_bytes(b"")
    write(manuals / "c.md", "\n\n".join(f"The pump number {number} runs dry every day." * 4 for number in range(150)))
    heard: list[AddProgress] = []
    reports = list(adder.add([manuals], heard.append))
    assert [one.outcome for one in reports] == ["added", "refused", "added"]
    assert sum(one.passages for one in reports) == heard[-1].passages
    return heard


def test_progress_never_goes_back(told: list[AddProgress]) -> None:
    for name in ("files_done", "bytes_done", "passages", "seconds"):
        values = [getattr(one, name) for one in told]
        assert values == sorted(values), name


def test_progress_never_exceeds_its_total_and_the_totals_do_not_change(told: list[AddProgress]) -> None:
    assert {one.files_total for one in told} == {3}
    assert len({one.bytes_total for one in told}) == 1
    assert all(0 <= one.bytes_done <= one.bytes_total and one.files_done <= 3 for one in told)


def test_progress_ends_with_everything_done(told: list[AddProgress], manuals: Path) -> None:
    assert told[-1].files_done == 3
    assert told[-1].bytes_done == told[-1].bytes_total == sum(path.stat().st_size for path in manuals.iterdir())


def test_progress_is_told_within_a_long_file(told: list[AddProgress]) -> None:
    within = [one for one in told if one.name == "c.md"]
    assert len({one.passages for one in within}) > 2
    assert len({one.bytes_done for one in within}) > 2


def test_each_file_is_named_when_its_turn_comes(told: list[AddProgress]) -> None:
    assert list(dict.fromkeys(one.name for one in told)) == ["a.md", "b.md", "c.md"]


# Vectors


def test_each_passage_has_the_vector_of_its_own_text(adder: Adder, store: Store, manuals: Path) -> None:
    # They are embedded sorted by length; a wrong way back would give each another's vector.
    words = ["valve", "motor of the pump", "heater", "a filter made of the finest steel", "lid"]
    path = manuals / "a.md"
    path.write_text("# A\n\n" + "\n\n".join(f"## {word}\n\nThe {word} is here." for word in words))
    list(adder.add([path]))
    ids, vectors = store.load_vectors(EMBEDDER.fingerprint)
    held = store.passage(int(one) for one in ids)
    assert len(ids) == len(words)
    for id_, vector in zip(ids, vectors, strict=True):
        expected = EMBEDDER.embed([held[int(id_)].searchable()])[0]
        assert np.allclose(vector, expected, atol=1e-6)


def test_no_passage_is_longer_than_the_embedder_sees(store: Store, manuals: Path) -> None:
    # An embedder with less room than a usual passage was refused as a contradiction in the limits.
    small = FakeEmbedder(max_tokens=24)
    write(manuals / "a.md", "The pump runs dry every day of the year. " * 30)
    reports = list(Adder(store, small, max_tokens=200, max_file_bytes=100_000).add([manuals]))
    assert reports[0].outcome == "added"
    held = store.passage(store.passage_ids()).values()
    assert max(small.count_tokens(passage.searchable()) for passage in held) <= 24


# Archives


class Counting(FakeEmbedder):
    """Keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return super().embed(texts)


def archive(path: Path, *numbers: int, words: str = "") -> Path:
    """An archive with an article for each number; `words` are in each of them."""
    return write_zim(
        path, {f"A/{number}": f"<h1>Pump {number}</h1><p>It has {number} kW.{words}" for number in numbers}
    )


def articles(store: Store) -> dict[str, str]:
    """Text by name."""
    found = {record.name: store.document(record.name) for record in store.documents()}
    return {name: one[1].partition("\n\n")[2] for name, one in found.items() if one is not None}


def test_the_articles_of_an_archive_become_documents_and_one_report(adder: Adder, store: Store, manuals: Path) -> None:
    path = archive(manuals / "wiki.zim", *range(100))
    write(manuals / "z.md")
    reports = list(adder.add([manuals]))
    assert reports[0] == FileReport(str(path), "added", passages=100, embedded=100)
    assert [Path(one.source).name for one in reports] == ["wiki.zim", "z.md"]
    assert articles(store)["wiki.zim/A/7"] == "It has 7 kW."
    record = next(record for record in store.documents() if record.name == "wiki.zim/A/7")
    assert (record.source, record.archive) == (f"{path}/A/7", str(path))
    assert store.check() == []


def test_an_unchanged_archive_is_skipped_without_looking_into_it(
    adder: Adder, store: Store, manuals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(manuals / "wiki.zim", 1, 2)
    add(adder, manuals)
    before = store.generation
    monkeypatch.setattr(zim, "find_spec", lambda _: None)  # it could not even be read
    assert add(adder, manuals) == {"wiki.zim": "unchanged"}
    assert store.generation == before


def test_an_archive_may_be_larger_than_the_limit_of_files(store: Store, manuals: Path) -> None:
    path = archive(manuals / "wiki.zim", 1)
    small = Adder(store, EMBEDDER, max_tokens=60, max_file_bytes=path.stat().st_size - 1)
    assert add(small, path) == {"wiki.zim": "added"}


def test_an_archive_that_was_interrupted_goes_on_and_embeds_nothing_twice(store: Store, manuals: Path) -> None:
    path = write_zim(
        manuals / "wiki.zim",
        {f"A/{number:03}": f"<p>Words {number}." for number in range(80)} | {"B": "<p>Please interrupt here."},
    )
    with pytest.raises(KeyboardInterrupt):
        add(Adder(store, Interrupting(), max_tokens=60, max_file_bytes=100_000), path)
    stored = names(store)
    assert 0 < len(stored) < 81
    counting = Counting()
    (report,) = Adder(store, counting, max_tokens=60, max_file_bytes=100_000).add([path])
    assert (report.outcome, report.embedded) == ("added", 81 - len(stored))
    assert len(counting.texts) == 81 - len(stored)
    assert len(names(store)) == 81


def test_a_new_edition_replaces_removes_adds_and_keeps(adder: Adder, store: Store, manuals: Path) -> None:
    path = archive(manuals / "wiki.zim", 1, 2, 3)
    add(adder, path)
    write_zim(path, {"A/1": "<h1>Pump 1</h1><p>It has 1 kW.", "A/2": "<h1>Pump</h1><p>New.", "A/4": "<p>x</p><p>Four."})
    counting = Counting()
    (report,) = Adder(store, counting, max_tokens=60, max_file_bytes=100_000).add([path])
    assert (report.outcome, report.embedded) == ("replaced", 2)
    assert articles(store) == {"wiki.zim/A/1": "It has 1 kW.", "wiki.zim/A/2": "New.", "wiki.zim/A/4": "Four."}
    assert not [text for text in counting.texts if "1 kW" in text]
    assert add(adder, path) == {"wiki.zim": "unchanged"}


def test_the_edition_before_is_not_taken_for_known_when_a_newer_one_was_interrupted(
    store: Store, adder: Adder, manuals: Path
) -> None:
    path = archive(manuals / "wiki.zim", 1, 2)
    old = path.read_bytes()
    add(adder, path)
    write_zim(path, {"A/1": "<p>New.", "A/2": "<p>Please interrupt here."})
    with pytest.raises(KeyboardInterrupt):
        add(Adder(store, Interrupting(), max_tokens=60, max_file_bytes=100_000), path)
    path.write_bytes(old)
    add(adder, path)
    assert articles(store) == {"wiki.zim/A/1": "It has 1 kW.", "wiki.zim/A/2": "It has 2 kW."}
    assert add(adder, path) == {"wiki.zim": "unchanged"}


def test_a_damaged_new_edition_is_refused_and_everything_stays(adder: Adder, store: Store, manuals: Path) -> None:
    path = archive(manuals / "wiki.zim", 1, 2)
    add(adder, path)
    data = bytearray(archive(path, 3, 4).read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (report,) = adder.add([path])
    assert (report.outcome, "is damaged" in report.reason) == ("refused", True)
    assert sorted(articles(store)) == ["wiki.zim/A/1", "wiki.zim/A/2"]


def test_an_archive_that_breaks_off_keeps_what_was_read_and_removes_nothing(
    store: Store, adder: Adder, manuals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(manuals / "wiki.zim", 1, 2)
    add(adder, path)
    archive(path, 1, 3, words=" More.")
    whole = zim.pages

    def broken(archive: Path) -> Iterator[object]:
        yield next(whole(archive))
        raise zim.BrokenArchive

    monkeypatch.setattr(zim, "pages", broken)
    (report,) = adder.add([path])
    assert (report.outcome, report.passages) == ("refused", 0)  # the one that came was not stored yet
    assert sorted(articles(store)) == ["wiki.zim/A/1", "wiki.zim/A/2"]
    monkeypatch.undo()
    assert add(adder, path) == {"wiki.zim": "replaced"}
    assert sorted(articles(store)) == ["wiki.zim/A/1", "wiki.zim/A/3"]


def test_an_archive_without_any_text_is_refused(adder: Adder, manuals: Path) -> None:
    path = write_zim(manuals / "wiki.zim", {"a": "<p> </p>"}, others={"b": ("image/png", b"\x89PNG")})
    (report,) = adder.add([path])
    assert (report.outcome, "holds no article with text" in report.reason) == ("refused", True)


def test_an_article_that_its_owner_removed_stays_out(adder: Adder, store: Store, manuals: Path) -> None:
    path = archive(manuals / "wiki.zim", 1, 2)
    add(adder, path)
    store.remove("wiki.zim/A/1", leave_out=True)
    archive(path, 1, 2, 3)
    list(adder.add([manuals], but=store.left_out()))
    assert sorted(articles(store)) == ["wiki.zim/A/2", "wiki.zim/A/3"]


def test_two_archives_of_one_name_both_find_room(adder: Adder, store: Store, tmp_path: Path) -> None:
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        archive(tmp_path / folder / "wiki.zim", 1)
    assert [one.outcome for one in adder.add([tmp_path / "old", tmp_path / "new"])] == ["added", "added"]
    assert names(store) == ["new/wiki.zim/A/1", "wiki.zim/A/1"]


def test_with_another_embedder_an_archive_is_read_again(adder: Adder, store: Store, manuals: Path) -> None:
    path = archive(manuals / "wiki.zim", 1, 2)
    add(adder, path)
    other = Adder(store, FakeEmbedder(dimensions=32), max_tokens=60, max_file_bytes=100_000)
    assert add(other, path) == {"wiki.zim": "replaced"}
    assert add(other, path) == {"wiki.zim": "unchanged"}
    assert len(store.known_vectors(f"{path}/A/1", "fake-32")) == 1


def test_progress_is_told_within_an_archive_and_never_goes_back(adder: Adder, manuals: Path) -> None:
    archive(manuals / "wiki.zim", *range(150))
    write(manuals / "z.md")
    heard: list[AddProgress] = []
    list(adder.add([manuals], heard.append))
    assert [one.bytes_done for one in heard] == sorted(one.bytes_done for one in heard)
    assert len({one.bytes_done for one in heard if one.name == "wiki.zim"}) > 4
    assert heard[-1].bytes_done == heard[-1].bytes_total
    assert (heard[-1].passages, heard[-1].files_done) == (151, 2)
