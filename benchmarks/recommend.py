"""Names the best variant within budgets, from measured rows only. Pure; knows merits, no file. It estimates nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.cautions import machine_differences
from benchmarks.errors import BenchmarkError
from benchmarks.merits import QUALITY, Merits, Quality, difference, merits, qualities
from benchmarks.rows import Row

_SECONDS = {"ms": 0.001, "s": 1.0}
_BYTES = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SOURCES = {
    "first token": "single_stream",
    "memory": "ask_memory",
    "disk": "ceiling",
    "quality": "quality --only answers",
}
"""What lacks -> the scenario that measures it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a variant may cost; None is no limit."""

    first_token: float | None
    """Seconds."""
    memory: float | None
    """Bytes."""
    disk: float | None
    """Bytes."""

    @classmethod
    def parse(cls, first_token: str | None, memory: str | None, disk: str | None) -> Budget:
        """The budget that the words of the command line mean.

        Raises:
            BenchmarkError: there is none, or one is no quantity.
        """
        if first_token is None and memory is None and disk is None:
            raise BenchmarkError("No budget is given; say --max-first-token, --max-memory or --max-disk.")
        return cls(
            _quantity(first_token, _SECONDS, "700ms"),
            _quantity(memory, _BYTES, "900MB"),
            _quantity(disk, _BYTES, "600MB"),
        )

    def limits(self) -> dict[str, float]:
        """The limits that are given."""
        named = {"first token": self.first_token, "memory": self.memory, "disk": self.disk}
        return {name: limit for name, limit in named.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class Choice:
    """The variant that is recommended, what it costs, and what became of the others."""

    merits: Merits
    quality: Quality
    metric: str
    percentile: str
    machine: str
    left_out: dict[str, str]
    """Variant -> why it was not chosen."""
    caution: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The object that --json prints."""
        costs = {"first_token_ms": _times(self.merits.first_token, 1e3), "memory_mb": _times(self.merits.memory, 1e-6),
                 "disk_mb": _times(self.merits.disk, 1e-6)}  # fmt: skip
        return {
            "variant": self.merits.name, "metric": self.metric, "quality": round(self.quality.mean, 4),
            "interval": [round(end, 4) for end in self.quality.interval], "questions": self.quality.questions,
            **{name: value for name, value in costs.items() if value is not None}, "percentile": self.percentile,
            "machine": self.machine, "left_out": self.left_out, **({"caution": self.caution} if self.caution else {}),
        }  # fmt: skip

    def text(self) -> str:
        """The recommendation in words."""
        low, high = self.quality.interval
        known = ((name, value) for name, value in _costs(self.merits).items() if value is not None)
        costs = [_cost(name, value, self.percentile) for name, value in known]
        first = (
            f"{self.merits.name}: {self.metric} {self.quality.mean:.3f} [{low:.3f}, {high:.3f}] on "
            f"{self.quality.questions} questions, {', '.join(costs)}. Measured on {self.machine}."
        )
        lines = [first, self.caution] if self.caution else [first]
        return "\n".join([*lines, *(f"Not {name}: {reason}." for name, reason in self.left_out.items())])


def recommend(rows: Sequence[Row], budget: Budget, *, quality: str = QUALITY, percentile: str = "p50") -> Choice:
    """The variant with the best quality inside the budget; of equals the one that waits least, then the smallest.

    Args:
        rows: joined ones, of one machine.
        budget: the limits.
        quality: the score of the scenario `answers` that decides.
        percentile: of the time to the first token that has to keep its limit.

    Raises:
        BenchmarkError: nothing fits, with the nearest and by how much it misses; or the rows cannot be compared.
    """
    _check_one_machine(rows)
    limits = budget.limits()
    everybody = merits(rows, quality=quality, percentile=percentile)
    left_out = {each.name: f"not measured: {', '.join(lacks)}" for each in everybody if (lacks := _lacks(each, limits))}
    known = [each for each in everybody if each.name not in left_out]
    if not known:
        raise BenchmarkError(_nothing_known(everybody, limits, quality))
    scored = qualities(known)
    if not scored:
        raise BenchmarkError(f"The variants share no question of {quality}; measure all of them in one `quality` run.")
    fitting = [each for each in known if not _misses(each, limits)]
    left_out |= {each.name: _over(each, limits, percentile) for each in known if _misses(each, limits)}
    if not fitting:
        raise BenchmarkError(_nothing_fits(known, limits, percentile))
    ranked = sorted(fitting, key=lambda each: (-scored[each.name].mean, *_order(each)))
    best = ranked[0]
    left_out |= {each.name: f"{quality} {scored[each.name].mean:.3f} is not better" for each in ranked[1:]}
    card = next(row.environment for row in rows if row.variant == best.name)
    machine = f"{card.get('cpu', 'an unknown CPU')}, {card.get('cores', '?')} cores"
    return Choice(best, scored[best.name], quality, percentile, machine, left_out, _caution(ranked, known))


