"""Knowledge bases of the data sets, built once in a run. Knows where each set comes from; no metric."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    "xquad": datasets.xquad,
    "xquad_german": datasets.xquad_german,
    "myfixit": datasets.myfixit,
    "vaswani": datasets.vaswani,
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


def manual(plan: Plan) -> tuple[Path, list[Question]]:
    """The Smart-TV manual among others where there are data sets, else the sample manuals: data folder and questions
    that can be answered, in the run's order.
    """
    if plan.data is None:
        home, questions = product.with_samples(plan), of_kind(samples(), "answerable")
    else:
        data, home = built(plan, "emanual_all")
        questions = list(data.questions)
    return home, random.Random(plan.seed).sample(questions, len(questions))


def copied(plan: Plan, home: Path, name: str) -> Path:
    """Another data folder with the same knowledge base, and no states of passages."""
    folder = plan.folder("copies") / name
    if not folder.exists():
        shutil.copytree(home, folder, ignore=shutil.ignore_patterns("states", "models"))
    return folder


def samples() -> list[Question]:
    """The questions of the sample manuals; kind "answerable" or "impossible".

    The document of a question is called as the knowledge base calls it; its second answer is the quotation that holds
    the first.
    """
    found = []
    for item in product.sample_questions():
        if item["kind"] == "unanswerable":
            found.append(Question(item["id"], item["question"], "impossible"))
            continue
        answers = tuple(text for text in (item["answer"], item.get("quote")) if text)
        documents, section = _documents(item), item.get("section") or ""
        found.append(
            Question(item["id"], item["question"], "answerable", documents, answers, section, item.get("page"))
        )
    return found


def _documents(item: dict[str, Any]) -> frozenset[str]:
    """The file that a sample question names, or those of its manual: one, where questions name none."""
    manual: str = item["manual"]
    names = [item["document"]] if item.get("document") else [path.name for path in (product.MANUALS / manual).iterdir()]
    return frozenset(f"{manual}/{name}" for name in names)


def some(questions: Sequence[Question], count: int | None, seed: int) -> list[Question]:
    """At most `count` of the questions, drawn with the seed; all of them, in their order, when there are no more."""
    if count is None or len(questions) <= count:
        return list(questions)
    return random.Random(seed).sample(list(questions), count)


def of_kind(questions: Sequence[Question], kind: str) -> list[Question]:
    """The questions of one kind."""
    return [question for question in questions if question.kind == kind]


def document_of(name: str) -> str:
    """The id of the document that a file of this name was written from."""
    return name.rpartition(".")[0]
