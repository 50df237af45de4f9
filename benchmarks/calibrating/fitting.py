"""Logistic regression, thresholds and floors, the error that is left. Pure: rows in, numbers out, seeds are given."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from assistant.answering.confidence import Caution, Regression
from benchmarks.calibrating.collecting import Row
from benchmarks.statistics import bounds

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

REFUSED: Mapping[Caution, float] = {"low": 0.03, "normal": 0.10, "high": 0.20}
"""Share of answerable questions that each caution may refuse, mean over the sets: by this the decisions are chosen."""
_SHARES = (1 / 3, 1 / 2, 2 / 3)
"""Of that share, what the threshold may refuse before an answer is looked for; the floor has the rest."""
_UNEVEN = 1.5
"""Times that share which a single set may lose, rounded up to a whole question: some have a dozen."""
_TINY = 1e-9
_GRID = tuple(round(0.01 * step, 2) for step in range(2, 99))
_FEWEST = 30
"""Answerable questions of a set for which a bound of its own holds: of fewer, one question decides for all sets."""
_FOLDS = 5
_PENALTIES = (1e-4, 1e-3, 1e-2)
"""Of squared weights, of which cross-validation takes one."""
_COUNTED = 75
"""A group weighs at most as much as so many of its questions."""
_STEPS = 50
_BINS = 10
_RESAMPLES = 500


def matrix(rows: Sequence[Row], names: Sequence[str]) -> Floats:
    """The rows' signals, one column a name."""
    return np.array([[row.signals[name] for name in names] for row in rows], dtype=np.float64)


def weights(rows: Sequence[Row], labels: Floats, *, balanced: bool) -> Floats:
    """What each row counts: no group more than others because it has more questions.

    `balanced`: what is answerable and what is not count the same in all.
    """
    sizes = Counter((row.documents, row.questions, row.wording) for row in rows)
    counts = [sizes[row.documents, row.questions, row.wording] for row in rows]
    found = np.array([row.weight * min(1.0, _COUNTED / count) for row, count in zip(rows, counts, strict=True)])
    if balanced:
        for label in (0.0, 1.0):
            found[labels == label] /= found[labels == label].sum()
    return np.asarray(found / found.sum())


def logistic(columns: Floats, labels: Floats, counted: Floats, penalty: float) -> Floats:
    """Bias and weights, by Newton's method with halved steps; the bias is not penalized."""
    ones = np.column_stack([np.ones(len(columns)), columns])
    ridge = np.diag([1e-9, *[2 * penalty] * columns.shape[1]])

    def loss(beta: Floats) -> float:
        margins = np.where(labels == 1, -(ones @ beta), ones @ beta)
        return float((counted * np.logaddexp(0, margins)).sum() + 0.5 * beta @ ridge @ beta)

    beta = np.zeros(ones.shape[1])
    now = loss(beta)
    for _ in range(_STEPS):
        chances = _sigmoid(ones @ beta)
        slope = ones.T @ (counted * (chances - labels)) + ridge @ beta
        curve = (ones * (counted * chances * (1 - chances))[:, None]).T @ ones + ridge
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while size > 1e-6 and loss(beta - size * step) > now:
            size /= 2
        beta = beta - size * step
        before, now = now, loss(beta)
        if before - now < 1e-10:
            break
    return beta


def fitted(
    rows: Sequence[Row], labels: Floats, names: Sequence[str], seed: int, *, balanced: bool
) -> tuple[Regression, Floats]:
    """The regression, and for each row the probability from folds that it was not in."""
    columns, counted = matrix(rows, names), weights(rows, labels, balanced=balanced)
    return regression(columns, labels, counted, folds([row.id for row in rows], seed), names)


def folds(ids: Sequence[str], seed: int) -> npt.NDArray[np.int64]:
    """A fold for each row: by question, so that one question asked twice is not held against itself."""
    return np.array([zlib.crc32(f"{seed}:{ident}:fold".encode()) % _FOLDS for ident in ids])


def regression(
    columns: Floats, labels: Floats, counted: Floats, folds: npt.NDArray[np.int64], names: Sequence[str]
) -> tuple[Regression, Floats]:
    """The regression with the best penalty, and for each row the probability from folds that it was not in."""
    tried = [(penalty, _out_of_fold(columns, labels, counted, folds, penalty)) for penalty in _PENALTIES]
    penalty, chances = min(tried, key=lambda item: _log_loss(item[1], labels, counted))
    beta = logistic(columns, labels, counted, penalty)
    rounded = {name: round(float(value), 4) for name, value in zip(names, beta[1:], strict=True)}
    return Regression(round(float(beta[0]), 4), rounded), chances


def _out_of_fold(
    columns: Floats, labels: Floats, counted: Floats, folds: npt.NDArray[np.int64], penalty: float
) -> Floats:
    chances = np.zeros(len(labels))
    for fold in range(_FOLDS):
        inside = folds != fold
        beta = logistic(columns[inside], labels[inside], counted[inside] / counted[inside].sum(), penalty)
        chances[~inside] = _sigmoid(beta[0] + columns[~inside] @ beta[1:])
    return chances