def _order(each: Merits) -> tuple[float, ...]:
    return tuple(float("inf") if value is None else value for value in _costs(each).values())


def _costs(each: Merits) -> dict[str, float | None]:
    return {"first token": each.first_token, "memory": each.memory, "disk": each.disk}


def _lacks(each: Merits, limits: Mapping[str, float]) -> list[str]:
    """What is needed to judge a variant and was not measured."""
    costs = _costs(each)
    return [name for name in limits if costs[name] is None] + ([] if each.scores else ["quality"])


def _misses(each: Merits, limits: Mapping[str, float]) -> dict[str, float]:
    """How many times a limit each cost is, where it is over."""
    costs = _costs(each)
    return {name: share for name, limit in limits.items() if (share := (costs[name] or 0.0) / limit) > 1}


def _over(each: Merits, limits: Mapping[str, float], percentile: str) -> str:
    costs = _costs(each)
    words = [
        f"{_cost(name, costs[name] or 0.0, percentile)} is {share:.2f} times the limit"
        for name, share in _misses(each, limits).items()
    ]
    return " and ".join(words)


def _nothing_fits(known: Sequence[Merits], limits: Mapping[str, float], percentile: str) -> str:
    nearest = min(known, key=lambda each: max(_misses(each, limits).values()))
    others = f"; {len(known) - 1} other variants miss by more" if len(known) > 2 else (
        "; the other variant misses by more" if len(known) == 2 else ""
    )  # fmt: skip
    return (
        f"No variant fits; the nearest is {nearest.name}: {_over(nearest, limits, percentile)}{others}. "
        "Raise the limit or measure a smaller variant."
    )


def _nothing_known(everybody: Sequence[Merits], limits: Mapping[str, float], quality: str) -> str:
    if not everybody:
        return "The rows hold no variant; give rows of `run` and `quality` with the same variants."
    nearest = min(everybody, key=lambda each: len(_lacks(each, limits)))
    lacks = _lacks(nearest, limits)
    named = ", ".join(f"quality ({quality})" if name == "quality" else name for name in lacks)
    return (
        f"No variant has all that is needed; {nearest.name} lacks {named}: measure "
        f"{_and([_SOURCES[name] for name in lacks])} as well and give all the files."
    )


def _caution(ranked: Sequence[Merits], known: Sequence[Merits]) -> str:
    """Whether the questions tell the best from the next; where they do not, the cheaper one may be as good."""
    if len(ranked) < 2:
        return ""
    low, high = difference(ranked[0], ranked[1], known)
    if low > 0:
        return ""
    return (
        f"The questions do not tell it from {ranked[1].name}: the difference lies between {low:+.3f} and {high:+.3f}; "
        "measure more with --questions."
    )


def _check_one_machine(rows: Sequence[Row]) -> None:
    if not rows:
        raise BenchmarkError("There are no complete rows; give rows of `run` and `quality`.")
    first = [row for row in rows if row.run == rows[0].run]
    for run in dict.fromkeys(row.run for row in rows):
        if differing := machine_differences(first, [row for row in rows if row.run == run]):
            raise BenchmarkError(
                f"The rows come from different machines ({'; '.join(differing)}); give rows of one machine."
            )


def _cost(name: str, value: float, percentile: str) -> str:
    if name == "first token":
        return f"first token after {value * 1000:.0f} ms ({percentile})"
    return f"{value / 1e6:.0f} MB of {name}"


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else round(value * factor, 1)


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)


def _quantity(text: str | None, units: Mapping[str, float], example: str) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text, re.ASCII)
    factor = next((value for unit, value in units.items() if found and unit.lower() == found[2].lower()), None)
    if found is None or factor is None or float(found[1]) == 0:
        raise BenchmarkError(f"{text!r} is no limit; write it like {example}.")
    return float(found[1]) * factor
