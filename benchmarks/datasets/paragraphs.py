"""Sets in SQuAD's form: paragraphs, and questions whose answer is a span of one, or that nothing answers."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from benchmarks.datasets import reading
from benchmarks.datasets.reading import Worded
from benchmarks.datasets.values import DataSet, Question
from benchmarks.plan import Plan


class _Answer(msgspec.Struct, frozen=True):
    text: str


class _Item(msgspec.Struct, frozen=True):
    id: str
    question: Worded
    answers: list[_Answer]
    is_impossible: bool = False

    def texts(self) -> tuple[str, ...]:
        """The right answers, each once."""
        return tuple(dict.fromkeys(answer.text for answer in self.answers))


class _Paragraph(msgspec.Struct, frozen=True):
    context: Worded
    qas: list[_Item]


class _Article(msgspec.Struct, frozen=True):
    paragraphs: list[_Paragraph]


class _File(msgspec.Struct, frozen=True):
    data: list[_Article]


def squad2(plan: Plan) -> DataSet:
    """The paragraphs of eight articles; kind "answerable" or "impossible"."""
    file = "squad2/articles.jsonl"
    documents: dict[str, str] = {}
    questions: list[Question] = []
    for paragraph in _paragraphs(reading.lines(plan, file, _Article)):
        ident = f"paragraph-{len(documents)}"
        documents[ident] = paragraph.context
        for item in paragraph.qas:
            if not item.is_impossible and not item.answers:
                raise reading.damaged(file, f"question {len(questions)} is answerable and has no answer")
            number = f"squad2-{len(questions)}"
            if item.is_impossible:
                questions.append(Question(number, item.question, "impossible"))
            else:
                questions.append(Question(number, item.question, "answerable", frozenset([ident]), item.texts()))
    return DataSet(documents, tuple(questions))


def noiseqa(plan: Plan) -> DataSet:
    """240 paragraphs; the kind of a question says how it was spoiled: "clean", "asr" or "keyboard"."""
    files = {
        "clean": "noiseqa/Natural/xquad-context-en-question-en.json",
        "asr": "noiseqa/Synthetic/xquad-asr-synthetic.json",
        "keyboard": "noiseqa/Synthetic/xquad-keyboard-synthetic.json",
    }
    documents, places, questions = _first(plan, files["clean"], "noiseqa", "clean")
    for kind in ("asr", "keyboard"):
        questions += _again(plan, files[kind], kind, places)
    return DataSet(documents, tuple(questions))


def xquad(plan: Plan) -> DataSet:
    """The same 240 paragraphs in English; kinds "en" and "de across": questions in German about English paragraphs."""
    documents, places, questions = _first(plan, "xquad/xquad.en.json", "xquad", "en")
    questions += _again(plan, "xquad/xquad.de.json", "de across", places)
    return DataSet(documents, tuple(questions))


def xquad_german(plan: Plan) -> DataSet:
    """The paragraphs in German with the questions in German: kind "de"."""
    documents, _, questions = _first(plan, "xquad/xquad.de.json", "xquad", "de")
    return DataSet(documents, tuple(questions))


def _first(plan: Plan, file: str, name: str, kind: str) -> tuple[dict[str, str], dict[str, Question], list[Question]]:
    """Documents, questions by the set's own id, and the questions in their order."""
    documents: dict[str, str] = {}
    places: dict[str, Question] = {}
    for paragraph in _paragraphs(reading.tree(plan, file, _File).data):
        ident = f"paragraph-{len(documents)}"
        documents[ident] = paragraph.context
        for item in paragraph.qas:
            number = f"{name}-{len(places)}"
            places[item.id] = Question(number, item.question, kind, frozenset([ident]), item.texts())
    if not places:
        raise reading.damaged(file, "it has no questions")
    return documents, places, list(places.values())


def _again(plan: Plan, file: str, kind: str, places: dict[str, Question]) -> list[Question]:
    """The same questions in other words: their answers stay those of the paragraphs that are there."""
    questions = []
    for paragraph in _paragraphs(reading.tree(plan, file, _File).data):
        for item in paragraph.qas:
            first = reading.known(file, item.id, places, "question")
            questions.append(Question(first.id, item.question, kind, first.relevant, first.answers))
    return questions


def _paragraphs(articles: list[_Article]) -> Iterator[_Paragraph]:
    return (paragraph for article in articles for paragraph in article.paragraphs)
