"""Sets of manuals and guides: the Smart-TV manual with its questions, and repair guides found by their titles."""

from __future__ import annotations

from typing import Annotated

import msgspec

from benchmarks.datasets import reading
from benchmarks.datasets.reading import Worded
from benchmarks.datasets.values import DataSet, Question
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan


class _Section(msgspec.Struct, frozen=True):
    id: str
    title: str
    text: str | list[str]

    def markdown(self) -> str:
        """Title and text as a Markdown file."""
        return f"# {self.title}\n\n" + (self.text if isinstance(self.text, str) else "\n".join(self.text)) + "\n"


class _OtherSection(_Section, frozen=True):
    manual: str


class _TvQuestion(msgspec.Struct, frozen=True):
    question: Worded
    answer: str
    kind: str
    relevant_sections: Annotated[list[str], msgspec.Meta(min_length=1)]


def emanual(plan: Plan, *, others: bool) -> DataSet:
    """The Smart-TV manual, one Markdown file a section, with the sections of other manuals if wanted."""
    sections = reading.tree(plan, "emanual/smart_tv_remote_manual_corpus.json", dict[str, _Section])
    documents = {section.id: section.markdown() for section in sections.values()}
    file = "emanual/derived/smart_remote_QA.jsonl"
    questions = []
    for number, item in enumerate(reading.lines(plan, file, _TvQuestion)):
        for name in item.relevant_sections:
            reading.known(file, name, documents, "section")
        relevant = frozenset(item.relevant_sections)
        questions.append(Question(f"emanual-{number}", item.question, item.kind, relevant, (item.answer,)))
    if others:
        for other in reading.lines(plan, "emanual/other_manuals.jsonl", _OtherSection):
            documents[f"{other.manual}-{other.id}"] = other.markdown()
    return DataSet(documents, tuple(questions), ".md")


class _Step(msgspec.Struct, frozen=True):
    text: str = msgspec.field(name="Text_raw")


class _Guide(msgspec.Struct, frozen=True):
    title: Worded = msgspec.field(name="Title")
    steps: Annotated[list[_Step], msgspec.Meta(min_length=1)] = msgspec.field(name="Steps")

    def markdown(self) -> str:
        """The steps as a numbered list; without the title, which is the question."""
        return "".join(f"{number}. {text}\n" for number, text in enumerate(_steps(self), start=1))


def _steps(guide: _Guide) -> list[str]:
    """The text of each step on one line, in order; steps that are a picture alone are left out."""
    return [line for step in guide.steps if (line := " ".join(step.text.split()))]


def myfixit(plan: Plan) -> DataSet:
    """Repair guides, one Markdown file each; the question is the title, which the file does not hold.

    The answers of question "myfixit-7" are the steps of "guide-7" in their order: not for scoring an answer, but for
    seeing whether a guide is kept as it was.
    """
    file = "myfixit/Appliance.json"
    guides = reading.lines(plan, file, _Guide)
    documents = {f"guide-{number}": guide.markdown() for number, guide in enumerate(guides)}
    if not any(documents.values()):
        raise BenchmarkError(f"No guide of {file} has a step with words; get the data set myfixit again.")
    kept = [(number, guide) for number, guide in enumerate(guides) if documents[f"guide-{number}"]]
    titles: dict[str, set[str]] = {}
    for number, guide in kept:  # two guides may bear one title: either is right
        titles.setdefault(guide.title, set()).add(f"guide-{number}")
    questions = tuple(
        Question(f"myfixit-{number}", guide.title, "title", frozenset(titles[guide.title]), tuple(_steps(guide)))
        for number, guide in kept
    )
    return DataSet({ident: text for ident, text in documents.items() if text}, questions, ".md")
