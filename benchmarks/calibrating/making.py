"""Rows become a calibration, and a calibration the file that ships."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from assistant.answering.confidence import (
    CAUTIONS,
    VERSION,
    Calibrated,
    Calibration,
    Caution,
    ReadOf,
    Refused,
    Regression,
    Stretches,
)
from benchmarks.calibrating import fitting
from benchmarks.calibrating.collecting import QUOTED, Row
from benchmarks.calibrating.sentences import Sentences
from benchmarks.errors import BenchmarkError

_OUTCOME = ("strength", "support", "generated", "doubt")
"""What `confidence.outcome` gives; the other signals are seen before an answer."""
_SIGNS = {"strength": 1, "support": 1, "doubt": -1}
"""Which way these count, whatever a sample of answers says."""
_HEADING = """# Made by `python -m benchmarks calibrate`, not to be edited; see assistant/answering/confidence.py.
# Rates are of the questions that nothing was fitted on.
"""


def made(rows: Sequence[Row], stretch: Stretches, date: str, generator: str, seed: int) -> Calibration:
    """The calibration that follows from these rows, with `stretch` as it is.

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
    least = fitting.least_threshold(part, chances)
    answers = [_with_strength(row, evidence(row.signals)) for row in rows if row.answered]
    fit = [row for row in answers if row.fitted and row.signals["strength"] >= least]
    right = np.array([float(row.right) for row in fit])
    if len(set(right)) < 2:
        raise BenchmarkError("There are too few answers to fit confidence on; raise --limit.")
    answer = _answer(fit, right, seed)
    sure = [_confidence(_with_strength(row, float(chance)), answer) for row, chance in zip(part, chances, strict=True)]
    thresholds, floors = fitting.decided(part, chances, np.array(sure))
    decision = Decision(evidence, answer, thresholds, floors)
    measured = _measured(rows, asked, decision, date, generator, seed)
    return Calibration(VERSION, thresholds, floors, evidence, answer, stretch, measured)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is answered: enough evidence before an answer is looked for, enough confidence in what was found."""

    evidence: Regression
    answer: Regression
    thresholds: Mapping[Caution, float]
    floors: Mapping[Caution, float]

    def shows(self, row: Row, caution: Caution) -> bool:
        """Whether the row's answer is shown."""
        row = _with_strength(row, self.evidence(row.signals))
        enough = row.signals["strength"] >= self.thresholds[caution]
        return enough and _confidence(row, self.answer) >= self.floors[caution]


def _confidence(row: Row, answer: Regression) -> float:
    """In what the row answers; below any floor where it answers nothing."""
    return answer(row.signals) if row.answered else -1.0


def _measured(
    rows: Sequence[Row], asked: Sequence[Row], decision: Decision, date: str, generator: str, seed: int
) -> Calibrated:
    """What the numbers rest on, and their errors on what nothing was fitted on."""
    held = [row for row in rows if row.answered and not row.fitted and decision.shows(row, "low")]
    if not held:
        raise BenchmarkError("There are too few answers to say how good confidence is; raise --limit.")
    strong = [_with_strength(row, decision.evidence(row.signals)) for row in held]
    sure = np.array([decision.answer(row.signals) for row in strong])
    was = np.array([float(row.right) for row in held])
    counted = fitting.weights(held, was, balanced=False)
    error, interval = fitting.ece(sure, was, counted), fitting.ece_interval(sure, was, counted, seed)
    return Calibrated(
        date, rows[0].embedder, generator, seed, round(error, 4), [round(one, 4) for one in interval],
        len(held), round(float((was * counted).sum()), 4), refused(asked, decision),
    )  # fmt: skip


def stretches(read: Sequence[Sentences], seed: int) -> Stretches:
    """The regression that explanations are chosen by: over the sentences, each counting the same.

    Raises:
        BenchmarkError: they are too few, or of several embedders.
    """
    if len({one.embedder for one in read}) > 1:
        raise BenchmarkError("The sentences are of several embedders; give another --scratch.")
    read = [one for one in read if one.features]
    labels = np.array([float(belongs) for one in read for belongs in one.belongs])
    if len(set(labels)) < 2:
        raise BenchmarkError("There are too few sentences to fit anything on; raise --limit.")
    names = list(read[0].features[0])
    columns = np.array([[seen[name] for name in names] for one in read for seen in one.features])
    parts = fitting.folds([one.id for one in read for _ in one.features], seed)
    counted = np.full(len(labels), 1 / len(labels))
    found, _ = fitting.regression(columns, labels, counted, parts, names)
    fitted = []
    for documents in dict.fromkeys(one.documents for one in read):
        own = [one for one in read if one.documents == documents]
        count, belonging = sum(len(one.belongs) for one in own), sum(sum(one.belongs) for one in own)
        fitted.append(ReadOf(documents, len(own), count, belonging))
    return Stretches(found.bias, found.weights, fitted)


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


def _with_strength(row: Row, strength: float) -> Row:
    """The row with this strength: the one it was asked with came from other weights."""
    return msgspec.structs.replace(row, signals={**row.signals, "strength": strength})


def refused(rows: Sequence[Row], decision: Decision) -> list[Refused]:
    """How often each caution refuses what nothing was fitted on, by kind of question."""
    found = []
    for documents, questions in dict.fromkeys((row.documents, row.questions) for row in rows):
        own = [row for row in rows if (row.documents, row.questions) == (documents, questions)]
        held = [row for row in own if not row.fitted]
        rates = {c: round(sum(not decision.shows(row, c) for row in held) / max(len(held), 1), 3) for c in CAUTIONS}
        found.append(Refused(documents, questions, own[0].answerable, len(own) - len(held), len(held), rates))
    return found


def written(calibration: Calibration) -> str:
    """The file's text."""
    seen = calibration.measured
    lines = [_HEADING + f"version = {calibration.version}"]
    lines += ["", "[thresholds]", *(f"{c} = {calibration.thresholds[c]}" for c in CAUTIONS)]
    lines += ["", "[floors]", *(f"{c} = {calibration.floors[c]}" for c in CAUTIONS)]
    regressions = {"evidence": calibration.evidence, "answer": calibration.answer, "stretch": calibration.stretch}
    for name, regression in regressions.items():
        lines += ["", f"[{name}]", f"bias = {regression.bias}", "", f"[{name}.weights]"]
        lines += [f"{key} = {value}" for key, value in regression.weights.items()]
    for read in calibration.stretch.fitted:
        lines += ["", "[[stretch.fitted]]", f"documents = {_quoted(read.documents)}", f"questions = {read.questions}"]
        lines += [f"sentences = {read.sentences}", f"belonging = {read.belonging}"]
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
    if not all(math.isfinite(sum(one.weights.values())) for one in regressions.values()):
        raise BenchmarkError("The fit gave no numbers; raise --limit.")
    return text


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
