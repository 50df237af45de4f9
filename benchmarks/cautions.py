"""What differs between two selections of rows besides what was measured. Pure; knows environment cards, no figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.rows import Row

_SAME_MACHINE = ("cpu", "architecture", "cores", "memory_mb", "governor")


def machine_differences(first: Sequence[Row], second: Sequence[Row]) -> list[str]:
    """Facts of the machine that differ between the two, each as "name: this, that"."""
    return [
        f"{name}: {', '.join(ours)} and {', '.join(theirs)}"
        for name in _SAME_MACHINE
        if (ours := _values(first, name)) != (theirs := _values(second, name))
    ]


def cautions(first: Sequence[Row], second: Sequence[Row]) -> list[str]:
    """What else differs and could be the reason instead of what was meant to be compared."""
    found = []
    if {row.run for row in first} != {row.run for row in second}:
        found.append("two runs, one after the other: what the machine did between them is not in the intervals")
    for name, words in (
        ("source_sha256", "Fieldmate's source"), ("kernel", "the kernel"), ("python", "Python"),
        ("suite_sha256", "the suite"), ("seed", "the seed"),
    ):  # fmt: skip
        if _values(first, name) != _values(second, name):
            found.append(f"{words} differs")
    ours, theirs = _flat(first), _flat(second)
    changed = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if changed:
        found.append(f"these differ: {listed(changed)}")
    loads = [max((row.environment.get("load_average") or 0.0 for row in rows), default=0.0) for rows in (first, second)]
    cores = min((row.environment.get("cores") or 0 for row in (*first, *second)), default=0)
    if cores and max(loads) > cores:
        found.append(f"load averages up to {loads[0]:g} and {loads[1]:g} on {cores} cores: the machine was not quiet")
    elif max(loads) > 2 * min(loads) + 0.5:
        found.append(f"load averages differ: up to {loads[0]:g} and {loads[1]:g}")
    return found


def _flat(rows: Sequence[Row]) -> dict[str, set[str]]:
    """Versions, model hashes and settings by name, with every value that occurs."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for part in ("versions", "models", "settings"):
            for name, value in _leaves(row.environment.get(part) or {}, part):
                found.setdefault(name, set()).add(value)
    return found


def _leaves(tree: Any, name: str) -> Iterable[tuple[str, str]]:
    if not isinstance(tree, dict):
        yield name, str(tree)
        return
    for key, value in tree.items():
        yield from _leaves(value, f"{name}.{key}")


def _values(rows: Sequence[Row], name: str) -> list[str]:
    return sorted({str(row.environment.get(name)) for row in rows})


def listed(items: Iterable[str], most: int = 6) -> str:
    """The first of the names, and how many more there are."""
    names = list(dict.fromkeys(items))
    return "; ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
