"""A connection to a Ray cluster that the owner has named, or to one that is started here for one run.

Knows Ray's addresses, settings and errors; not what is done on the cluster. Ray sends nothing to its makers: its usage
reports are off, and of a cluster that is started here nothing listens beyond loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import assistant
from assistant.errors import InputError, UsageError

_LOOPBACK = "127.0.0.1"
_NOWHERE = f"http://{_LOOPBACK}:9"
"""The discard port of this machine: nobody answers there."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": f"{_NOWHERE}/",  # where it reports that it reports nothing
    "RAY_ENABLE_AUTO_CONNECT": "0",  # else what still runs when a connection has ended starts a cluster of its own
    "RAY_DATA_LOG_LEVEL": "ERROR",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}
"""Ray reads these when it is imported and hands them to the processes that it starts."""
_ALONE = {
    "http_proxy": _NOWHERE,  # its usage module asks every network for a cloud's metadata service, reports or not
    "https_proxy": _NOWHERE,
    "no_proxy": f"{_LOOPBACK},localhost",
    "RAY_AUTH_MODE": "token",
}
"""The same, of a cluster that is started here."""
_JOINING = {
    "RAY_gcs_server_port_wait_time_s": "1",  # attempts of 40 seconds each; by itself Ray makes 20
}
"""The same, of a cluster that is there already."""
_KNOCK_S = 5.0
_STORE_BYTES = 500_000_000
"""Object store of a cluster that is started here: some hundred portions; memory that is taken as it is used."""
_LONGEST_FOLDER = 30
"""Ray's sockets lie some 75 characters below its folder, and a socket's path has at most 107."""
_SHORT_FOLDER = "/tmp"  # noqa: S108 - a folder of its own with a random name is made in it


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to."""

    node: str
    """Id of its node on this machine, which has the files."""


@contextlib.contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to the cluster at `address`: "auto" or "host:port"; "local" starts one here.

    Raises:
        UsageError: Ray is not installed, or the address is none.
        InputError: no cluster answers there, or it cannot be used.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError('--on-ray needs Ray; install it with `pip install "fieldmate[ray]"`.')
    _check(address)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_environment(_QUIET))
        if address == "local":
            folder = stack.enter_context(_folder())
            # Nobody but the processes of this run knows the token: no other user of this machine gets in.
            own = {"RAY_AUTH_TOKEN": secrets.token_hex(32), "PYTHONPATH": _python_path()}
            # What a worker leaves behind when it is ended goes with the folder.
            stack.enter_context(_environment(_ALONE | own | {"RAY_TMPDIR": folder, "TMPDIR": folder}))
        else:
            _knock(address)
            stack.enter_context(_environment(_JOINING))
        yield stack.enter_context(_session(address))


@contextlib.contextmanager
def _session(address: str) -> Iterator[Cluster]:
    import ray
    from ray._private import worker

    # Else Ray prints on standard output whatever it tries again, among what a command prints; there is no option.
    worker._worker_logs_enabled = False
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        options |= {
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
            "_node_ip_address": _LOOPBACK,
        }
    try:
        with _loopback_stays_loopback(address):
            ray.init(address=address, **options)
    except Exception as exc:  # ConnectionError, RuntimeError, ValueError, TimeoutError and its own: all mean the same
        reason = (str(exc).strip().splitlines() or [type(exc).__name__])[0].rstrip(". ")
        raise _unusable(address, reason) from exc
    try:
        if ray.cluster_resources().get("CPU", 0) < 1:
            raise InputError(f"The Ray cluster at {address} has no free core; start a worker node and try again.")
        yield Cluster(ray.get_runtime_context().get_node_id())
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _loopback_stays_loopback(address: str) -> Iterator[None]:
    """Keep Ray from putting the machine's own address in place of loopback, which would open its ports to the network.

    A cluster on 127.0.0.1 listens there alone, but for Ray's entrance that has no switch for it.
    """
    if address != "local" and address.rpartition(":")[0] not in (_LOOPBACK, "localhost"):
        yield
        return
    from ray._private import services

    resolve = services.resolve_ip_for_localhost
    services.resolve_ip_for_localhost = lambda host: _LOOPBACK if host == "localhost" else host
    try:
        yield
    finally:
        services.resolve_ip_for_localhost = resolve


def _knock(address: str) -> None:
    """Find out in seconds whether anybody answers; Ray takes minutes for that."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return

    async def knock() -> None:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), int(port)), _KNOCK_S)
        writer.close()

    try:
        asyncio.run(knock())
    except (OSError, OverflowError, TimeoutError) as exc:
        raise _unusable(address, str(exc) or "it does not answer") from exc


def _unusable(address: str, reason: str) -> InputError:
    return InputError(
        f"No Ray cluster can be used at {address} ({reason}); check with `ray status` that it runs and that this "
        "machine reaches it, or leave --on-ray out."
    )


def _python_path() -> str:
    """Where the workers find this very package, installed or not."""
    here = str(Path(assistant.__file__).parents[1])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))


def _check(address: str) -> None:
    if address.startswith("ray://"):
        raise UsageError(
            "ray:// connects from outside of a cluster, and Ray Data does not run through that; run the command on a "
            "machine of the cluster with --on-ray auto."
        )
    host, colon, port = address.rpartition(":")
    if address not in ("auto", "local") and not (host and colon and port.isdigit() and "/" not in host):
        raise UsageError(f"{address} is no address of a cluster; use auto, local or HOST:PORT.")


@contextlib.contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """A folder for the logs and sockets of a cluster that is started here; it goes with the cluster."""
    usual = tempfile.gettempdir()
    base = usual if len(usual) <= _LONGEST_FOLDER else _SHORT_FOLDER
    with tempfile.TemporaryDirectory(prefix="fm-", dir=base, ignore_cleanup_errors=True) as folder:
        yield folder
