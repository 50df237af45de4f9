"""Publishing: a knowledge base becomes a signed bundle.

It knows the store, the bundle's file and keys. It does not know who installs it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from assistant import __version__
from assistant.artifacts.files import require_space, storage
from assistant.bundles import container
from assistant.bundles.keys import PrivateKey
from assistant.bundles.manifest import Base, Manifest, Payload, content_of
from assistant.bundles.workshop import Workshop, workshop
from assistant.errors import InputError, UsageError
from assistant.store import bundles as rows
from assistant.store import schema
from assistant.store.database import Store

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
DEFAULT_NAME = "manuals"
_MOST = 10**15


def publish(
    store: Store,
    folder: Path,
    target: Path,
    key: PrivateKey,
    *,
    name: str | None = None,
    version: int | None = None,
    since: Path | None = None,
    patience_s: float = 30.0,
) -> Manifest:
    """Write the knowledge base's state of this moment into the bundle `target`, whole or not at all.

    Args:
        store: the knowledge base; others may read and write it meanwhile.
        folder: where unfinished work may lie.
        target: an older bundle there is replaced at the end.
        key: signs it.
        name: what devices know it by; default: as `since`, else "manuals".
        version: higher than every one before; default: the time, as 20261121184500.
        since: an earlier bundle; only what has changed since then is carried, and only devices that have it, by
            whatever way, can take this one.
        patience_s: how long to wait for another process, in seconds.

    Raises:
        UsageError: name or version do not fit.
        InputError: `target` or `since` do not fit, or there is nothing to publish.
        StorageError: the disk does not take it.
        KnowledgeBaseError: the knowledge base is damaged.
    """
    with storage(target.parent):
        _require_replaceable(target)
    now = datetime.now(UTC)
    with workshop(folder, patience_s) as place:
        before = _opened_base(place, since, key) if since is not None else None
        chosen = name or (before[0].name if before else DEFAULT_NAME)
        number = _version(version, before[0] if before else None, now)
        if NAME.fullmatch(chosen) is None or (before and before[0].name != chosen):
            raise UsageError(_wrong_name(chosen, before[0] if before else None))
        content = place.draft("publishing")
        require_space(folder, 2 * store.statistics().file_bytes, "Publishing")  # the copy, and the copy packed
        made_at = now.isoformat(timespec="seconds")
        carried = rows.carry_out(store.path, content, before[1] if before else None, made_at)
        rows.require_sound(content)

        def described(payload: Payload) -> Manifest:
            return Manifest(
                format=1,
                name=chosen,
                version=number,
                made_at=made_at,
                made_by=__version__,
                signer=key.public.text,
                schema=len(schema.MIGRATIONS),
                embedder=carried.fingerprint,
                documents=len(carried.listing),
                passages=carried.passages,
                carried=carried.documents,
                content=content_of(rows.encoded(carried.listing)),
                base=Base(before[0].version, before[0].content) if before else None,
                payload=payload,
            )

        return container.write(target, content, described, key)


def _opened_base(place: Workshop, since: Path, key: PrivateKey) -> tuple[Manifest, rows.Listing]:
    """What the earlier bundle says of itself, and its documents."""
    unpacked = place.draft("since")
    with container.opened(since) as bundle:
        if bundle.signed_by([key.public]) is None:
            raise InputError(f"{since} was not signed with this key; name a bundle of your own, or leave --since out.")
        manifest = bundle.manifest()
        bundle.unpack(manifest.payload, unpacked)
    return manifest, rows.listing_of(unpacked)


def _version(given: int | None, before: Manifest | None, now: datetime) -> int:
    least = before.version + 1 if before else 1
    number = given if given is not None else max(least, int(now.strftime("%Y%m%d%H%M%S")))
    if not least <= number <= _MOST:
        raise UsageError(f"The version has to be from {least} to {_MOST}; choose another or leave --version out.")
    return number


def _wrong_name(name: str, before: Manifest | None) -> str:
    if before is not None:
        return f"The earlier bundle is called {before.name} and not {name}; leave --name or --since out."
    return f"{name!r} is no name for a bundle; take lower-case letters, digits, dots and dashes, at most 64."


def _require_replaceable(target: Path) -> None:
    if not target.parent.is_dir():
        raise InputError(f"There is no folder {target.parent}; create it, or name another file.")
    if target.is_dir():
        raise InputError(f"{target} is a folder; name a file in it.")
    if target.exists() and target.stat().st_size:
        with target.open("rb") as stream:
            if stream.read(len(container.MAGIC)) != container.MAGIC:
                raise InputError(f"{target} is there and is no bundle; name another file.")
