"""Which rows of which files a person means: FILE, FILE:VARIANT, or two variants of one file. Knows files and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.merging import runs
from benchmarks.rows import Row, complete, read


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison."""

    label: str
    rows: list[Row]


def sides(files: Sequence[str], baseline: str | None, candidate: str | None) -> list[tuple[Side, Side]]:
    """What is to be compared with what, the baseline first: one pair, or one a variant that two files share.

    Of a file with several runs the last one counts (of two variants of one file: the last that has both).

    Raises:
        BenchmarkError: a file cannot be read, a variant is not in it, or it does not follow what is meant.
    """
    if len(files) == 1:
        path, variant = _split(files[0])
        if variant or not (baseline and candidate):
            raise BenchmarkError(
                "In one file the sides are variants: give --baseline VARIANT and --candidate VARIANT, or two files."
            )
        return [_within(path, baseline, candidate)]
    if len(files) != 2:
        raise BenchmarkError("Give one file or two: the baseline first, then the candidate.")
    (first, ours), (second, theirs) = map(_split, files)
    return _between(_last(first), _last(second), ours or baseline, theirs or candidate, files)


def _split(text: str) -> tuple[Path, str | None]:
    """Path and variant; a colon that belongs to an existing file's name is no separator."""
    if Path(text).exists() or ":" not in text:
        return Path(text), None
    for index in (place for place, letter in enumerate(text) if letter == ":"):
        if Path(text[:index]).exists():
            return Path(text[:index]), text[index + 1 :]
    path, _, variant = text.rpartition(":")
    return Path(path), variant


def _rows(path: Path) -> list[Row]:
    rows = complete(read(path))
    if not rows:
        raise BenchmarkError(f"{path} holds no complete row; give a file that a run has filled.")
    return rows


def _last(path: Path) -> list[Row]:
    rows = _rows(path)
    return [row for row in rows if row.run == runs(rows)[-1]]


def _within(path: Path, baseline: str, candidate: str) -> tuple[Side, Side]:
    rows = _rows(path)
    for run in reversed(runs(rows)):
        own = [row for row in rows if row.run == run]
        pair = [[row for row in own if row.variant == name] for name in (baseline, candidate)]
        if all(pair):
            return Side(baseline, pair[0]), Side(candidate, pair[1])
    missing = [name for name in (baseline, candidate) if not any(row.variant == name for row in rows)]
    if missing:
        raise BenchmarkError(f"{path} has no variant {' or '.join(missing)}; it has {_names(rows)}.")
    raise BenchmarkError(
        f"{path} has no run with both variants; measure both in one run: their blocks take turns there."
    )


def _between(
    first: list[Row], second: list[Row], ours: str | None, theirs: str | None, files: Sequence[str]
) -> list[tuple[Side, Side]]:
    if ours or theirs:
        names = (ours or theirs or "", theirs or ours or "")
        pair = [[row for row in rows if row.variant == name] for rows, name in zip((first, second), names, strict=True)]
        for rows, name, found, file in zip((first, second), names, pair, files, strict=True):
            if not found:
                raise BenchmarkError(f"The last run in {file} has no variant {name}; it has {_names(rows)}.")
        return [(Side(names[0] or "default", pair[0]), Side(names[1] or "default", pair[1]))]
    common = [name for name in _variants(first) if name in _variants(second)]
    if not common:
        raise BenchmarkError(
            f"The files have no variant in common ({_names(first)}; {_names(second)}); name them as FILE:VARIANT."
        )
    return [
        (
            Side(name, [row for row in first if row.variant == name]),
            Side(name, [row for row in second if row.variant == name]),
        )
        for name in common
    ]


def _variants(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.variant for row in rows))


def _names(rows: Sequence[Row]) -> str:
    return ", ".join(name or "(default)" for name in _variants(rows))
