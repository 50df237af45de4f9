"""`fieldmate bundle` and `fieldmate update`: publishing a knowledge base, and taking one over."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.cli.app import App, Command, Group, print_json
from assistant.cli.terminal import echo
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.bundles.keys import PrivateKey
    from assistant.bundles.manifest import Manifest
    from assistant.bundles.updating import UpdateReport

PASSPHRASE = "BUNDLE_KEY_PASSPHRASE"  # noqa: S105  # the name of a variable


@click.group(cls=Group)
def bundle() -> None:
    """Publish the knowledge base for other devices, signed.

    \b
    Example:
      fieldmate bundle keys ~/publisher.key
      fieldmate bundle kb manuals.fmkb --key ~/publisher.key
    """


@bundle.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--passphrase", is_flag=True, help=f"Protect the key with one: ${PASSPHRASE}, else asked for.")
@click.option("--comment", default="", metavar="TEXT", help="Whose key it is; devices show it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def keys(app: App, file: Path, passphrase: bool, comment: str, as_json: bool) -> None:
    """Make a pair of keys: FILE stays with you, FILE.pub goes to the devices.

    Whoever has FILE can change the knowledge base of every device that trusts FILE.pub: keep it off the devices, and a
    copy of it in a safe place.

    \b
    Example:
      fieldmate bundle keys ~/publisher.key --passphrase --comment "Kiosk service"
    """
    from assistant.bundles.keys import PassphraseNeeded, make_pair

    if comment and (
        not comment.isascii() or not comment.isprintable() or len(comment) > 100 or comment != comment.strip()
    ):
        raise UsageError("The comment has to be up to 100 plain ASCII characters; choose another.")
    secret = _asked(confirm=True) if passphrase else None
    try:
        key = make_pair(file, secret, comment)
    except PassphraseNeeded:  # only the private half is there, and has one
        key = make_pair(file, _asked(), comment)
    if as_json:
        print_json({"private": str(file), "public": f"{file}.pub", "key": key.text, "fingerprint": key.fingerprint})
        return
    echo(key.line)
    echo(
        f"The private key is in {file}, the public one in {file}.pub; its fingerprint is {key.fingerprint}. "
        f"On each device, run `fieldmate update --trust {file.name}.pub`.",
        err=True,
    )


@bundle.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--key", "key_file", required=True, type=click.Path(path_type=Path), help="Private key that signs it.")
@click.option("--name", help='What devices know it by (default: as --since, else "manuals").')
@click.option("--version", type=int, help="Higher than every one before (default: the time, as 20261121184500).")
@click.option("--since", type=click.Path(path_type=Path), help="Carry only what has changed since this bundle.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: its manifest.")
@click.pass_obj
def kb(
    app: App, out: Path, key_file: Path, name: str | None, version: int | None, since: Path | None, as_json: bool
) -> None:
    """Write the knowledge base into the bundle OUT, checked and signed; it may be in use meanwhile.

    Documents with passages, vectors and tags are in it. Where their files were, which folders are followed and what was
    left out stay here. A bundle of that name is replaced once the new one is complete.

    \b
    Example:
      fieldmate bundle kb manuals.fmkb --key ~/publisher.key
      fieldmate bundle kb changes.fmkb --key ~/publisher.key --since manuals.fmkb
    """
    app.interrupted = "Interrupted; no bundle was written, and an older one is as it was. Run the same command again."
    with app.assistant() as assistant:
        manifest = assistant.bundle(out, _private(key_file), name=name, version=version, since=since)
        size = out.stat().st_size
    if as_json:
        print_json({"bundle": str(out.absolute()), "bytes": size, **_fields(manifest)})
    else:
        echo(f"{_described(manifest)} is in {out} ({size / 1e6:.1f} MB).")


@bundle.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: its manifest.")
@click.pass_obj
def show(app: App, file: Path, as_json: bool) -> None:
    """Say what the bundle FILE is, and whether this device would trust it.

    \b
    Example:
      fieldmate bundle show manuals.fmkb
    """
    from assistant.bundles import container
    from assistant.bundles.trust import trusted_keys

    with container.opened(file) as opened:
        manifest, key = opened.manifest(), opened.signed_by(trusted_keys(app.settings.home / "bundles"))
    if as_json:
        print_json({"trusted": key is not None, **_fields(manifest)})
        return
    echo(f"{_described(manifest)}, made {manifest.made_at} by Fieldmate {manifest.made_by}.")
    echo(f"Embedder: {manifest.embedder or 'none'}")
    if key is None:
        echo("Not signed by a key that this device trusts: nothing of this is certain.", err=True)
    else:
        echo(f"Signed by {key.fingerprint} {key.comment}".rstrip())


@click.command(cls=Command)
@click.argument("source", metavar="[FILE|URL]", required=False)
@click.option("--trust", metavar="KEYFILE", help="Trust the publisher with this public key from now on.")
@click.option("--distrust", metavar="KEYFILE", help="Trust this publisher no longer.")
@click.option("--list", "listing", is_flag=True, help="Show what is installed and who is trusted.")
@click.option("--rollback", is_flag=True, help="Return to the version before.")
@click.option("--remove", is_flag=True, help="Remove a bundle with its documents.")
@click.option("--name", help="Which bundle --rollback or --remove means, where there are several.")
@click.option("--allow-older", is_flag=True, help="Also take a version older than the installed one.")
@click.option("--new-signer", is_flag=True, help="Also take one signed by another trusted key than before.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.pass_obj
def update(
    app: App,
    source: str | None,
    trust: str | None,
    distrust: str | None,
    listing: bool,
    rollback: bool,
    remove: bool,
    name: str | None,
    allow_older: bool,
    new_signer: bool,
    as_json: bool,
) -> None:
    """Take over a bundle from a FILE or an http address, in one step: all of it or nothing.

    Its documents become those of the new version; the device's own stay as they are, and questions are answered
    meanwhile. Only a bundle that a trusted key has signed is taken, and none that is older than what is installed.

    \b
    Example:
      fieldmate update --trust publisher.key.pub
      fieldmate update /media/usb/manuals.fmkb
      fieldmate update --rollback
    """
    wanted = [source is not None, trust is not None, distrust is not None, listing, rollback, remove]
    if sum(wanted) != 1:
        raise UsageError(
            "Say one of: a bundle, --trust, --distrust, --list, --rollback, --remove. See `fieldmate update --help`."
        )
    app.interrupted = "Interrupted; the knowledge base is as it was. Run the same command again."
    if trust is not None or distrust is not None:
        _trust(app, trust, distrust, as_json)
        return
    with app.assistant() as assistant:
        if listing:
            _list(app, assistant, as_json)
            return
        if rollback:
            report = assistant.roll_back(name)
        elif remove:
            report = assistant.remove_bundle(name)
        else:
            assert source is not None
            report = _update(assistant, source, allow_older, new_signer)
    if as_json:
        print_json(report.to_dict())
    else:
        echo(_told(report))


def _update(assistant: Assistant, source: str, allow_older: bool, new_signer: bool) -> UpdateReport:
    from assistant.cli.models import reporting

    with reporting() as report:
        return assistant.update(source, allow_older=allow_older, new_signer=new_signer, report=report)


def _told(report: UpdateReport) -> str:
    if report.outcome == "already installed":
        return f"{report.bundle} version {report.version} is already installed."
    if report.outcome == "removed":
        return f"Removed {report.bundle} version {report.before} with {report.change.removed} documents."
    change = report.change
    verb = {"installed": "Installed", "updated": "Updated to", "completed": "Completed", "rolled back": "Went back to"}[
        report.outcome
    ]
    return (
        f"{verb} {report.bundle} version {report.version}, published {report.made_at}: {change.added} added, "
        f"{change.replaced} replaced, {change.removed} removed, {change.kept} kept; {change.passages} passages stored."
    )


def _trust(app: App, trusted: str | None, distrusted: str | None, as_json: bool) -> None:
    from assistant.bundles import trust
    from assistant.bundles.keys import read_public

    folder = app.settings.home / "bundles"
    key = read_public(trusted or distrusted or "")
    changed = trust.trust(folder, key) if trusted is not None else trust.distrust(folder, key)
    if as_json:
        fields = {"key": key.text, "fingerprint": key.fingerprint, "comment": key.comment}
        print_json({**fields, "trusted": trusted is not None, "changed": changed})
        return
    shown = f"{key.fingerprint} {key.comment}".rstrip()
    if trusted is not None:
        echo(f"Bundles signed by {shown} are trusted{' from now on' if changed else ' already'}.")
    else:
        echo(f"Bundles signed by {shown} are {'trusted no longer' if changed else 'not trusted anyway'}.")


def _list(app: App, assistant: Assistant, as_json: bool) -> None:
    from assistant.bundles.keys import PublicKey
    from assistant.bundles.trust import trusted_keys

    installed, trusted = assistant.bundles(), trusted_keys(app.settings.home / "bundles")
    if as_json:
        keys = [{"key": key.text, "fingerprint": key.fingerprint, "comment": key.comment} for key in trusted]
        print_json({"bundles": [asdict(one) for one in installed], "trusted": keys})
        return
    for one in installed:
        back = ", can go back" if one.undo else ""
        signer = PublicKey(one.signer).fingerprint
        echo(
            f"{one.name}: version {one.version}, published {one.made_at} by {signer}, here since {one.applied_at}{back}"
        )
    for key in trusted:
        echo(f"trusted: {key.fingerprint} {key.comment}".rstrip())
    if not installed:
        echo("No bundle is installed; `fieldmate update FILE` installs one.", err=True)


def _private(path: Path) -> PrivateKey:
    from assistant.bundles.keys import PassphraseNeeded, load_private

    try:
        return load_private(path, os.environ.get(PASSPHRASE) or None)
    except PassphraseNeeded:
        if os.environ.get(PASSPHRASE) or not sys.stdin.isatty():
            raise
        return load_private(path, _asked())


def _asked(*, confirm: bool = False) -> str:
    given = os.environ.get(PASSPHRASE)
    if given:
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"There is no terminal to ask for the passphrase; set {PASSPHRASE}.")
    typed: str = click.prompt("Passphrase of the key", hide_input=True, confirmation_prompt=confirm, err=True)
    return typed


def _fields(manifest: Manifest) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(manifest)
    return fields | {"kind": manifest.kind}


def _described(manifest: Manifest) -> str:
    what = f"{manifest.name} version {manifest.version}"
    if manifest.base is None:
        return f"{what}, {manifest.documents} documents with {manifest.passages} passages"
    return f"{what}, {manifest.carried} of {manifest.documents} documents changed since version {manifest.base.version}"
