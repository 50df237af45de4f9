"""Updating: a device takes a bundle over, or goes back to the version before.

It knows which bundles may be taken: those signed by a trusted key, by the same one as before, newer than what is there,
made for this embedder. It does not know how documents are stored.

Nothing of a file is believed before its signature has been checked, nothing is unpacked before its hash has, and
nothing is opened as a database before it is the bytes that were signed. Then it is checked as a backup would be.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from assistant.artifacts.files import storage
from assistant.artifacts.progress import Report
from assistant.artifacts.verify import sha256_of
from assistant.bundles import container
from assistant.bundles.keys import PublicKey, parse_public
from assistant.bundles.manifest import Manifest, content_of
from assistant.bundles.trust import FILE, trusted_keys
from assistant.bundles.workshop import DOWNLOAD, Workshop, workshop
from assistant.errors import InputError, KnowledgeBaseTooNew
from assistant.store import bundles as rows
from assistant.store import schema
from assistant.store.bundles import Change, Installed
from assistant.store.database import Store

_NO_CHANGE = Change(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What an update has done."""

    bundle: str
    outcome: Literal["installed", "updated", "completed", "already installed", "rolled back", "removed"]
    """"completed" means that documents of the installed version were missing and are there again."""
    version: int | None
    """What is installed now; None for nothing."""
    before: int | None
    """What was installed before."""
    made_at: str | None
    """When that version was published."""
    change: Change

    def to_dict(self) -> dict[str, Any]:
        """As the command prints it."""
        return {
            "bundle": self.bundle,
            "outcome": self.outcome,
            "version": self.version,
            "before": self.before,
            "made_at": self.made_at,
            **asdict(self.change),
        }