def least_threshold(rows: Sequence[Row], strengths: Floats) -> float:
    """The lowest threshold that `decided` tries: what is fitted on answers starts there."""
    most = REFUSED["low"]
    return _highest(_Refusal(rows), strengths, np.zeros(len(rows), dtype=bool), _SHARES[0] * most, most)


def decided(
    rows: Sequence[Row], strengths: Floats, confidences: Floats
) -> tuple[dict[Caution, float], dict[Caution, float]]:
    """The thresholds of strength and the floors of confidence, by caution.

    Both together refuse no more of the answerable than `REFUSED` says, and of one set not much more; of the ways to
    share that out the one is taken that refuses most of the others. More caution never asks for less.

    Args:
        rows: what was asked.
        strengths: of the evidence for each.
        confidences: in the answer to each; below 0 where there was none, which counts as refused.
    """
    refusal = _Refusal(rows)
    thresholds: dict[Caution, float] = {}
    floors: dict[Caution, float] = {}
    least = lowest = 0.0
    nothing = np.zeros(len(rows), dtype=bool)
    for caution, most in REFUSED.items():
        tried = []
        for share in (0.0, *_SHARES):  # without a share the threshold stays where less caution has it
            highest = _highest(refusal, strengths, nothing, share * most, most) if share else 0.0
            threshold = max(least, highest)
            weak = strengths < threshold
            floor = _highest(refusal, confidences, weak, most, most)
            if floor >= lowest or not share:
                floor = max(floor, lowest)
                tried.append((bool(share), refusal.of_others(weak | (confidences < floor)), threshold, floor))
        _, _, least, lowest = max(tried)
        thresholds[caution], floors[caution] = least, lowest
    return thresholds, floors


class _Refusal:
    """What refusing some of the rows costs, and what it is worth."""

    def __init__(self, rows: Sequence[Row]) -> None:
        answerable = np.array([row.answerable for row in rows])
        documents = np.array([row.documents for row in rows])
        self._sets = [answerable & (documents == name) for name in dict.fromkeys(documents)]
        self._sets = [one for one in self._sets if one.any()]
        self._large = [one for one in self._sets if one.sum() >= _FEWEST]
        self._others = weights(rows, answerable.astype(float), balanced=False) * ~answerable

    def within(self, refused: Flags, most: float) -> bool:
        """Whether this refuses at most that share of the answerable, the mean over the sets."""
        return float(np.mean([refused[one].mean() for one in self._sets])) <= most + _TINY

    def even(self, refused: Flags, budget: float) -> bool:
        """Whether no single set of some size loses much more than the budget."""
        return all(refused[one].sum() <= math.ceil(_UNEVEN * budget * one.sum() - _TINY) for one in self._large)

    def of_others(self, refused: Flags) -> float:
        """Share of what is not answerable that this refuses."""
        return float(self._others[refused].sum())


def _highest(refusal: _Refusal, values: Floats, already: Flags, most: float, budget: float) -> float:
    """The highest step below which no more are refused than may be, with those that are already.

    Evenly where that can be had, and 0 where nothing can.
    """
    steps = [(step, already | (values < step)) for step in (0.0, *_GRID)]
    steps = [(step, refused) for step, refused in steps if refusal.within(refused, most)]
    even = [step for step, refused in steps if refusal.even(refused, budget)]
    return max(even or [step for step, _ in steps], default=0.0)


def ece(chances: Floats, right: Floats, counted: Floats) -> float:
    """Expected calibration error in ten bins of the same width (Naeini, Cooper and Hauskrecht 2015)."""
    bins = np.minimum((chances * _BINS).astype(int), _BINS - 1)
    gaps = [abs((counted[bins == one] * (right - chances)[bins == one]).sum()) for one in range(_BINS)]
    return float(sum(gaps) / counted.sum())


def ece_interval(chances: Floats, right: Floats, counted: Floats, seed: int) -> tuple[float, float]:
    """Bootstrap interval of the error, which is above 0 for a perfect calibration too: bins are finite."""
    draws = np.random.default_rng(seed).integers(len(chances), size=(_RESAMPLES, len(chances)))
    return bounds(np.array([ece(chances[draw], right[draw], counted[draw]) for draw in draws]))


def auroc(positive: Floats, negative: Floats) -> float:
    """Chance that one of the first is larger than one of the others; ties count half."""
    larger = (positive[:, None] > negative[None, :]).mean() + 0.5 * (positive[:, None] == negative[None, :]).mean()
    return float(larger)


def _log_loss(chances: Floats, labels: Floats, counted: Floats) -> float:
    sure = np.clip(np.where(labels == 1, chances, 1 - chances), 1e-9, 1)
    return float(-(counted * np.log(sure)).sum())


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))
