"""How a generator is run on this machine, where that was measured: threads, batches, and how waiting threads wait.

Knows the file in the data folder and what a measurement holds for. Not how it is made (`assistant.trials`), nor what an
engine does with it.
"""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from assistant.artifacts.files import storage, write_atomically

_FILE = "tuning.json"
_LIBRARY = "llama-cpp-python"
_NAMES = ("model name", "Model", "Hardware", "CPU implementer", "CPU part")
"""Lines of /proc/cpuinfo that name a processor: the first on x86, the others on ARM."""

Threads = Annotated[int, Meta(ge=1, le=1024)]


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    """One way to run a generator."""

    decode_threads: Threads
    """Write the answer."""
    prefill_threads: Threads
    """Read the prompt."""
    batch_tokens: Annotated[int, Meta(ge=16, le=4096)]
    """Read at a time."""
    spins: Annotated[int, Meta(ge=0, le=10**9)]
    """Rounds for which a waiting thread looks before it sleeps (GOMP_SPINCOUNT); 0 sleeps at once."""

    def told(self) -> str:
        """As the middle of a sentence."""
        waiting = f"threads that wait look {self.spins:,} times" if self.spins else "threads that wait sleep"
        return (
            f"{self.prefill_threads} read in batches of {self.batch_tokens} tokens, {self.decode_threads} write, "
            f"{waiting}"
        )


class Basis(Struct, frozen=True, forbid_unknown_fields=True):
    """What a measurement holds for; with another of these it means nothing."""

    processor: str
    cores: Threads
    """That this process may use."""
    model: str
    """SHA-256 of the generator's file."""
    library: str
    """Version of llama-cpp-python, which brings its llama.cpp."""

    def difference(self, now: Basis) -> str:
        """What is another one now, as a clause; empty where nothing is."""
        for name, said in (("model", "generator"), ("processor", "processor"), ("cores", "number of cores")):
            if getattr(self, name) != getattr(now, name):
                return f"it was measured with another {said}"
        return "" if self.library == now.library else f"it was measured with llama.cpp of {_LIBRARY} {self.library}"


class Tuning(Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured best."""

    basis: Basis
    choice: Choice
    built_in: bool
    """Whether nothing was clearly better than what is chosen without measuring."""
    share: Annotated[float, Meta(gt=0)]
    """Time of the sample with this choice, as a share of that with the built-in one."""
    measured: str
    """When, ISO 8601 in UTC."""


class Found(Struct, frozen=True):
    """What of the file holds here and now."""

    tuning: Tuning | None
    note: str = ""
    """Why something that is there is not used; a sentence."""


class _Kept(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal[1]
    sha256: str
    """Of the tunings as they are encoded: a digit that a bad disk has changed is still a number."""
    tunings: tuple[Tuning, ...]
    """One for each generator that was measured."""


class _Damaged(Exception):
    pass


def basis(model: str, cores: int) -> Basis:
    """What a measurement made now would hold for."""
    try:
        library = metadata.version(_LIBRARY)
    except metadata.PackageNotFoundError:
        library = "unknown"
    return Basis(_processor(), cores, model, library)


def find(home: Path, model: str, cores: int) -> Found:
    """What was measured for the generator with this hash on this machine."""
    try:
        kept = _read(home)
    except _Damaged as exc:
        return Found(None, f"{home / _FILE} is not used: it {exc}; run `fieldmate doctor --tune` to make it anew.")
    if not kept:
        return Found(None)
    now = basis(model, cores)
    # The one for this generator tells best why none is used.
    tuning = next((one for one in kept if one.basis.model == model), kept[-1])
    if difference := tuning.basis.difference(now):
        return Found(
            None,
            f"What was measured on {tuning.measured[:10]} is not used: {difference}; run `fieldmate doctor --tune` "
            "to measure again.",
        )
    return Found(tuning)


def check_writable(home: Path) -> None:
    """Whether a measurement can be kept, before a minute is spent on it.

    Raises:
        StorageError: it cannot.
    """
    with storage(home):
        home.mkdir(parents=True, exist_ok=True)
        write_atomically(home / f"{_FILE}.try", b"")
        (home / f"{_FILE}.try").unlink()


def keep(home: Path, tuning: Tuning) -> None:
    """Keep a measurement in the place of an earlier one of the same generator; all or nothing.

    Raises:
        StorageError: the data folder does not take it.
    """
    try:
        kept = [one for one in _read(home) if one.basis.model != tuning.basis.model]
    except _Damaged:
        kept = []
    tunings = (*kept, tuning)
    with storage(home):
        home.mkdir(parents=True, exist_ok=True)
        content = msgspec.json.encode(_Kept(1, _sha256(tunings), tunings))
        write_atomically(home / _FILE, msgspec.json.format(content) + b"\n")


def _read(home: Path) -> tuple[Tuning, ...]:
    try:
        content = (home / _FILE).read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as exc:
        raise _Damaged(f"cannot be read ({exc.strerror})") from exc
    try:
        kept = msgspec.json.decode(content, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _Damaged("is damaged or of another version") from exc
    if kept.sha256 != _sha256(kept.tunings):
        raise _Damaged("is damaged")
    return kept.tunings


def _sha256(tunings: tuple[Tuning, ...]) -> str:
    return hashlib.sha256(msgspec.json.encode(tunings)).hexdigest()


def _processor() -> str:
    found: dict[str, None] = {}
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in _NAMES:
            found[value.strip()] = None
    return " ".join([platform.machine(), *found])
