"""Verifying, repairing and changing the embedder, with real embedders and a real, damaged store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from assistant import Assistant, Settings
from assistant.errors import InputError, KnowledgeBaseDamaged, KnowledgeBaseError
from assistant.settings import EmbedderSettings, PassageSettings
from assistant.store.schema import PAGE_SIZE
from assistant.types import Scope

TOPICS = ("pump", "valve", "boiler", "sensor", "filter", "motor")
DEFAULT = EmbedderSettings(threads=1)
"""The bundled one: 384 numbers a vector, where the tiny one has 16."""


def _text(topic: str) -> str:
    parts = [f"# The {topic}", f"Set the {topic} to {len(topic)} bar before use."]
    parts += [f"## Part {n}\n\nThe {topic} has a screw {n}. Turn it by {n} degrees." for n in range(6)]
    return "\n\n".join(parts)


@pytest.fixture
def manuals(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    folder.mkdir()
    for topic in TOPICS:
        (folder / f"{topic}.md").write_text(_text(topic))
    return folder


@pytest.fixture
def settings(tiny_settings: Settings, manuals: Path) -> Settings:
    with Assistant.open(tiny_settings) as fieldmate:
        fieldmate.add([manuals], tags=["all"])
        assert fieldmate.verify().to_dict() == {"sound": True, "problems": [], "documents": 6, "passages": 6 * 7}
    return tiny_settings


def _found(settings: Settings) -> list[list[tuple[str, str]]]:
    with Assistant.open(settings) as fieldmate:
        return [
            [(hit.passage.document, hit.passage.text) for hit in fieldmate.search(f"how is the {topic} set", 3)]
            for topic in TOPICS
        ]


def _run(settings: Settings, *statements: str) -> None:
    with closing(sqlite3.connect(settings.database)) as raw:
        for statement in statements:
            assert raw.execute(statement).rowcount
        raw.commit()


HARMLESS = {
    "words of a passage changed": ("UPDATE passages_fts SET body = 'nothing' WHERE rowid = 3",),
    "words of a passage gone": ("DELETE FROM passages_fts WHERE rowid = 3",),
    "words of no passage": ("INSERT INTO passages_fts (rowid, heading, body) VALUES (999, 'a', 'b')",),
    "a bit of a vector": ("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE passage_id = 5",),
    "a vector gone": ("DELETE FROM vectors WHERE passage_id = 5",),
    "all vectors gone": ("DELETE FROM vectors",),
    "a passage changed": ("UPDATE passages SET text = replace(text, '4 bar', '9 bar') WHERE text LIKE '%4 bar%'",),
    "a passage gone": ("DELETE FROM passages WHERE id = 7",),
    "the last passage gone": ("DELETE FROM passages WHERE id = (SELECT max(id) FROM passages)",),
    "a heading changed": ("UPDATE passages SET heading_path = '[\"Other\"]' WHERE id = 2",),
    "a text changed": ("UPDATE documents SET text = replace(text, 'screw', 'nail') WHERE name LIKE '%pump%'",),
    "a record changed": ("UPDATE documents SET revised = '2031-01-01' WHERE name LIKE '%pump%'",),
    "a text that is not Unicode": ("UPDATE documents SET text = CAST(x'C328' AS TEXT) WHERE name LIKE '%pump%'",),
    "two documents": ("UPDATE documents SET text_checksum = 1 WHERE id IN (2, 4)",),
}


@pytest.mark.parametrize("damage", HARMLESS)
def test_what_can_be_derived_is_found_and_mended(settings: Settings, damage: str) -> None:
    before = _found(settings)
    _run(settings, *HARMLESS[damage])
    with Assistant.open(settings) as fieldmate:
        verdict = fieldmate.verify()
        assert verdict.problems
        assert all(problem.message.endswith(".") for problem in verdict.problems)
        mended = fieldmate.repair()
        assert mended.found == verdict.problems
        assert (mended.left, mended.lost, mended.unnamed) == ((), (), 0)
        assert mended.kept + len(mended.read_again) == 6
        assert fieldmate.verify().to_dict() == {"sound": True, "problems": [], "documents": 6, "passages": 42}
        assert fieldmate.sync().count("unchanged") == 6
        assert len(fieldmate.search("screw", 50, Scope(tags=("all",)))) == 42
    assert _found(settings) == before


def test_a_sound_knowledge_base_is_left_as_it_is(settings: Settings) -> None:
    before = settings.database.read_bytes()
    with Assistant.open(settings) as fieldmate:
        mended = fieldmate.repair()
    assert (mended.found, mended.kept, mended.embedded, mended.aside) == ((), 6, 0, None)
    assert settings.database.read_bytes() == before


def test_a_damaged_document_whose_file_is_gone_is_named_and_its_remains_are_kept(
    settings: Settings, manuals: Path
) -> None:
    (manuals / "pump.md").unlink()
    _run(settings, "UPDATE documents SET text = text || 'x' WHERE name LIKE '%pump%'")
    with Assistant.open(settings) as fieldmate:
        mended = fieldmate.repair()
        assert mended.lost == (str(manuals / "pump.md"),)
        assert not mended.to_dict()["sound"]
        assert mended.aside
        assert Path(mended.aside).stat().st_size
        assert len(fieldmate.documents()) == 5
        assert fieldmate.verify().problems == ()


def test_pages_that_were_overwritten_cost_only_what_stood_on_them(settings: Settings) -> None:
    """Every page behind the first is ruined once, in a copy of its own; each time something sound comes out."""
    before = _found(settings)
    with closing(sqlite3.connect(settings.database)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    good = settings.database.read_bytes()
    outcomes = set()
    for page in range(1, len(good) // PAGE_SIZE):
        spoilt = bytearray(good)
        spoilt[page * PAGE_SIZE : (page + 1) * PAGE_SIZE] = os.urandom(PAGE_SIZE)
        for ending in ("-wal", "-shm"):
            settings.database.with_name(settings.database.name + ending).unlink(missing_ok=True)
        settings.database.write_bytes(spoilt)
        with Assistant.open(settings) as fieldmate:
            try:
                mended = fieldmate.repair()
            except KnowledgeBaseDamaged:
                outcomes.add("refused")
                continue
            assert mended.left == ()
            assert fieldmate.verify().problems == ()
            outcomes.add("mended")
            if mended.unnamed:
                fieldmate.sync()
            if not fieldmate.folders():
                outcomes.add("folders lost")
                continue
            fieldmate.sync()
        assert _found(settings) == before, page
    assert "mended" in outcomes


def test_a_file_that_is_no_knowledge_base_is_not_repaired(settings: Settings) -> None:
    settings.database.write_bytes(b"\0" * 100 + settings.database.read_bytes()[100:])
    with Assistant.open(settings) as fieldmate, pytest.raises(KnowledgeBaseDamaged, match="restore a backup"):
        fieldmate.repair()


def test_a_title_that_was_shortened_to_leave_room_for_text_is_no_damage(
    tiny_settings: Settings, tmp_path: Path
) -> None:
    title = "The service manual of the large pump unit with two motors, four valves and a boiler of the second series"
    path = tmp_path / "long.md"
    path.write_text(f"# {title}\n\n" + "\n\n".join(f"Turn screw {n} by {n} degrees." for n in range(40)))
    small = msgspec.structs.replace(tiny_settings, passages=PassageSettings(max_tokens=32))
    with Assistant.open(small) as fieldmate:
        assert fieldmate.add([path]).count("added") == 1
        assert fieldmate.verify().problems == ()
        assert {hit.passage.title for hit in fieldmate.search("boiler", 50)} == {title}
        assert fieldmate.add([path]).count("unchanged") == 1


# Another embedder


@pytest.fixture
def other(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, embedder=DEFAULT)


class _Stop(Exception):
    pass


def _stop_after(batches: int) -> Callable[[object], None]:
    left = iter(range(batches))

    def progress(_: object) -> None:
        if next(left, None) is None:
            raise _Stop

    return progress


@pytest.fixture
def many(settings: Settings, manuals: Path) -> None:
    """More passages than are embedded at a time."""
    for number in range(60):
        (manuals / f"more-{number}.md").write_text(_text(f"thing{number}"))
    with Assistant.open(settings) as fieldmate:
        fieldmate.sync()


def test_until_another_embedder_has_done_all_passages_the_former_one_answers(
    settings: Settings, other: Settings, many: None, manuals: Path
) -> None:
    before = _found(settings)
    assert _found(other) == before
    with Assistant.open(other) as fieldmate, Assistant.open(settings) as still:
        assert "until `fieldmate sync` has made the change to all-minilm-l6-v2" in fieldmate.notice
        assert still.notice == ""
        with pytest.raises(_Stop):
            fieldmate.sync(changing=_stop_after(1))
        assert fieldmate.notice
        assert _found(other) == before == _found(settings)
        embedded: list[int] = []
        report = fieldmate.sync(changing=lambda step: embedded.append(step.done))
        assert report.count("unchanged") == 66
        assert embedded[0] > 64  # it went on where it had stopped
        assert embedded[-1] == 66 * 7
        assert fieldmate.notice == ""
        assert fieldmate.verify().problems == ()
        held = fieldmate._parts.store(create=False).statistics().embedders
        assert [one.fingerprint.partition(":")[0] for one in held] == ["all-minilm-l6-v2-int8"]
        # Whoever has it open goes over to the new vectors with the next question.
        assert still.search("how is the pump set", 3)[0].passage.document.endswith("pump.md")
        assert still._parts.serving.dimensions == 384
        (manuals / "late.md").write_text(_text("late"))
        assert fieldmate.sync().count("added") == 1


def test_adding_makes_the_change_first(other: Settings, manuals: Path) -> None:
    (manuals / "late.md").write_text(_text("late"))
    with Assistant.open(other) as fieldmate:
        assert fieldmate.add([manuals / "late.md"]).count("added") == 1
        assert fieldmate.notice == ""
        assert fieldmate.verify().to_dict()["passages"] == 49


def test_an_embedder_that_is_gone_is_named_with_the_way_on(settings: Settings, other: Settings) -> None:
    for path in sorted((settings.home / "models").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    with Assistant.open(other) as fieldmate:
        with pytest.raises(KnowledgeBaseError, match=r"is not here as it was then; run `fieldmate sync` to change to"):
            fieldmate.search("pump")
        fieldmate.sync()
        assert fieldmate.search("pump")


# Tags


def test_tags_are_given_by_name_and_by_folder(settings: Settings, manuals: Path) -> None:
    with Assistant.open(settings) as fieldmate:
        fieldmate.tag("pump.md", ["wet"])
        assert {hit.passage.document for hit in fieldmate.search("screw", 20, Scope(tags=("wet",)))} == {"pump.md"}
        assert fieldmate.untag("pump.md", ["wet", "dry"]) == 1
        with pytest.raises(InputError, match="No document has the tag wet; there are: all"):
            fieldmate.search("screw", 20, Scope(tags=("wet",)))
        fieldmate.tag(manuals, ["both"])
        assert fieldmate.documents()[0].tags == ("all", "both")
        with pytest.raises(InputError, match="no document or folder nowhere"):
            fieldmate.tag("nowhere", ["x"])


def test_an_archive_is_removed_as_a_whole_and_comes_back_only_when_it_is_named(
    tiny_settings: Settings, tmp_path: Path
) -> None:
    zim_bytes = pytest.importorskip("tests.artifacts.zim_bytes", reason="libzim is not installed")
    folder = tmp_path / "library"
    folder.mkdir()
    pages = {f"A/{topic}": f"<h1>{topic}</h1><p>Set the {topic} to {len(topic)} bar.</p>" for topic in TOPICS}
    archive = zim_bytes.write_zim(folder / "wiki.zim", pages)
    with Assistant.open(tiny_settings) as fieldmate:
        fieldmate.add([folder])
        assert len(fieldmate.documents()) == len(TOPICS)
        assert fieldmate.remove("A/pump") == ["wiki.zim/A/pump"]
        assert fieldmate.remove("wiki.zim") == [str(archive)]
        assert fieldmate.documents() == []
        fieldmate.sync()
        assert fieldmate.documents() == []
        fieldmate.add([archive])
        assert len(fieldmate.documents()) == len(TOPICS)
        assert fieldmate.verify().problems == ()
