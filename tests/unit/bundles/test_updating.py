from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from assistant.bundles.container import opened
from assistant.bundles.manifest import content_of
from assistant.bundles.workshop import workshop
from assistant.errors import InputError, KnowledgeBaseBusy, KnowledgeBaseDamaged, KnowledgeBaseTooNew, UsageError
from assistant.store import Store, carrying, schema
from assistant.store.bundles import Entry, encoded, take_over
from assistant.store.records import checksum
from tests.unit.artifacts.conftest import Server
from tests.unit.artifacts.conftest import server as server  # a fixture
from tests.unit.bundles.devices import Device, Said, Workstation, new_key
from tests.unit.store.samples import parts

VERSION_2 = Path(__file__).parents[1] / "store" / "artifacts" / "version-2.db.gz"
BEFORE_3 = ("source", "name", "title", "media_type", "content_hash", "revised", "pages", "characters", "added_at")
"""Columns of a document's record in version 2 of the schema, in the order of the checksum."""


def as_published(workstation: Workstation, name: str = "pumps") -> Said:
    """What a device must hold of the workstation's documents, as they are now."""
    return {f"bundle:{name}/{source.removeprefix('/manuals/')}": said for source, said in workstation.said().items()}


@pytest.fixture
def first(workstation: Workstation, device: Device, tmp_path: Path) -> Path:
    """The first version, which is installed."""
    workstation.publish(tmp_path / "1.fmkb", version=1)
    report = device.update(tmp_path / "1.fmkb")
    assert (report.outcome, report.version, report.before, report.change.added) == ("installed", 1, None, 3)
    return tmp_path / "1.fmkb"


def edit(workstation: Workstation) -> None:
    """One document is edited, one goes, one comes, one stays."""
    workstation.put("manual-1.md", 5, seed=50)
    workstation.remove("manual-2.md")
    workstation.put("manual-3.md", 2, seed=3)


@pytest.mark.usefixtures("first")
def test_a_device_holds_what_was_published(workstation: Workstation, device: Device) -> None:
    assert device.said() == as_published(workstation)
    assert len(device.said()) == 3
    assert device.problems() == []
    assert device.left() == []


@pytest.mark.parametrize("delta", [False, True])
def test_full_and_delta_lead_to_the_same_and_keep_the_ids_of_what_stays(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path, delta: bool
) -> None:
    before = device.said(with_ids=True)
    edit(workstation)
    manifest = workstation.publish(tmp_path / "2.fmkb", version=2, **({"since": first} if delta else {}))
    assert (manifest.carried, manifest.documents, manifest.kind) == ((2, 3, "delta") if delta else (3, 3, "full"))
    change = device.update(tmp_path / "2.fmkb").change
    assert (change.added, change.replaced, change.removed, change.kept, change.passages) == (1, 1, 1, 1, 7)
    assert device.said() == as_published(workstation)
    after, highest = device.said(with_ids=True), max(id_ for said in before.values() for id_ in said[-1])
    assert after["bundle:pumps/manual-0.md"] == before["bundle:pumps/manual-0.md"]
    assert min(after["bundle:pumps/manual-1.md"][-1] + after["bundle:pumps/manual-3.md"][-1]) > highest
    assert device.problems() == []


def test_a_delta_fits_whichever_way_led_to_its_base(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path
) -> None:
    edit(workstation)
    workstation.publish(tmp_path / "2-delta", version=2, since=first)
    workstation.put("manual-4.md", 1, seed=4)
    workstation.publish(tmp_path / "3-delta", version=3, since=tmp_path / "2-delta")
    device.update(tmp_path / "2-delta")
    assert device.update(tmp_path / "3-delta").change.kept == 3
    assert device.said() == as_published(workstation)


def test_a_delta_is_refused_where_its_base_is_not(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path
) -> None:
    edit(workstation)
    workstation.publish(tmp_path / "2", version=2, since=first)
    workstation.publish(tmp_path / "3", version=3, since=tmp_path / "2")
    before = device.said()
    with pytest.raises(InputError, match=r"since version 2, and version 1 is installed; apply a full bundle\.$"):
        device.update(tmp_path / "3")
    fresh = Device(tmp_path / "fresh")
    fresh.trust(workstation.key)
    with pytest.raises(InputError, match="none is installed; apply a full bundle"):
        fresh.update(tmp_path / "2")
    device.remove("manual-0.md")
    with pytest.raises(InputError, match=r"manual-0\.md is not here as it was; apply a full bundle"):
        device.update(tmp_path / "2")
    assert device.said() == {source: said for source, said in before.items() if "manual-0" not in source}
    workstation.publish(tmp_path / "2-full", version=2)
    device.update(tmp_path / "2-full")
    assert device.said() == as_published(workstation)


