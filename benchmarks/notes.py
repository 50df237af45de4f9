"""Findings about one question after the other, in a file that a run which was cut goes on with. Knows lines.

The harness goes on scenario by scenario; a scenario of hours keeps notes as well, where the suite names a file:

[scenario.NAME]
notes = "FILE"

No question and no answer is in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from benchmarks import environment, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan, Variant

Kind = TypeVar("Kind")


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    found: msgspec.Raw


def origin(plan: Plan, variant: Variant) -> dict[str, Any]:
    """What must be the same for findings to belong together."""
    return {
        "settings": {**variant.settings}, "models": product.model_hashes(plan), "seed": plan.seed,
        "source_sha256": environment.source_hash(ROOT / "assistant"), "data": plan.data is not None,
    }  # fmt: skip


class Notes(Generic[Kind]):
    """What was found so far, by key."""

    def __init__(self, file: str, origin: dict[str, Any], kind: type[Kind]) -> None:
        """Read what is there; without a file nothing is written.

        Raises:
            BenchmarkError: the file was begun by another run, or is none of these.
        """
        self.found: dict[str, Kind] = {}
        self._file = Path(file) if file else None
        if self._file is None:
            return
        first = msgspec.json.encode(origin, order="deterministic")
        data = self._file.read_bytes() if self._file.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]  # a last line that was cut is cut off
        lines = whole.splitlines()
        if lines and lines[0] != first:
            raise BenchmarkError(f"{file} holds notes of another version, model or setting; begin a new file.")
        try:
            for line in lines[1:]:
                read = msgspec.json.decode(line, type=_Line)
                self.found[read.key] = msgspec.json.decode(read.found, type=kind)
        except msgspec.MsgspecError as exc:
            raise BenchmarkError(f"{file} holds no notes of this scenario ({exc}); begin a new file.") from exc
        self._file.write_bytes(whole or first + b"\n")

    def add(self, key: str, found: Kind) -> None:
        """Keep what was found of `key`."""
        self.found[key] = found
        if self._file is not None:
            with self._file.open("ab") as file:
                file.write(msgspec.json.encode({"key": key, "found": found}) + b"\n")
