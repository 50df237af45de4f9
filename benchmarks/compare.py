"""Whether one selection of rows is worse than another beyond a margin. Pure; knows pairs and statistics, no file.

Times, rates and sizes have two looks, because noise has two kinds. The median of the ratios of all pairs is best where
pairs lie close together in time; the ratio of the best of the blocks of each question (its fastest: other work on the
machine only ever makes waits longer), as a geometric mean over questions, is best where whole blocks were disturbed.
The one with the narrower interval speaks; the intervals are so wide that both hold together with 95 %, so that this
choice is no cheating. Blocks and questions are drawn. Scores are compared by their difference. LOG.md has the
experiments that chose this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from benchmarks import statistics
from benchmarks.cautions import cautions, listed, machine_differences
from benchmarks.errors import BenchmarkError
from benchmarks.pairing import Figure, Paired, alone, paired
from benchmarks.rows import Row
from benchmarks.statistics import Floats
from benchmarks.units import drifts, is_score

Verdict = Literal["worse", "better", "same", "undecided", "not judged"]
MARGIN = 0.05
SCORE_MARGIN = 0.03
LEAST_BLOCKS = 3
"""Fewer cannot tell drift of the machine from a change, so that nothing is decided about times and rates."""
ADVISED_BLOCKS = 8
LEAST_PAIRS = 6
_EXPLAINING = ("stage ", "harness ")
"""Beginnings of metrics that are shown and decide nothing: parts of a figure that does, and the harness's own time."""
_LOOKS = 2
_LEVEL = (1 - statistics.CONFIDENCE) / 2


@dataclass(frozen=True, slots=True)
class Margins:
    """How much worse is no regression yet."""

    ratio: float = MARGIN
    score: float = SCORE_MARGIN

    def __post_init__(self) -> None:
        if not (0 < self.ratio < 10 and 0 < self.score < 1):
            raise BenchmarkError("A margin is a share above 0, like --margin 0.05 or --score-margin 0.03.")


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of both sides and what is said of the two."""

    figure: Figure
    variant: str
    first: float
    """Of the baseline, as its look has it; a mean for scores."""
    second: float
    ratio: float | None
    """Candidate over baseline; None for scores."""
    difference: float | None
    """Candidate minus baseline; only for scores."""
    interval: tuple[float, float]
    """95 %, of the ratio or the difference."""
    pairs: int
    blocks: int
    verdict: Verdict
    note: str = ""
    look: str = ""
    """"pairs": medians; "best": geometric means over the questions of the best of the blocks; empty for scores."""

    def to_dict(self) -> dict[str, Any]:
        """The object that --json prints."""
        figure = {name: value for name, value in self.figure._asdict().items() if value not in (None, "")}
        change = {"ratio": self.ratio} if self.ratio is not None else {"difference": self.difference}
        return {
            **figure, "variant": self.variant, "baseline": self.first, "candidate": self.second, **change,
            "interval": list(self.interval), "pairs": self.pairs, "blocks": self.blocks, "verdict": self.verdict,
            **{name: value for name in ("look", "note") if (value := getattr(self, name))},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """All figures of two selections of rows."""

    compared: tuple[Compared, ...]
    warnings: tuple[str, ...]
    broken: tuple[str, ...]
    """What the baseline has measured and the candidate failed to: a regression as well."""

    @property
    def regressed(self) -> bool:
        """Whether anything became worse beyond its margin."""
        return bool(self.broken) or any(item.verdict == "worse" for item in self.compared)


def compare(
    sides: Sequence[tuple[Sequence[Row], Sequence[Row]]],
    margins: Margins,
    *,
    other_machine: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare each candidate's rows with its baseline's; all figures together are corrected for their number.

    Raises:
        BenchmarkError: they come from different machines, or have nothing in common.
    """
    first = [row for ours, _ in sides for row in ours]
    second = [row for _, theirs in sides for row in theirs]
    differing = machine_differences(first, second)
    if differing and not other_machine:
        raise BenchmarkError(
            f"The rows come from different machines ({'; '.join(differing)}); a difference would say nothing of "
            "Fieldmate. Measure both on one machine, or give --other-machine."
        )
    pairs = [pair for ours, theirs in sides for pair in paired(ours, theirs)]
    broken = [words for ours, theirs in sides for words in _broken(ours, theirs)]
    if not pairs and not broken:
        raise BenchmarkError(
            "The two have no figure in common: scenario, subset, state, metric, unit, a key and a block must be alike. "
            "Run the same suite for both."
        )
    judged = [_judge(pair, margins, seed) for pair in pairs]
    warnings = [*(f"another machine: {item}" for item in differing), *cautions(first, second)]
    if lacking := [figure for ours, theirs in sides for figure in alone(ours, theirs)]:
        warnings.append(f"only the baseline has {listed(f'{item.scenario}: {item.name}' for item in lacking)}")
    return Comparison(tuple(_corrected(judged)), tuple(warnings), tuple(broken))