def test_the_devices_own_documents_stay_and_a_sync_takes_none_of_the_bundles(
    workstation: Workstation, device: Device, tmp_path: Path
) -> None:
    device.put("mine.md", 2, seed=77)
    device.put("manual-0.md", 2, seed=78)  # of the same name as one of the bundle's
    own = device.said(with_ids=True)
    with Store.open(workstation.database, create=False) as store:
        store.follow("/manuals")
    workstation.publish(tmp_path / "1", version=1)
    device.update(tmp_path / "1")
    edit(workstation)
    workstation.publish(tmp_path / "2", version=2)
    device.update(tmp_path / "2")
    after = device.said(with_ids=True)
    assert {source: after[source] for source in own} == own
    assert {source: said for source, said in device.said().items() if source not in own} == as_published(workstation)
    with Store.open(device.database, create=False) as store:
        assert store.folders() == []
        names = {record.source: record.name for record in store.documents()}
        assert names["bundle:pumps/manual-0.md"] == "pumps/manual-0.md"
        assert names["bundle:pumps/manual-1.md"] == "manual-1.md"
    device.uninstall()
    assert device.said(with_ids=True) == own
    assert device.installed() == []


def test_two_bundles_live_beside_each_other(workstation: Workstation, device: Device, tmp_path: Path) -> None:
    workstation.publish(tmp_path / "a", version=1)
    workstation.publish(tmp_path / "b", version=1, name="pumps-2")
    device.update(tmp_path / "a")
    device.update(tmp_path / "b")
    assert device.said() == as_published(workstation) | as_published(workstation, "pumps-2")
    with pytest.raises(InputError, match="pumps, pumps-2; choose one of them with --name"):
        device.uninstall()
    device.uninstall("pumps")
    assert device.said() == as_published(workstation, "pumps-2")


@pytest.mark.usefixtures("first")
def test_the_way_back_is_one_step_and_one_only(workstation: Workstation, device: Device, tmp_path: Path) -> None:
    before = device.said()
    for version in (2, 3):
        workstation.put(f"more-{version}.md", 2, seed=version)
        workstation.put("manual-0.md", 2, seed=10 * version)
        workstation.publish(tmp_path / "next", version=version)
        middle, before = before, device.said()
        device.update(tmp_path / "next")
        assert len(device.left()) == 1
    report = device.roll_back()
    assert (report.outcome, report.version, report.before) == ("rolled back", 2, 3)
    assert device.said() == before != middle
    assert device.version() == 2
    assert device.problems() == []
    assert device.left() == []
    with pytest.raises(InputError, match="version before 2 of pumps is not here"):
        device.roll_back()
    assert device.update(tmp_path / "next").outcome == "updated"


def test_an_older_version_is_refused_unless_it_is_wanted(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path
) -> None:
    old = device.said()
    edit(workstation)
    workstation.publish(tmp_path / "2", version=2)
    device.update(tmp_path / "2")
    with pytest.raises(InputError, match="older than version 2, which is installed; to go back, run"):
        device.update(first)
    assert device.update(tmp_path / "2").outcome == "already installed"
    assert device.said() == as_published(workstation)
    device.update(first, allow_older=True)
    assert device.said() == old


def test_a_version_is_one_content(workstation: Workstation, device: Device, first: Path, tmp_path: Path) -> None:
    assert device.update(first).outcome == "already installed"
    edit(workstation)
    workstation.publish(tmp_path / "other", version=1)
    with pytest.raises(InputError, match="other content; have it published under a higher version"):
        device.update(tmp_path / "other")


