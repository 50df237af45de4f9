"""Knowledge bases of the data sets, built once in a run. Knows where each set comes from; no metric."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks import datasets, product
from benchmarks.datasets import DataSet, Question
from benchmarks.errors import BenchmarkError
from benchmarks.plan import NAMED_DEFAULT, Plan, Variant

_BUILDERS = {
    "emanual_tv": lambda plan: datasets.emanual(plan, others=False),
    "emanual_all": lambda plan: datasets.emanual(plan, others=True),
    "squad2": datasets.squad2,
    "noiseqa": datasets.noiseqa,
    "mtrag": datasets.mtrag,
}


def built(plan: Plan, name: str) -> tuple[DataSet, Path]:
    """The data set and the data folder of a knowledge base that holds its documents."""
    data = _BUILDERS[name](plan)
    home = plan.folder(f"quality-{name}")
    complete = home / "complete"
    if not complete.exists():
        files = datasets.write(data, plan.folder(f"documents-{name}"))
        with product.opened(plan, Variant(NAMED_DEFAULT), home) as fieldmate:
            report = fieldmate.add([files])
        # Some sections of the corpora hold next to nothing; a few refusals must not end the run, many must.
        if report.count("refused") > len(data.documents) // 100:
            reasons = [item.reason for item in report.files if item.outcome == "refused"]
            raise BenchmarkError(f"{len(reasons)} documents of {name} were refused: {reasons[0]}")
        complete.touch()
    return data, home


def samples() -> list[Question]:
    """The questions of the sample manuals; kind "answerable" or "impossible"."""
    found = []
    for item in product.sample_questions():
        impossible = item["kind"] == "unanswerable"
        answers = () if impossible else tuple(text for text in (item["answer"], item.get("quote")) if text)
        found.append(Question(item["question"], "impossible" if impossible else "answerable", answers=answers))
    return found


def some(questions: Sequence[Question], count: int | None, seed: int) -> list[Question]:
    """At most `count` of the questions, drawn with the seed; all of them, in their order, when there are no more."""
    if count is None or len(questions) <= count:
        return list(questions)
    return random.Random(seed).sample(list(questions), count)


def of_kind(questions: Sequence[Question], kind: str) -> list[Question]:
    """The questions of one kind."""
    return [question for question in questions if question.kind == kind]
