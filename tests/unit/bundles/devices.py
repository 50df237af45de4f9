"""A workstation that publishes and devices that take over, on the store's small sample documents."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.artifacts.progress import Report
from assistant.bundles import trust
from assistant.bundles.container import write
from assistant.bundles.keys import PrivateKey, load_private, make_pair
from assistant.bundles.manifest import Manifest, Payload
from assistant.bundles.publishing import publish
from assistant.bundles.updating import Updater, UpdateReport
from assistant.errors import StorageError
from assistant.store import Store
from assistant.store.bundles import Installed, installed
from tests.unit.store.samples import FINGERPRINT, parts

Said = dict[str, tuple[Any, ...]]
"""What a knowledge base says: by a document's source, everything of it that an answer could come from."""


def new_key(path: Path) -> PrivateKey:
    make_pair(path, None)
    return load_private(path, None)


@dataclass
class Place:
    """A data folder."""

    root: Path
    fingerprint: str = FINGERPRINT

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    @property
    def database(self) -> Path:
        return self.root / "knowledge.db"

    @property
    def folder(self) -> Path:
        return self.root / "bundles"

    def put(self, name: str, count: int = 3, seed: int = 0) -> None:
        with Store.open(self.database, create=True) as store:
            store.put(*parts(name, count, seed, self.fingerprint))

    def remove(self, name: str) -> None:
        with Store.open(self.database, create=False) as store:
            store.remove(name)

    def problems(self) -> list[str]:
        with Store.open(self.database, create=False) as store:
            return [problem.message for problem in store.check()]

    def said(self, *, with_ids: bool = False) -> Said:
        """Everything that is stored; nothing while there is no knowledge base."""
        found: Said = {}
        with suppress(StorageError), Store.open(self.database, create=False) as store:
            vectors = dict(zip(*(part.tolist() for part in store.load_vectors(self.fingerprint)), strict=True))
            for record in store.documents():
                ids = store.passage_ids(record.name)
                passages = [(one.ordinal, one.text, one.heading_path) for one in store.passage(ids).values()]
                words = [store.lexical([record.name, "passage"], 1000) != []]
                about = (record.title, record.content_hash, record.revised, record.pages, record.tags)
                text = store.document(record.name)
                rows = [tuple(vectors[id_]) for id_ in ids]
                found[record.source] = (
                    about, text[1] if text else None, passages, words, rows, ids if with_ids else []
                )  # fmt: skip
        return found


@dataclass
class Workstation(Place):
    """Publishes."""

    key_path: Path = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.key_path = self.root / "publisher.key"
        self.key = new_key(self.key_path)

    def publish(self, target: Path, **options: Any) -> Manifest:
        options.setdefault("name", None if "since" in options else "pumps")
        with Store.open(self.database, create=False) as store:
            return publish(store, self.folder, target, options.pop("key", self.key), **options)

    def forge(self, target: Path, inside: Path, like: Manifest, **changes: Any) -> None:
        """A bundle of any file, with any manifest, under our good signature."""

        def described(payload: Payload) -> Manifest:
            return Manifest(
                **{**{name: getattr(like, name) for name in like.__struct_fields__}, "payload": payload, **changes}
            )

        write(target, inside, described, self.key)


@dataclass
class Device(Place):
    """Takes over."""

    patience_s: float = 5.0

    def trust(self, key: PrivateKey) -> None:
        trust.trust(self.folder, key.public)

    def _using(self, action: Callable[[Updater], UpdateReport]) -> UpdateReport:
        opened: list[Store] = []

        def store() -> Store:
            if not opened:
                opened.append(Store.open(self.database, create=True, busy_timeout=self.patience_s))
            return opened[0]

        try:
            return action(Updater(store, self.folder, lambda: self.fingerprint, Report(), self.patience_s))
        finally:
            for one in opened:
                one.close()

    def update(self, source: Path | str, **options: bool) -> UpdateReport:
        return self._using(lambda updater: updater.update(str(source), **options))

    def roll_back(self, name: str | None = None) -> UpdateReport:
        return self._using(lambda updater: updater.roll_back(name))

    def uninstall(self, name: str | None = None) -> UpdateReport:
        return self._using(lambda updater: updater.remove(name))

    def installed(self) -> list[Installed]:
        with Store.open(self.database, create=True) as store:
            return installed(store)

    def version(self) -> int | None:
        found = self.installed()
        return found[0].version if found else None

    def left(self) -> list[str]:
        """What lies in the folder of bundles, but for lock and keys."""
        return sorted(path.name for path in self.folder.iterdir() if path.name not in (".lock", "trusted-keys"))