def test_what_was_lost_comes_back_with_the_same_bundle_and_the_way_back_stays(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path
) -> None:
    before = device.said()
    edit(workstation)
    workstation.publish(tmp_path / "2", version=2)
    workstation.publish(tmp_path / "2-delta", version=2, since=first)
    device.update(tmp_path / "2")
    way_back = device.left()
    device.remove("manual-0.md")
    with pytest.raises(InputError, match="apply a full bundle"):
        device.update(tmp_path / "2-delta")
    report = device.update(tmp_path / "2")
    assert (report.outcome, report.change.added, report.change.kept) == ("completed", 1, 2)
    assert device.said() == as_published(workstation)
    assert device.left() == way_back != []
    assert device.update(tmp_path / "2-delta").outcome == "already installed"
    device.roll_back()
    assert device.said() == before


def test_only_the_trusted_are_believed_and_a_bundle_keeps_its_publisher(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path
) -> None:
    stranger = new_key(tmp_path / "stranger")
    edit(workstation)
    workstation.publish(tmp_path / "2", version=2, key=stranger)
    before = device.said(with_ids=True)
    with pytest.raises(InputError, match=r"not signed by a key that this device trusts.*--trust KEYFILE`\.$"):
        device.update(tmp_path / "2")
    device.trust(stranger)
    with pytest.raises(InputError, match="--new-signer"):
        device.update(tmp_path / "2")
    assert device.said(with_ids=True) == before
    assert device.update(tmp_path / "2", new_signer=True).outcome == "updated"
    with pytest.raises(InputError, match="was not signed with this key"):
        workstation.publish(tmp_path / "3", version=3, since=tmp_path / "2")
    fresh = Device(tmp_path / "fresh")
    with pytest.raises(InputError, match=r"trusts no publisher yet.*--trust KEYFILE"):
        fresh.update(first)
    assert not fresh.database.exists()


def test_vectors_of_two_embedders_are_never_mixed(workstation: Workstation, device: Device, tmp_path: Path) -> None:
    workstation.publish(tmp_path / "1", version=1)
    device.fingerprint = "another:1"
    with pytest.raises(InputError, match=r"embedder test-embedder:1, and this device uses another:1; have it"):
        device.update(tmp_path / "1")
    device.put("mine.md")
    device.fingerprint = "test-embedder:1"  # what the settings say does not matter where there are vectors
    with pytest.raises(InputError, match="this device uses another:1"):
        device.update(tmp_path / "1")
    device.fingerprint = "another:1"
    assert list(device.said()) == ["/manuals/mine.md"]


def test_open_readers_notice_and_see_one_state(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path
) -> None:
    edit(workstation)
    workstation.publish(tmp_path / "2", version=2)
    with Store.open(device.database, create=False) as reader:
        generation = reader.generation
        with reader.snapshot():
            names = [record.name for record in reader.documents()]
            device.update(tmp_path / "2")
            assert [record.name for record in reader.documents()] == names
        assert reader.changed_since(generation)
        assert [record.name for record in reader.documents()] != names
        generation = reader.generation
        assert device.update(tmp_path / "2").outcome == "already installed"
        assert not reader.changed_since(generation)


def test_tags_travel_with_their_documents(workstation: Workstation, device: Device, tmp_path: Path) -> None:
    def tags() -> dict[str, tuple[str, ...]]:
        with Store.open(device.database, create=False) as store:
            return {record.name: record.tags for record in store.documents()}

    with Store.open(workstation.database, create=False) as store:
        store.tag("/manuals", ["water"])
        store.tag("/manuals/manual-1.md", ["urgent"])
    workstation.publish(tmp_path / "1", version=1)
    device.update(tmp_path / "1")
    first = {"manual-0.md": ("water",), "manual-1.md": ("urgent", "water"), "manual-2.md": ("water",)}
    assert tags() == first
    with Store.open(workstation.database, create=False) as store:
        store.untag("/manuals", ["water"])
    workstation.publish(tmp_path / "2", version=2)
    assert device.update(tmp_path / "2").change.kept == 3
    assert tags() == {"manual-0.md": (), "manual-1.md": ("urgent",), "manual-2.md": ()}
    device.roll_back()
    assert tags() == first


def test_nothing_of_the_workstation_travels_but_its_documents(workstation: Workstation, tmp_path: Path) -> None:
    with Store.open(workstation.database, create=False) as store:
        store.follow("/home/secret-owner/folder")
        store.put(*parts("secret-draft.md", 3, seed=9))
        store.remove("secret-draft.md", leave_out=True)
    workstation.publish(tmp_path / "1", version=1)
    with opened(tmp_path / "1") as bundle:
        bundle.unpack(bundle.manifest().payload, tmp_path / "unpacked")
    inside = (tmp_path / "unpacked").read_bytes()
    assert b"manual-1.md" in inside
    for private in (b"secret", b"/manuals/", b"/home"):
        assert private not in inside


