"""Logistic regression, thresholds and the error that is left. Pure: rows in, numbers out, the seed is an argument."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from assistant.answering.confidence import Caution, Regression
from benchmarks.calibrating.collecting import Row
from benchmarks.statistics import bounds

Floats = npt.NDArray[np.float64]

REFUSED: Mapping[Caution, float] = {"low": 0.03, "normal": 0.10, "high": 0.20}
"""Share of answerable questions that each caution may refuse, mean over the sets: this chooses the thresholds."""
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
    # By question and not by row: one question to two knowledge bases, or in two wordings, is not held against itself.
    folds = np.array([zlib.crc32(f"{seed}:{row.id}:fold".encode()) % _FOLDS for row in rows])
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


def thresholds(rows: Sequence[Row], chances: Floats) -> dict[Caution, float]:
    """The highest thresholds that refuse no more of the answerable than `REFUSED` says, the mean over the sets."""
    sets: dict[str, list[float]] = {}
    for row, chance in zip(rows, chances, strict=True):
        if row.answerable:
            sets.setdefault(row.documents, []).append(float(chance))

    def refused(threshold: float) -> float:
        return float(np.mean([np.mean(np.array(found) < threshold) for found in sets.values()]))

    steps = [round(float(step), 2) for step in np.arange(0.02, 0.99, 0.01)]
    return {
        caution: max((step for step in steps if refused(step) <= most), default=steps[0])
        for caution, most in REFUSED.items()
    }


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
