"""Bundles in the knowledge base: which are installed, what is in them, and how another version is taken over.

It knows the tables, and of a bundle its name, its version and the list of its documents. It does not know how a bundle
travels, nor who may publish one.

A document of a bundle has the source `bundle:NAME/DOCUMENT`. No file has such a path, so a sync never takes it for its
own, and an update touches nothing else. A version is a list of documents with the digest of what each says: taking one
over means to remove what is not in the list, to keep what agrees with it, and to carry the rest in, in one transaction.
That is the same step for a full bundle, a delta, and the way back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import InputError, KnowledgeBaseBusy, KnowledgeBaseDamaged
from assistant.store import carrying, tags, vectors
from assistant.store.carrying import Held
from assistant.store.database import Store
from assistant.store.files import discard, force
from assistant.store.guard import DAMAGED, made, translated
from assistant.store.records import NameTaken

if TYPE_CHECKING:
    from sqlite_utils import Database

_LISTING = "bundle"
"""Row of `meta` with the list of documents, in the file that a bundle carries."""
_COLUMNS = "name, version, content, signer, made_at, applied_at, undo"
"""As the fields of `Installed`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of a bundle."""

    digest: str
    tags: tuple[str, ...] = ()


Listing = Mapping[str, Entry]
"""The documents of a version, by name."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A version of a bundle, as the knowledge base knows it."""

    name: str
    version: int
    content: str
    """SHA-256 of the list of its documents."""
    signer: str
    """Public key of who published it."""
    made_at: str
    """When it was published, UTC, ISO 8601; so is `applied_at`."""
    applied_at: str
    undo: str | None = None
    """SHA-256 of the file that leads back to the version before; None where there is none."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What is in a file that `carry_out` wrote."""

    listing: Listing
    fingerprint: str | None
    """Of the embedder; None where there are no passages."""
    passages: int
    """Of all documents of the list."""
    documents: int
    """How many documents are in the file itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """How many documents a new version touched."""

    added: int
    replaced: int
    removed: int
    kept: int
    passages: int
    """Carried in."""


def encoded(listing: Listing) -> bytes:
    """The list as bytes: equal lists, equal bytes."""
    rows = {name: [entry.digest, *entry.tags] for name, entry in listing.items()}
    return json.dumps(rows, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def installed(store: Store) -> list[Installed]:
    """The bundles that the knowledge base holds, by name."""
    with translated(store.path), store.snapshot():
        return _installed(store._db)


def is_whole(store: Store, bundle: Installed) -> bool:
    """Whether all documents of the bundle are here, as they were installed."""
    with translated(store.path), store.snapshot():
        ours = _documents(store._db, "main", _source(bundle.name, ""))
        listing = _as_listed(store._db, "main", ours)
    return hashlib.sha256(encoded(listing)).hexdigest() == bundle.content


def carry_out(source: Path, target: Path, base: Listing | None, made_at: str) -> Carried:
    """Write the documents of the knowledge base `source`, as those of a bundle, into the new one `target`.

    With `base`, only those that differ from it are carried; the list names all. Folders that are followed, what was
    left out and where the documents came from stay behind.

    Raises:
        KnowledgeBaseError, StorageError: see `Store.open`.
        InputError: the source is empty.
    """
    with Store.open(target, create=True) as fresh:
        with _attached(fresh, source), fresh.writing() as db:
            found = carrying.held(db, "other")
            if not found:
                raise InputError("The knowledge base is empty; add documents before you publish it.")
            tagged = [(str(path), str(tag)) for path, tag in db.execute("SELECT path, tag FROM other.tags")]
            listing = {one.name: Entry(one.digest, tags.of(one.source, tagged)) for one in found.values()}
            wanted = [one for one in found.values() if base is None or base.get(one.name) != listing[one.name]]
            for one in sorted(wanted, key=lambda one: one.name):
                carrying.carry(db, one, one.name, one.name, made_at)
            _keep_listing(db, listing)
            embedder = carrying.live(db, "other")
        fresh.leave_no_journal()
    passages = sum(one.passages for one in found.values())
    return Carried(listing, embedder[1] if embedder else None, passages, len(wanted))


def listing_of(path: Path) -> Listing:
    """The list in a file that `carry_out` wrote.

    Raises:
        KnowledgeBaseDamaged: it holds none.
    """
    with Store.open(path, create=False) as store, translated(path), store.snapshot():
        return _listing(store._db, "main")


def require_sound(path: Path) -> None:
    """Bring a file that a bundle carried up to date, and check every byte of it.

    Raises:
        KnowledgeBaseDamaged: it is no knowledge base, or a damaged one.
    """
    with Store.open(path, create=False) as store:
        problems = store.check()
        store.leave_no_journal()
    if problems:
        raise _unusable(problems[0].message.rstrip("."))


def take_over(
    store: Store, incoming: Path, release: Installed, before: Installed | None, undo_folder: Path | None
) -> Change:
    """Make the documents of a bundle those of `release`, carrying from the file `incoming` what is not here yet.

    All or nothing: others see the old version until the new one is there.

    Args:
        store: the knowledge base, writable.
        incoming: a file that `require_sound` has passed.
        release: what is installed afterwards.
        before: what was installed when `release` was found to be right.
        undo_folder: where to put the way back, before anything changes; None: that of `release` stays.

    Raises:
        KnowledgeBaseBusy: another process writes for too long, or has installed something else meanwhile.
        InputError: `incoming` leaves something out that is not here either, or its vectors are another embedder's.
        KnowledgeBaseDamaged: `incoming` or the knowledge base is not what it should be.
        StorageError: the disk does not take it.
    """
    with _attached(store, incoming), store.writing() as db:
        if next((one for one in _installed(db) if one.name == release.name), None) != before:
            raise KnowledgeBaseBusy("Another process has just changed the bundles here; run the same command again.")
        _require_fitting(db, release)
        listing = _listing(db, "other")
        ours, theirs = _documents(db, "main", _source(release.name, "")), _documents(db, "other", "")
        kept = {name for name, one in ours.items() if name in listing and one.digest == listing[name].digest}
        fresh = sorted(listing.keys() - kept)
        _require_complete(fresh, theirs, listing, release)
        undo = _keep_undo(store.path, undo_folder, before, kept) if undo_folder and before else release.undo
        gone = [(one.id,) for name, one in ours.items() if name not in kept]
        db.conn.executemany("DELETE FROM main.documents WHERE id = ?", gone)
        for name in fresh:
            source = _source(release.name, name)
            carrying.carry(db, theirs[name], source, _free_name(db, release.name, name), release.applied_at)
        vectors.forget_unused_embedders(db)
        _sort(db, release.name, ours, listing)
        _enter(db, replace(release, undo=undo))
    return Change(
        added=len(listing.keys() - ours.keys()),
        replaced=len((listing.keys() & ours.keys()) - kept),
        removed=len(ours.keys() - listing.keys()),
        kept=len(kept),
        passages=sum(theirs[name].passages for name in fresh),
    )


def way_back(path: Path, name: str) -> Installed:
    """The version to which a file that `take_over` has put into its folder leads.

    Raises:
        KnowledgeBaseDamaged: it leads nowhere.
    """
    with Store.open(path, create=False) as store:
        found = [one for one in installed(store) if one.name == name]
        if not found:
            raise made(DAMAGED, path, "it does not say which version it leads to")
    return found[0]


def remove(store: Store, name: str) -> int:
    """Remove a bundle with its documents; returns how many there were."""
    with store.writing() as db:
        ours = _documents(db, "main", _source(name, ""))
        db.conn.executemany("DELETE FROM main.documents WHERE id = ?", [(one.id,) for one in ours.values()])
        _sort(db, name, ours, {})
        db.execute("DELETE FROM main.bundles WHERE name = ?", (name,))
        vectors.forget_unused_embedders(db)
    return len(ours)


def _unusable(detail: str) -> KnowledgeBaseDamaged:
    said = " ".join(detail.split())  # SQLite's own findings are several lines
    return KnowledgeBaseDamaged(f"What the bundle carries cannot be used ({said}); ask its publisher for another.")


def _source(bundle: str, name: str) -> str:
    return f"bundle:{bundle}/{name}"


def _documents(db: Database, schema: carrying.Schema, below: str) -> dict[str, Held]:
    """The documents whose source begins with `below`, by the rest of it."""
    return {source[len(below) :]: one for source, one in carrying.held(db, schema, below).items()}


def _installed(db: Database) -> list[Installed]:
    return [Installed(**row) for row in db.query(f"SELECT {_COLUMNS} FROM main.bundles ORDER BY name")]


def _enter(db: Database, release: Installed) -> None:
    db.execute("DELETE FROM main.bundles WHERE name = ?", (release.name,))
    marks = ", ".join("?" * len(_COLUMNS.split(", ")))
    db.execute(f"INSERT INTO main.bundles ({_COLUMNS}) VALUES ({marks})", astuple(release))


def _keep_listing(db: Database, listing: Listing) -> None:
    db.execute("INSERT INTO main.meta VALUES (?, ?)", (_LISTING, encoded(listing).decode()))


def _listing(db: Database, schema: carrying.Schema) -> Listing:
    row = db.execute(f"SELECT value FROM {schema}.meta WHERE key = ?", (_LISTING,)).fetchone()
    try:
        rows = json.loads(row[0]) if row is not None else None
    except (TypeError, ValueError, RecursionError):
        rows = None
    if not isinstance(rows, dict) or not all(_is_entry(words) for words in rows.values()):
        raise _unusable("it does not say which documents belong to it")
    return {name: Entry(digest, tuple(words)) for name, (digest, *words) in rows.items()}


def _is_entry(words: object) -> bool:
    return isinstance(words, list) and bool(words) and all(isinstance(word, str) for word in words)


def _require_fitting(db: Database, release: Installed) -> None:
    """Check that the attached file has our tables and the vectors that answers come from here."""
    ours, theirs = _tables(db, "main"), _tables(db, "other")
    if ours != theirs:
        raise _unusable("it has other tables than a knowledge base")
    here, there = carrying.live(db, "main"), carrying.live(db, "other")
    if here is not None and there is not None and here[1] != there[1]:
        raise InputError(
            f"{release.name} version {release.version} has vectors of the embedder {there[1]}, and the knowledge base "
            f"here uses {here[1]}; have it published with that one, or change this device's embedder first."
        )


def _tables(db: Database, schema: carrying.Schema) -> set[tuple[str, str]]:
    # Tables that FTS5 makes for itself are worded by the SQLite at hand.
    rows = db.execute(
        f"SELECT name, sql FROM {schema}.sqlite_master WHERE sql IS NOT NULL "
        "AND NOT (type = 'table' AND substr(name, 1, 13) = 'passages_fts_')"
    )
    return {(str(name), str(sql)) for name, sql in rows}


def _require_complete(fresh: Sequence[str], theirs: Mapping[str, Held], listing: Listing, release: Installed) -> None:
    for name in fresh:
        if name not in theirs:
            raise InputError(
                f"{release.name} version {release.version} only brings what has changed, and its document {name} is "
                "not here as it was; apply a full bundle of that version."
            )
        if theirs[name].digest != listing[name].digest:
            raise _unusable(f"its document {name} is not the one that it lists")


def _keep_undo(path: Path, folder: Path, before: Installed, kept: Container[str]) -> str:
    """Write the file that leads from what `take_over` is about to make back to `before`; returns its SHA-256.

    It reads the knowledge base through another connection, which sees what was there before the transaction in hand,
    and nobody else can write meanwhile.
    """
    draft = folder / "undo.draft"
    discard(draft)
    with Store.open(draft, create=True) as fresh:
        with _attached(fresh, path), fresh.writing() as db:
            ours = _documents(db, "other", _source(before.name, ""))
            for name, one in ours.items():
                if name not in kept:
                    carrying.carry(db, one, name, name, before.applied_at)
            _keep_listing(db, _as_listed(db, "other", ours))
            _enter(db, replace(before, undo=None))
        fresh.leave_no_journal()
    with translated(draft):
        force(draft)
        with draft.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        draft.replace(undo_file(folder, digest))
        force(folder)
    return digest


def undo_file(folder: Path, digest: str) -> Path:
    """Where the way back with this hash is."""
    return folder / f"undo-{digest}.db"


def _free_name(db: Database, bundle: str, name: str) -> str:
    """What a document is called here: as in its bundle, unless one of the device's own is called that already."""
    for candidate in (name, f"{bundle}/{name}", _source(bundle, name)):
        if not db.execute("SELECT 1 FROM main.documents WHERE name = ?", (candidate,)).fetchone():
            return candidate
    raise NameTaken(f"Other documents are called {name} and {bundle}/{name} already; rename or remove them first.")


def _sort(db: Database, bundle: str, before: Mapping[str, Held], listing: Listing) -> None:
    """Give each document the tags that its bundle gives it."""
    db.conn.executemany("DELETE FROM main.tags WHERE path = ?", [(one.source,) for one in before.values()])
    for name, entry in listing.items():
        tags.add(db, _source(bundle, name), entry.tags)


def _as_listed(db: Database, schema: carrying.Schema, documents: Mapping[str, Held]) -> Listing:
    """These documents of a bundle as its list has them: with their own tags, not with those of what they are below."""
    found: dict[str, tuple[str, ...]] = {}
    for path, tag in db.execute(f"SELECT path, tag FROM {schema}.tags ORDER BY path, tag"):
        found[path] = (*found.get(path, ()), tag)
    return {name: Entry(one.digest, found.get(one.source, ())) for name, one in documents.items()}


@contextmanager
def _attached(store: Store, other: Path) -> Iterator[None]:
    """Read `other` as the schema `other` of the store's connection."""
    with translated(store.path):
        store._db.execute("ATTACH ? AS other", (f"{other.resolve().as_uri()}?mode=ro",))
    try:
        yield
    finally:
        with translated(store.path):
            store._db.execute("DETACH other")
