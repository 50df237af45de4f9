"""The Vaswani collection: short abstracts, long questions, many relevant pairs, in TREC's forms."""

from __future__ import annotations

import re

from benchmarks.datasets import reading
from benchmarks.datasets.values import DataSet, Question
from benchmarks.plan import Plan

_DOCUMENT = re.compile(r"<DOC>\s*<DOCNO>\s*(\w+)\s*</DOCNO>(.*?)</DOC>", re.DOTALL)
_TOPIC = re.compile(r"<top>\s*<num>\s*(\w+)\s*</num>\s*<title>(.*?)</title>\s*</top>", re.DOTALL)
_TEXTS, _TOPICS, _QRELS = "vaswani_npl/corpus/doc-text.trec", "vaswani_npl/query-text.trec", "vaswani_npl/qrels"


def vaswani(plan: Plan) -> DataSet:
    """11,429 abstracts; questions of one kind."""
    corpus = reading.text(plan, _TEXTS)
    documents = {f"abstract-{number}": text.strip() for number, text in _DOCUMENT.findall(corpus)}
    _all(_TEXTS, corpus, "<DOC>", len(documents))
    topics = reading.text(plan, _TOPICS)
    titles = {number: " ".join(title.split()) for number, title in _TOPIC.findall(topics)}
    _all(_TOPICS, topics, "<top>", len(titles))
    relevant: dict[str, set[str]] = {}
    for number, line in enumerate(reading.text(plan, _QRELS).splitlines(), start=1):
        if not (fields := line.split()):
            continue
        if len(fields) != 4 or not fields[3].isdigit():
            raise reading.damaged(_QRELS, "it is not question, 0, document, 1", number)
        if fields[0] not in titles or f"abstract-{fields[2]}" not in documents:
            raise reading.damaged(_QRELS, "it names a question or an abstract that the set does not have", number)
        if fields[3] != "0":
            relevant.setdefault(fields[0], set()).add(f"abstract-{fields[2]}")
    questions = tuple(
        Question(f"vaswani-{number}", title, "abstracts", frozenset(relevant.get(number, ())))
        for number, title in titles.items()
    )
    return DataSet({ident: text for ident, text in documents.items() if text}, questions)


def _all(file: str, text: str, mark: str, found: int) -> None:
    """Check that nothing was left over: a file that is cut ends inside of an entry."""
    if not found or text.count(mark) != found:
        raise reading.damaged(file, f"{found} of {text.count(mark)} entries are whole")
