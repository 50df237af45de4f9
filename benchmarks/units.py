"""What a unit says of better and worse. Pure; knows units, not figures."""

from __future__ import annotations

_LESS_IS_BETTER = {"ns", "us", "µs", "ms", "s", "min", "B", "bytes", "KB", "MB", "GB", "J", "mJ", "Wh"}
_BYTES = {"B", "bytes", "KB", "MB", "GB"}


def worse(unit: str, sense: str = "") -> int:
    """1 where more is worse, -1 where less is worse, 0 where neither the unit nor a target's sense tells.

    A share says nothing by itself: refusing is right for one question and wrong for another.
    """
    if unit.endswith(("/s", "/CPU s", "/min")) or unit == "score":
        return -1
    if unit.split("/")[0] in _LESS_IS_BETTER:
        return 1
    return {"at most": 1, "at least": -1}.get(sense, 0)


def is_score(unit: str) -> bool:
    """Whether it runs from 0 to 1, so that differences say more than ratios."""
    return unit in ("score", "share")


def drifts(unit: str) -> bool:
    """Whether it changes with what else the machine does: times and rates do, sizes and scores do not."""
    return not is_score(unit) and unit.split("/")[0] not in _BYTES
