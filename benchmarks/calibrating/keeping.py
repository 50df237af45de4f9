"""Files of rows that a cut run leaves behind, and goes on with. Knows lines; not what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.errors import BenchmarkError

Kind = TypeVar("Kind")


def kept(file: Path, kind: type[Kind]) -> list[Kind]:
    """The whole rows of a file; a last one that was cut is cut off.

    Raises:
        BenchmarkError: they are of another kind.
    """
    if not file.exists():
        return []
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        file.write_bytes(whole)
    try:
        return [msgspec.json.decode(line, type=kind) for line in whole.splitlines()]
    except msgspec.MsgspecError as exc:
        raise BenchmarkError(f"{file} holds no rows of a calibration ({exc}); give another --scratch.") from exc
