"""The public data sets as documents and questions. Reads the folder given with --data; knows no metric.

Licences differ from set to set: they are for measuring, and nothing of them is kept in the repository or in rows.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plan import Plan


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what is known of its answer."""

    text: str
    kind: str
    relevant: frozenset[str] = frozenset()
    """Ids of the documents that answer it; empty when none does."""
    answers: tuple[str, ...] = ()
    """Any of these is right; empty where the set has none."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """Documents, each to become a file of its own, and questions about them."""

    documents: dict[str, str]
    """Text by id; an id is also a file name, without its ending."""
    questions: tuple[Question, ...]
    suffix: str = ".txt"


def write(data: DataSet, folder: Path) -> Path:
    """Write each document into a file below `folder`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for ident, text in data.documents.items():
        (folder / f"{ident}{data.suffix}").write_text(text, "utf-8")
    return folder


def emanual(plan: Plan, *, others: bool) -> DataSet:
    """The Smart-TV manual, one Markdown file a section, with the sections of other manuals if wanted."""
    folder = plan.data_folder("emanual")
    corpus = json.loads((folder / "smart_tv_remote_manual_corpus.json").read_text("utf-8"))
    documents = {item["id"]: _markdown(item) for item in corpus.values()}
    if others:
        for item in _lines(folder / "other_manuals.jsonl"):
            documents[f"{item['manual']}-{item['id']}"] = _markdown(item)
    questions = tuple(
        Question(item["question"], item["kind"], frozenset(item["relevant_sections"]), (item["answer"],))
        for item in _lines(folder / "derived" / "smart_remote_QA.jsonl")
    )
    return DataSet(documents, questions, ".md")


def squad2(plan: Plan) -> DataSet:
    """The paragraphs of eight articles; kind "answerable" or "impossible"."""
    documents, questions = {}, []
    for article in _lines(plan.data_folder("squad2") / "articles.jsonl"):
        for paragraph in article["paragraphs"]:
            ident = f"paragraph-{len(documents)}"
            documents[ident] = paragraph["context"]
            for item in paragraph["qas"]:
                kind = "impossible" if item["is_impossible"] else "answerable"
                relevant = frozenset() if item["is_impossible"] else frozenset([ident])
                texts = tuple(dict.fromkeys(answer["text"] for answer in item["answers"]))
                questions.append(Question(item["question"], kind, relevant, texts))
    return DataSet(documents, tuple(questions))


def noiseqa(plan: Plan) -> DataSet:
    """240 paragraphs; the kind of a question says how it was spoiled: "clean", "asr" or "keyboard"."""
    folder = plan.data_folder("noiseqa")
    files = {
        "clean": folder / "Natural" / "xquad-context-en-question-en.json",
        "asr": folder / "Synthetic" / "xquad-asr-synthetic.json",
        "keyboard": folder / "Synthetic" / "xquad-keyboard-synthetic.json",
    }
    documents: dict[str, str] = {}
    places: dict[str, str] = {}
    questions = []
    for kind, path in files.items():
        for paragraph in _paragraphs(path):
            if kind == "clean":
                ident = f"paragraph-{len(documents)}"
                documents[ident] = paragraph["context"]
                places |= {item["id"]: ident for item in paragraph["qas"]}
            for item in paragraph["qas"]:
                texts = tuple(answer["text"] for answer in item["answers"])
                questions.append(Question(item["question"], kind, frozenset([places[item["id"]]]), texts))
    return DataSet(documents, tuple(questions))


def mtrag(plan: Plan) -> DataSet:
    """1,488 passages; the kind of a question is its form: "last turn", "all turns" or "rewritten"."""
    folder = plan.data_folder("mtrag")
    numbers = {item["_id"]: f"passage-{number}" for number, item in enumerate(_lines(folder / "mini_corpus.jsonl"))}
    documents = {numbers[item["_id"]]: item["text"] for item in _lines(folder / "mini_corpus.jsonl")}
    relevant: dict[str, set[str]] = {}
    with (folder / "qrels.tsv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            relevant.setdefault(line["query-id"], set()).add(numbers[line["corpus-id"]])
    questions = []
    for kind, name in (("last turn", "lastturn"), ("all turns", "questions"), ("rewritten", "rewrite")):
        for item in _lines(folder / f"queries_{name}.jsonl"):
            text = " ".join(part.strip() for part in item["text"].split("|user|:") if part.strip())
            questions.append(Question(text, kind, frozenset(relevant[item["_id"]])))
    return DataSet(documents, tuple(questions))


def _markdown(section: dict[str, Any]) -> str:
    lines = section["text"]
    return f"# {section['title']}\n\n" + (lines if isinstance(lines, str) else "\n".join(lines)) + "\n"


def _paragraphs(path: Path) -> Iterable[dict[str, Any]]:
    tree = json.loads(path.read_text("utf-8"))
    return (paragraph for article in tree["data"] for paragraph in article["paragraphs"])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