class Updater:
    """Applies bundles to one knowledge base."""

    def __init__(
        self,
        store: Callable[[], Store],
        folder: Path,
        fingerprint: Callable[[], str],
        report: Report,
        patience_s: float = 30.0,
    ) -> None:
        """Nothing is opened or made before it is needed.

        Args:
            store: gives the knowledge base, always the same; asked for once a signature has been checked.
            folder: where keys, ways back and unfinished work are.
            fingerprint: gives that of the embedder in force; asked for only where the store has no vectors yet.
            report: told how far a download is.
            patience_s: how long to wait for another process, in seconds.
        """
        self._open = store
        self._folder = folder
        self._fingerprint = fingerprint
        self._report = report
        self._patience_s = patience_s

    def update(self, source: str, *, allow_older: bool = False, new_signer: bool = False) -> UpdateReport:
        """Take over the bundle in the file, or at the http address, `source`.

        Args:
            source: where it is.
            allow_older: also take a version older than what is installed.
            new_signer: also take one that another trusted key has signed than what is installed.

        Raises:
            InputError: there is no such bundle, or it may not be taken.
            StorageError: the disk does not take it.
            KnowledgeBaseError: the knowledge base is busy or damaged, or what the bundle carries is.
        """
        with workshop(self._folder, self._patience_s) as place:
            keys = self._keys()
            remote = source.lower().startswith(("http://", "https://"))
            path = self._downloaded(place, source) if remote else Path(source).absolute()
            try:
                with container.opened(path) as bundle:
                    key = bundle.signed_by(keys)
                    if key is None:
                        raise InputError(
                            f"{source} is not signed by a key that this device trusts, or is damaged; get it again, or "
                            "trust its publisher with `fieldmate update --trust KEYFILE`."
                        )
                    return self._apply(place, bundle, key, allow_older, new_signer)
            finally:
                if remote:
                    path.unlink(missing_ok=True)

    def roll_back(self, name: str | None = None) -> UpdateReport:
        """Return to the version before, of the one bundle that is installed, or of that called `name`.

        Raises:
            InputError: there is no such bundle, or no version before.
            StorageError, KnowledgeBaseError: see `update`.
        """
        with workshop(self._folder, self._patience_s) as place:
            before = self._one(name)
            path = rows.undo_file(self._folder, before.undo or "")
            if before.undo is None or not path.is_file():
                raise InputError(f"The version before {before.version} of {before.name} is not here; apply its bundle.")
            if sha256_of(path) != before.undo:
                raise InputError(f"The way back, {path}, is damaged; apply a bundle of the earlier version.")
            # A copy: bringing it up to date must not change the file while the way back still counts.
            incoming = place.draft("incoming")
            with storage(self._folder):
                shutil.copyfile(path, incoming)
            rows.require_sound(incoming)
            release = replace(rows.way_back(incoming, before.name), applied_at=_now())
            change = rows.take_over(self._store, incoming, release, before, None)
            self._keep_undo(place)
        return UpdateReport(before.name, "rolled back", release.version, before.version, release.made_at, change)

    def remove(self, name: str | None = None) -> UpdateReport:
        """Remove a bundle with its documents.

        Raises:
            InputError: there is no such bundle.
        """
        with workshop(self._folder, self._patience_s) as place:
            before = self._one(name)
            removed = rows.remove(self._store, before.name)
            self._keep_undo(place)
        return UpdateReport(before.name, "removed", None, before.version, None, replace(_NO_CHANGE, removed=removed))

    @property
    def _store(self) -> Store:
        return self._open()

    def _keep_undo(self, place: Workshop) -> None:
        place.keep_undo({one.undo for one in rows.installed(self._store)})

    def _keys(self) -> list[PublicKey]:
        keys = trusted_keys(self._folder)
        if not keys:
            raise InputError(
                f"This device trusts no publisher yet (no key in {self._folder / FILE}); "
                "run `fieldmate update --trust KEYFILE` with the publisher's .pub file."
            )
        return keys

    def _downloaded(self, place: Workshop, url: str) -> Path:
        # Network code is imported where an owner has typed an address, and nowhere else.
        from assistant.artifacts.fetch import download, open_client
        from assistant.artifacts.fields import ExpectedFile
        from assistant.artifacts.staging import SourceError

        _require_address(url)
        target = place.folder / DOWNLOAD
        try:
            with open_client() as client:
                download(client, url, target, ExpectedFile(DOWNLOAD), self._report.step("downloading the bundle"))
        except (SourceError, UnicodeError) as exc:  # UnicodeError: a host whose name none can have
            raise InputError(
                f"The bundle could not be downloaded ({str(exc).rstrip('.')}); check address and network and run the "
                "same command again, which goes on where this stopped."
            ) from exc
        return target

    def _apply(
        self, place: Workshop, bundle: container.Bundle, key: PublicKey, allow_older: bool, new_signer: bool
    ) -> UpdateReport:
        manifest = bundle.manifest()
        before = next((one for one in rows.installed(self._store) if one.name == manifest.name), None)
        same = before is not None and (before.version, before.content) == (manifest.version, manifest.content)
        if before is not None and same and rows.is_whole(self._store, before):
            return UpdateReport(
                manifest.name, "already installed", before.version, before.version, before.made_at, _NO_CHANGE
            )
        self._require_allowed(manifest, key, before, allow_older, new_signer)
        self._require_fitting(manifest)
        self._keep_undo(place)  # a process that was killed may have left one that leads from nothing
        incoming = place.draft("incoming")
        bundle.unpack(manifest.payload, incoming)
        rows.require_sound(incoming)
        listing = rows.listing_of(incoming)
        if content_of(rows.encoded(listing)) != manifest.content or len(listing) != manifest.documents:
            raise InputError(
                f"The documents in {bundle.path} are not those that it names; ask its publisher for another."
            )
        release = Installed(manifest.name, manifest.version, manifest.content, key.text, manifest.made_at, _now())
        if before is not None and same:  # some of it was lost or removed: the way back stays
            release = replace(release, undo=before.undo)
        change = rows.take_over(self._store, incoming, release, before, None if same else self._folder)
        self._keep_undo(place)
        outcome: Literal["installed", "updated", "completed"]
        outcome = "installed" if before is None else "completed" if same else "updated"
        version = before.version if before else None
        return UpdateReport(manifest.name, outcome, manifest.version, version, manifest.made_at, change)

    def _require_allowed(
        self, manifest: Manifest, key: PublicKey, before: Installed | None, allow_older: bool, new_signer: bool
    ) -> None:
        said = f"{manifest.name} version {manifest.version}"
        if before is not None:
            if key.text != before.signer and not new_signer:
                former = parse_public(before.signer) or PublicKey(before.signer)
                raise InputError(
                    f"{said} is signed by the key {key.fingerprint}, and what is installed by {former.fingerprint}; if "
                    "its publisher has a new key, run the same command with --new-signer."
                )
            if manifest.version == before.version and manifest.content != before.content:
                raise InputError(f"{said} is installed with other content; have it published under a higher version.")
            if manifest.version < before.version and not allow_older:
                raise InputError(
                    f"{said} is older than version {before.version}, which is installed; to go back, run "
                    "`fieldmate update --rollback`, or the same command with --allow-older."
                )
        base = manifest.base
        if base is not None and (before is None or (before.version, before.content) != (base.version, base.content)):
            here = f"version {before.version}" if before else "none"
            raise InputError(
                f"{said} only brings what has changed since version {base.version}, and {here} is installed; apply "
                "a full bundle."
            )

    def _require_fitting(self, manifest: Manifest) -> None:
        if manifest.schema > len(schema.MIGRATIONS):
            raise KnowledgeBaseTooNew(
                f"{manifest.name} version {manifest.version} was made by a newer version of Fieldmate; update "
                "Fieldmate and run the same command again."
            )
        if manifest.embedder is None:
            return
        here = self._store.live or self._fingerprint()
        if here != manifest.embedder:
            raise InputError(
                f"{manifest.name} version {manifest.version} has vectors of the embedder {manifest.embedder}, and this "
                f"device uses {here}; have it published with that one, or change this device's embedder first."
            )

    def _one(self, name: str | None) -> Installed:
        found = rows.installed(self._store)
        chosen = [one for one in found if name in (None, one.name)]
        if not found:
            raise InputError("No bundle is installed; `fieldmate update FILE` installs one.")
        if len(chosen) != 1:
            names = ", ".join(one.name for one in found)
            raise InputError(f"Installed are {names}; choose one of them with --name.")
        return chosen[0]


def _require_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        shown = url.encode("ascii", "replace").decode()
        raise InputError(f"{shown!r} is no address of a bundle; write it as https://example.org/manuals.fmkb.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