@dataclass(frozen=True, slots=True)
class _Judged:
    """A figure with its verdict as if it were the only one, and the chance that this is luck."""

    compared: Compared
    chance: float
    """That it looks so much worse although it is not beyond the margin; from the bootstrap draws."""
    counts: bool
    """Whether it is one of the figures that decide."""


def _judge(pair: Paired, margins: Margins, seed: int) -> _Judged:
    if is_score(pair.figure.unit):
        return _difference(pair, margins.score, seed)
    return _ratio(pair, margins.ratio, seed)


def _ratio(pair: Paired, margin: float, seed: int) -> _Judged:
    first, second = (np.where(table > 0, table, np.nan) for table in (pair.first, pair.second))
    lost = int(((pair.first <= 0) | (pair.second <= 0)).sum())
    logs = np.log(first), np.log(second)
    if np.isnan(logs[0] + logs[1]).all():
        return _without_ratio(pair)
    look = min(_looks(pair, logs, seed), key=lambda each: each.width)
    low, high = statistics.bounds(look.draws, _LOOKS)
    verdict, chance, note = _verdict(pair, look.draws, math.log1p(margin), _LOOKS)
    return _Judged(
        Compared(
            pair.figure, pair.variant, math.exp(look.values[0]), math.exp(look.values[1]), math.exp(look.apart), None,
            (math.exp(low), math.exp(high)), pair.pairs - lost, pair.blocks, verdict, note, look.name,
        ),
        chance, _decides(pair),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Look:
    """One way to see the ratio of two sides, on a logarithmic scale."""

    name: str
    values: tuple[float, float]
    apart: float
    draws: Floats

    @property
    def width(self) -> float:
        """Of its interval."""
        low, high = statistics.bounds(self.draws, _LOOKS)
        return high - low


def _looks(pair: Paired, logs: tuple[Floats, Floats], seed: int) -> Iterator[_Look]:
    apart = logs[1] - logs[0]
    both = ~np.isnan(apart)
    medians = (float(np.median(logs[0][both])), float(np.median(logs[1][both])))
    yield _Look("pairs", medians, float(np.median(apart[both])), statistics.pooled_draws(apart, seed))
    largest = pair.sign < 0 or pair.statistic == "largest"
    reduce = partial(statistics.best_of_blocks, largest=largest)
    best = reduce(logs[0]), reduce(logs[1])
    known = ~np.isnan(best[1] - best[0])
    means = (float(best[0][known].mean()), float(best[1][known].mean()))
    yield _Look("best", means, means[1] - means[0], statistics.paired_draws(*logs, reduce, seed))


def _difference(pair: Paired, margin: float, seed: int) -> _Judged:
    apart = _over_blocks(pair.second) - _over_blocks(pair.first)
    both = ~np.isnan(apart)
    draws = statistics.paired_draws(pair.first, pair.second, _over_blocks, seed)
    values = [float(_over_blocks(table)[both].mean()) for table in (pair.first, pair.second)]
    verdict, chance, note = _verdict(pair, draws, margin)
    return _Judged(
        Compared(
            pair.figure, pair.variant, values[0], values[1], None, float(apart[both].mean()),
            statistics.bounds(draws), pair.pairs, pair.blocks, verdict, note,
        ),
        chance, _decides(pair),
    )  # fmt: skip


def _over_blocks(table: Floats) -> Floats:
    """The mean over blocks of what is there."""
    there = ~np.isnan(table)
    count = there.sum(axis=0)
    return np.asarray(np.where(count > 0, np.where(there, table, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan))


def _without_ratio(pair: Paired) -> _Judged:
    nothing = Compared(
        pair.figure, pair.variant, 0.0, 0.0, None, None, (0.0, 0.0), 0, pair.blocks, "not judged",
        "a sample of zero has no ratio",
    )  # fmt: skip
    return _Judged(nothing, 1.0, False)


def _decides(pair: Paired) -> bool:
    return pair.sign != 0 and not pair.figure.metric.startswith(_EXPLAINING)


def _verdict(pair: Paired, draws: Floats, margin: float, looks: int = 1) -> tuple[Verdict, float, str]:
    """The verdict as if this were the only figure, its chance, and a note; `margin` on the scale of the draws."""
    if pair.sign == 0:
        return "not judged", 1.0, "neither more nor less is known to be better"
    keys = pair.first.shape[1]
    if keys * pair.blocks < LEAST_PAIRS:
        return "undecided", 1.0, f"{pair.pairs} samples; at least {LEAST_PAIRS} are needed"
    if drifts(pair.figure.unit) and pair.blocks < LEAST_BLOCKS:
        return "undecided", 1.0, f"{pair.blocks} of at least {LEAST_BLOCKS} blocks; give --blocks {ADVISED_BLOCKS}"
    worse = draws * pair.sign
    low, high = statistics.bounds(worse, looks)
    chance = min(1.0, looks * float((1 + (worse <= margin).sum()) / (1 + len(worse))))
    if low > margin:
        return "worse", chance, ""
    if high < -margin:
        return "better", chance, ""
    if -margin <= low and high <= margin:
        return "same", chance, ""
    return "undecided", chance, _needed(pair, float(worse.mean()), (high - low) / 2, margin)


def _needed(pair: Paired, middle: float, half: float, margin: float) -> str:
    """How many samples would decide, if the figure stays where it is: the interval narrows with their root."""
    room = abs(abs(middle) - margin)
    if room < margin / 10:
        return "it lies at the margin; more samples will hardly decide"
    factor = (half / room) ** 2 * 1.1  # a tenth more, since the half width is itself uncertain
    if factor > 100:
        return "too noisy for a verdict; measure on a machine that does nothing else"
    if not drifts(pair.figure.unit):
        return f"about {math.ceil(factor * pair.first.shape[1])} questions would decide"
    blocks = math.ceil(max(factor * pair.blocks, pair.blocks + 1))
    return f"about {blocks * pair.first.shape[1]} samples ({blocks} blocks) would decide"


def _corrected(judged: Sequence[_Judged]) -> Iterable[Compared]:
    """With many figures some look worse by luck: "worse" stays where Holm's procedure over all of them keeps it."""
    deciding = [index for index, item in enumerate(judged) if item.counts]
    fallen = statistics.holm([judged[index].chance for index in deciding], _LEVEL)
    kept = {index for index, falls in zip(deciding, fallen, strict=True) if falls}
    for index, item in enumerate(judged):
        compared = item.compared
        if compared.verdict != "worse" or index in kept:
            yield compared
        elif item.counts:
            yield _with(compared, "undecided", f"worse by itself, but one of {len(deciding)} figures: may be luck")
        else:
            yield _with(compared, "not judged", "worse, but it only explains")


def _with(compared: Compared, verdict: Verdict, note: str) -> Compared:
    fields = {name: getattr(compared, name) for name in Compared.__slots__}
    return Compared(**{**fields, "verdict": verdict, "note": note})


def _broken(first: Sequence[Row], second: Sequence[Row]) -> list[str]:
    """Scenarios that the baseline measured and that failed for the candidate."""
    measured = {row.scenario for row in first if row.status == "ok"}
    failed = {row.scenario: row.reason for row in second if row.status == "failed" and row.scenario in measured}
    return [f"{scenario} failed: {reason}" for scenario, reason in failed.items()]