@pytest.mark.parametrize(
    "name", ["../../../etc/cron.d/job", "/etc/passwd", "C:\\windows\\x", "a\nb", "-rf", "\u202egnp.md", "x" * 4000]
)
def test_a_documents_name_is_text_and_never_a_path(
    workstation: Workstation, device: Device, tmp_path: Path, name: str
) -> None:
    def files() -> list[str]:
        return sorted(str(path) for path in tmp_path.rglob("*") if ".lock" not in path.name)

    workstation.put(name, 2, seed=1)
    workstation.publish(tmp_path / "1", version=1)
    Store.open(device.database, create=True).close()
    before = files()
    device.update(tmp_path / "1")
    assert f"bundle:pumps/{name}" in device.said()
    assert files() == before
    assert device.problems() == []


# Signed by the right key, and wrong all the same


def forged(workstation: Workstation, good: Path, spoil: Callable[[Path], object], **changes: object) -> Path:
    """A well-signed bundle whose unpacked payload was spoilt."""
    content, target = good.with_name("content"), good.with_name("forged")
    with opened(good) as bundle:
        manifest = bundle.manifest()
        bundle.unpack(manifest.payload, content)
    spoil(content)
    workstation.forge(target, content, manifest, **changes)
    return target


def sql(statement: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(statement)

    return spoil


SPOILT: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"#!/bin/sh\nrm -rf /\n" * 100),
    "nothing": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "another application's": sql("PRAGMA application_id = 7"),
    "a text changed": sql("UPDATE documents SET text = 'torque 99 Nm' WHERE id = 1"),
    "a passage changed": sql("UPDATE passages SET text = 'torque 99 Nm' WHERE id = 2"),
    "a vector gone": sql("DELETE FROM vectors WHERE id = 3"),
    "a vector changed": sql("UPDATE vectors SET vector = zeroblob(64) WHERE id = 3"),
    "words gone": sql("DELETE FROM passages_fts WHERE rowid = 4"),
    "a table gone": sql("DROP TABLE tags"),
    "a table more": sql("CREATE TABLE more (x)"),
    "a view instead of a table": sql("ALTER TABLE tags RENAME TO old; CREATE VIEW tags AS SELECT path, tag FROM old"),
    "a trigger": sql("CREATE TRIGGER t AFTER INSERT ON documents BEGIN DELETE FROM documents; END"),
    "a document gone": sql("PRAGMA foreign_keys = ON; DELETE FROM documents WHERE name = 'manual-1.md'"),
    "no list": sql("DELETE FROM meta WHERE key = 'bundle'"),
    "a list of nonsense": sql("UPDATE meta SET value = '[1, 2' WHERE key = 'bundle'"),
    "a list of other things": sql("""UPDATE meta SET value = '{"a": 7}' WHERE key = 'bundle'"""),
    "a list that differs": sql("UPDATE meta SET value = replace(value, 'manual-0', 'manual-9') WHERE key = 'bundle'"),
}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workstation, Device, Path]:
    """A device with version 1, and version 5 to be spoilt. Nothing that is tried may change it."""
    root = tmp_path_factory.mktemp("attacked")
    workstation, device = Workstation(root / "workstation"), Device(root / "device")
    device.trust(workstation.key)
    for number in range(3):
        workstation.put(f"manual-{number}.md", 4, seed=number)
    workstation.publish(root / "1", version=1)
    device.update(root / "1")
    edit(workstation)
    workstation.publish(root / "good", version=5)
    return workstation, device, root / "good"


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_was_signed_by_mistake_changes_nothing(
    attacked: tuple[Workstation, Device, Path], spoil: Callable[[Path], object]
) -> None:
    workstation, device, good = attacked
    before = device.said(with_ids=True)
    assert len(before) == 3
    with pytest.raises((InputError, KnowledgeBaseDamaged), match=r"; .*\.$") as caught:
        device.update(forged(workstation, good, spoil))
    assert str(device.database) not in str(caught.value), "the knowledge base is not what is damaged"
    assert device.said(with_ids=True) == before
    assert device.version() == 1
    assert device.problems() == []
    assert device.left() == []


