"""Rows become a calibration, and a calibration the file that ships."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from assistant.answering.confidence import CAUTIONS, VERSION, Calibrated, Calibration, Caution, Refused, Regression
from benchmarks.calibrating import fitting
from benchmarks.calibrating.collecting import QUOTED, Row
from benchmarks.errors import BenchmarkError

_OUTCOME = ("strength", "support", "generated", "doubt")
"""What `confidence.outcome` gives; the other signals are seen before an answer."""
_SIGNS = {"strength": 1, "support": 1, "doubt": -1}
"""Which way these count, whatever a sample of answers says."""
_HEADING = """# Made by `python -m benchmarks calibrate`, not to be edited; see assistant/answering/confidence.py.
# Rates are of the questions that nothing was fitted on.
"""


def made(rows: Sequence[Row], date: str, generator: str, seed: int) -> Calibration:
    """The calibration that follows from these rows.

    Raises:
        BenchmarkError: they are too few, or of several embedders.
    """
    embedders = {row.embedder for row in rows}
    if len(embedders) != 1:
        raise BenchmarkError("The rows are of several embedders; give another --scratch.")
    asked = [row for row in rows if row.wording == QUOTED and row.signals]
    part = [row for row in asked if row.fitted]
    names = sorted(set(part[0].signals) - set(_OUTCOME)) if part else []
    labels = np.array([float(row.answerable) for row in part])
    if len(set(labels)) < 2:
        raise BenchmarkError("There are too few questions to fit anything on; raise --limit.")
    evidence, chances = fitting.fitted(part, labels, names, seed, balanced=True)
    thresholds = fitting.thresholds(part, chances)
    low = thresholds["low"]
    answers = [_with_strength(row, evidence) for row in rows if row.answered]
    answers = [row for row in answers if row.signals["strength"] >= low]
    fit = [row for row in answers if row.fitted]
    held = [row for row in answers if not row.fitted]
    right = np.array([float(row.right) for row in fit])
    if len(set(right)) < 2 or not held:
        raise BenchmarkError("There are too few answers to fit confidence on; raise --limit.")
    answer = _answer(fit, right, seed)
    sure = np.array([answer(row.signals) for row in held])
    was = np.array([float(row.right) for row in held])
    counted = fitting.weights(held, was, balanced=False)
    error, interval = fitting.ece(sure, was, counted), fitting.ece_interval(sure, was, counted, seed)
    measured = Calibrated(
        date, embedders.pop(), generator, seed, round(error, 4), [round(one, 4) for one in interval],
        len(held), round(float((was * counted).sum()), 4), _refused(asked, evidence, thresholds),
    )  # fmt: skip
    return Calibration(VERSION, thresholds, evidence, answer, measured)


def _answer(rows: Sequence[Row], right: fitting.Floats, seed: int) -> Regression:
    """Confidence in answers; what would count the wrong way round in so small a sample counts nothing."""
    names = list(_OUTCOME)
    while True:
        answer, _ = fitting.fitted(rows, right, names, seed, balanced=False)
        wrong = [name for name in names if _SIGNS.get(name, 0) * answer.weights[name] < 0]
        if not wrong:
            return Regression(answer.bias, {name: answer.weights.get(name, 0.0) for name in _OUTCOME})
        names = [name for name in names if name not in wrong]


def aurocs(rows: Sequence[Row], calibration: Calibration) -> dict[str, float]:
    """How well evidence strength tells each kind of unanswerable question from the answerable ones, held out."""
    held = [row for row in rows if row.wording == QUOTED and row.signals and not row.fitted]
    strengths: dict[tuple[str, str], list[float]] = {}
    for row in held:
        strengths.setdefault((row.documents, row.questions), []).append(calibration.evidence(row.signals))
    own = {documents: found for (documents, name), found in strengths.items() if name == "its own"}
    return {
        f"{documents}: {name}": round(fitting.auroc(np.array(own[documents]), np.array(found)), 3)
        for (documents, name), found in strengths.items()
        if name != "its own" and documents in own
    }


def _with_strength(row: Row, evidence: Regression) -> Row:
    """The row with the strength that this regression gives: the one it was asked with had other weights."""
    signals = {**row.signals, "strength": evidence(row.signals)}
    return Row(**{name: getattr(row, name) for name in row.__struct_fields__} | {"signals": signals})


def _refused(rows: Sequence[Row], evidence: Regression, thresholds: dict[Caution, float]) -> list[Refused]:
    found = []
    for documents, questions in dict.fromkeys((row.documents, row.questions) for row in rows):
        own = [row for row in rows if (row.documents, row.questions) == (documents, questions)]
        held = [evidence(row.signals) for row in own if not row.fitted]
        rates = {c: round(sum(one < thresholds[c] for one in held) / max(len(held), 1), 3) for c in CAUTIONS}
        found.append(Refused(documents, questions, own[0].answerable, len(own) - len(held), len(held), rates))
    return found


def written(calibration: Calibration) -> str:
    """The file's text."""
    seen = calibration.measured
    lines = [_HEADING + f"version = {calibration.version}"]
    lines += ["", "[thresholds]", *(f"{c} = {calibration.thresholds[c]}" for c in CAUTIONS)]
    for name, regression in (("evidence", calibration.evidence), ("answer", calibration.answer)):
        lines += ["", f"[{name}]", f"bias = {regression.bias}", "", f"[{name}.weights]"]
        lines += [f"{key} = {value}" for key, value in regression.weights.items()]
    lines += ["", "[measured]"]
    for key in ("date", "embedder", "generator"):
        lines.append(f"{key} = {_quoted(getattr(seen, key))}")
    lines += [f"seed = {seen.seed}", f"ece = {seen.ece}", f"ece_interval = {seen.ece_interval}"]
    lines += [f"answers = {seen.answers}", f"right = {seen.right}"]
    for one in seen.refused:
        rates = ", ".join(f"{caution} = {one.rates[caution]}" for caution in CAUTIONS)
        lines += ["", "[[measured.refused]]", f"documents = {_quoted(one.documents)}"]
        lines += [f"questions = {_quoted(one.questions)}", f"answerable = {str(one.answerable).lower()}"]
        lines += [f"fitted = {one.fitted}", f"held_out = {one.held_out}", f"rates = {{ {rates} }}"]
    text = "\n".join(lines) + "\n"
    if not math.isfinite(sum(calibration.evidence.weights.values())):
        raise BenchmarkError("The fit gave no numbers; raise --limit.")
    return text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