def test_a_newer_schema_asks_for_a_newer_fieldmate(workstation: Workstation, device: Device, tmp_path: Path) -> None:
    newer = len(schema.MIGRATIONS) + 1
    workstation.publish(tmp_path / "good")
    with pytest.raises(KnowledgeBaseTooNew, match="update Fieldmate"):
        device.update(forged(workstation, tmp_path / "good", lambda path: None, schema=newer))
    with pytest.raises(KnowledgeBaseTooNew, match="update Fieldmate"):
        device.update(forged(workstation, tmp_path / "good", sql(f"PRAGMA user_version = {newer}")))
    assert device.said() == {}


def test_a_bundle_of_an_older_schema_is_brought_up_to_date(
    workstation: Workstation, device: Device, tmp_path: Path
) -> None:
    old, content = tmp_path / "old.db", tmp_path / "content"
    old.write_bytes(gzip.decompress(VERSION_2.read_bytes()))
    shutil.copyfile(old, content)
    with Store.open(old, create=False) as store:  # what it says once it is brought up to date
        with store.snapshot():
            held = {one.name: one for one in carrying.held(store._db, "main").values()}
        names = {f"bundle:pumps/{name}": [passage.text for passage in store.passage(store.passage_ids(name)).values()]
                 for name in held}  # fmt: skip
    listing = encoded({name: Entry(one.digest) for name, one in held.items()})
    with closing(sqlite3.connect(content)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        connection.execute("UPDATE documents SET source = name")
        for row in connection.execute(f"SELECT id, {', '.join(BEFORE_3)} FROM documents").fetchall():
            connection.execute("UPDATE documents SET checksum = ? WHERE id = ?", (checksum(*row[1:]), row[0]))
        connection.execute("INSERT INTO meta VALUES ('bundle', ?)", (listing.decode(),))
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.commit()
    like = workstation.publish(tmp_path / "like", version=1)
    workstation.forge(tmp_path / "1", content, like, schema=2, documents=len(held), content=content_of(listing))
    assert device.update(tmp_path / "1").change.added == len(held) == 2
    assert {source: [text for _, text, _ in said[2]] for source, said in device.said().items()} == names
    assert device.problems() == []


def test_a_document_is_the_one_that_is_listed(attacked: tuple[Workstation, Device, Path]) -> None:
    workstation, device, good = attacked
    rows = {f"manual-{number}.md": [str(number) * 64] for number in range(3)}
    listing = encoded({name: Entry(*digests) for name, digests in rows.items()})
    spoil = sql(f"UPDATE meta SET value = '{listing.decode()}' WHERE key = 'bundle'")
    before = device.said(with_ids=True)
    with pytest.raises(InputError, match="are not those that it names"):
        device.update(forged(workstation, good, spoil))
    carried = {f"manual-{number}.md": [str(number) * 64] for number in (0, 1, 3)}
    listing = encoded({name: Entry(*digests) for name, digests in carried.items()})
    spoil = sql(f"UPDATE meta SET value = '{listing.decode()}' WHERE key = 'bundle'")
    with pytest.raises(KnowledgeBaseDamaged, match=r"manual-0\.md is not the one that it lists"):
        device.update(forged(workstation, good, spoil, content=content_of(listing)))
    assert device.said(with_ids=True) == before


def test_a_way_back_that_leads_from_nothing_is_removed_even_by_an_update_that_fails(
    attacked: tuple[Workstation, Device, Path],
) -> None:
    workstation, device, good = attacked
    stray = device.folder / f"undo-{'0' * 64}.db"
    stray.write_bytes(b"left by a process that was killed")
    with pytest.raises((InputError, KnowledgeBaseDamaged)):
        device.update(forged(workstation, good, SPOILT["half"]))
    assert device.left() == []


def test_two_processes_take_turns(workstation: Workstation, device: Device, first: Path) -> None:
    device.patience_s = 0.1
    with workshop(device.folder, 1), pytest.raises(KnowledgeBaseBusy, match="run the same command again"):
        device.update(first)
    assert device.update(first).outcome == "already installed"


def test_a_damaged_way_back_is_one_sentence(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path
) -> None:
    edit(workstation)
    workstation.publish(tmp_path / "2", version=2)
    device.update(tmp_path / "2")
    undo = device.folder / device.left()[0]
    data = bytearray(undo.read_bytes())
    data[len(data) // 2] ^= 1
    undo.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged; apply a bundle of the earlier version\.$"):
        device.roll_back()
    undo.unlink()
    with pytest.raises(InputError, match="is not here"):
        device.roll_back()
    assert device.said() == as_published(workstation)


def test_who_changes_bundles_meanwhile_is_noticed(
    workstation: Workstation, device: Device, first: Path, tmp_path: Path
) -> None:
    edit(workstation)
    workstation.publish(tmp_path / "2", version=2)
    seen = device.installed()[0]
    device.update(tmp_path / "2")
    shutil.copyfile(device.folder / device.left()[0], tmp_path / "incoming")
    with (
        Store.open(device.database, create=False) as store,
        pytest.raises(KnowledgeBaseBusy, match="run the same command"),
    ):
        take_over(store, tmp_path / "incoming", seen, seen, None)
    assert device.said() == as_published(workstation)


# Publishing


def test_publishing_takes_only_what_fits(workstation: Workstation, tmp_path: Path, first: Path) -> None:
    for options in ({"name": "Über"}, {"name": "../x"}, {"version": 0}, {"version": 10**16}):
        with pytest.raises(UsageError):
            workstation.publish(tmp_path / "x", **options)
    with pytest.raises(UsageError, match="from 2 to"):
        workstation.publish(tmp_path / "x", since=first, version=1)
    with pytest.raises(UsageError, match="is called pumps"):
        workstation.publish(tmp_path / "x", since=first, name="lamps")
    (tmp_path / "note").write_text("mine")
    for target, why in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "x", "no folder"),
        (tmp_path / "note", "is no bundle"),
    ):
        with pytest.raises(InputError, match=why):
            workstation.publish(target)
    assert (tmp_path / "note").read_text() == "mine"
    empty = Workstation(tmp_path / "empty")
    Store.open(empty.database, create=True).close()
    with pytest.raises(InputError, match="empty; add documents"):
        empty.publish(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_versions_grow_without_being_told(workstation: Workstation, tmp_path: Path) -> None:
    one = workstation.publish(tmp_path / "1")
    two = workstation.publish(tmp_path / "2", since=tmp_path / "1")
    assert two.version > one.version > 20_000_000_000_000
    late = workstation.publish(tmp_path / "3", version=10**15 - 1)  # a clock that was wrong
    assert workstation.publish(tmp_path / "4", since=tmp_path / "3").version == late.version + 1


def test_a_damaged_knowledge_base_is_not_published(workstation: Workstation, tmp_path: Path) -> None:
    sql("UPDATE passages SET text = 'torque 99 Nm' WHERE id = 2")(workstation.database)
    with pytest.raises(KnowledgeBaseDamaged):
        workstation.publish(tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert [path.name for path in workstation.folder.iterdir()] == [".lock"]


# Addresses


def test_a_download_goes_on_where_it_was_cut(
    workstation: Workstation, device: Device, tmp_path: Path, server: Server
) -> None:
    workstation.publish(tmp_path / "1", version=1)
    data = (tmp_path / "1").read_bytes()
    server.put("/kb.fmkb", data).cut_at = [len(data) // 3]
    assert device.update(f"{server.url}/kb.fmkb").outcome == "installed"
    assert [asked.status for asked in server.asked("/kb.fmkb")] == [200, 206]
    assert device.said() == as_published(workstation)
    assert device.left() == []


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999/x",
        "http://a\x01b/",
        "http://ex ample/",
        "http://xn--a/",
        "http://ü/",
    ],
)
def test_what_is_no_address_is_one_sentence(device: Device, address: str) -> None:
    with pytest.raises(InputError, match=r"address.*\.$"):
        device.update(address)


def test_what_comes_from_an_address_is_believed_no_sooner(
    workstation: Workstation, device: Device, tmp_path: Path, server: Server
) -> None:
    workstation.publish(tmp_path / "1", version=1)
    data = bytearray((tmp_path / "1").read_bytes())
    data[-100] ^= 4
    server.put("/bad.fmkb", bytes(data))
    server.put("/page.html", b"<html>Sign in to the hotel network</html>")
    for path, why in (
        ("bad.fmkb", "is damaged"),
        ("page.html", "is no bundle"),
        ("missing", "could not be downloaded .*404"),
    ):
        with pytest.raises(InputError, match=why):
            device.update(f"{server.url}/{path}")
        assert device.left() == []
    assert device.said() == {}
