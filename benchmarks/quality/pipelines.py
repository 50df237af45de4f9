"""Three ways to answer the same questions from the same knowledge base, each seen as replies with their sources.

Fieldmate through its facade; "naive", the pipeline that a tutorial builds; "best passage, no model". The naive one gets
the passages, embedder, model file, context length and longest answer of Fieldmate, and a prompt of its own that allows
it to say that it does not know. Knows no data set and no metric.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from assistant import Assistant
from assistant.settings import GeneratorSettings
from assistant.types import Answer, AnswerDone, Citation, CitationFound, Hit, TextDelta
from benchmarks import product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.quality import judges

BEST_PASSAGE = "best passage, no model"
_PASSAGES = 3
_LOOKED_THROUGH = 300
"""Hits among which the nearest by meaning are sought: their ranks are in the hits, whatever the fused order."""
_TEMPLATE_TOKENS = 64
"""Room for what a chat template writes around a message."""
_INSTRUCTIONS = (
    "Answer the question with the context below. If the context does not hold the answer, say that you do not know. "
    "Be brief."
)
_USER = "Context:\n{context}\n\nQuestion: {question}"


@dataclass(frozen=True, slots=True)
class Source:
    """What a reply shows as the origin of something it says."""

    document: str
    section: str
    page: int | None
    quote: str
    verbatim: bool | None = None
    """Whether the quotation stands in the stored document where the citation says; None of a baseline, which quotes
    what the search gave it."""

    def read(self) -> str:
        """All that a reader of the citation sees."""
        return f"{self.section}\n{self.quote}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one question."""

    text: str
    outcome: str
    """"generated", "quoted", "abstained" and so on for Fieldmate; empty for the baselines, which know one way only."""
    refused: bool
    sentences: tuple[tuple[str, tuple[Source, ...]], ...] = ()
    """Each with the sources that may support it; none in a refusal."""
    milliseconds: float | None = None

    @property
    def answer(self) -> str:
        """The text as SQuAD wants it: a refusal is an empty answer."""
        return "" if self.refused else self.text

    @property
    def sources(self) -> list[Source]:
        """All sources, each once, in order of their first use."""
        return list(dict.fromkeys(source for _, sources in self.sentences for source in sources))


class Pipeline(Protocol):
    """A way to answer."""

    name: str
    """The variant's name in rows."""

    def ask(self, question: str) -> Reply:
        """The reply to one question."""
        ...


def of(plan: Plan, variant: Variant, fieldmate: Assistant) -> Iterator[Pipeline]:
    """Fieldmate, then the baselines over the same knowledge base; each is made when its turn comes.

    The best passage needs no generator, so it comes with the first variant alone. The naive pipeline is last: where the
    model cannot be run by it, the others have been measured.
    """
    yield Fieldmate(variant.name, fieldmate)
    if variant == plan.variants[0]:
        yield BestPassage(fieldmate)
    naive = Naive(f"naive, {variant.name}", fieldmate, product.model_file(plan, variant))
    try:
        yield naive
    finally:
        naive.close()


class Fieldmate:
    """The product, asked as its users ask it."""

    def __init__(self, name: str, fieldmate: Assistant) -> None:
        self.name = name
        self._fieldmate = fieldmate

    def ask(self, question: str, session: str | None = None) -> Reply:
        """The reply, each released piece of text with its citation."""
        said: list[tuple[str, tuple[Source, ...]]] = []
        cited: list[Source] = []
        for event in self._fieldmate.ask(question, session):
            if isinstance(event, TextDelta):
                said.append((event.text.strip(), tuple(cited)))  # one of the earlier ones, when it has none of its own
            elif isinstance(event, CitationFound):
                cited.append(self._source(event.citation))
                said[-1] = (said[-1][0], (cited[-1],))
            elif isinstance(event, AnswerDone):
                return _reply(event.answer, said)
        raise BenchmarkError("An answer ended without its last event.")

    def _source(self, citation: Citation) -> Source:
        stored = self._fieldmate.document(citation.document)
        verbatim = stored is not None and stored[1][citation.start : citation.end] == citation.quote
        section = f"{citation.title}\n{citation.section}"
        return Source(citation.document, section, citation.page, citation.quote, verbatim)


class BestPassage:
    """The passage that the search ranks first, verbatim; it never refuses while there is one."""

    name = BEST_PASSAGE

    def __init__(self, fieldmate: Assistant) -> None:
        self._fieldmate = fieldmate

    def ask(self, question: str) -> Reply:
        """The passage as reply and as its own source."""
        hits = self._fieldmate.search(question, k=1)
        text = hits[0].passage.text if hits else ""
        said = tuple((sentence, _sources(hits)) for sentence in judges.sentences(text))
        return Reply(text, "", not hits, said)


class Naive:
    """The three passages nearest by meaning in one prompt, and whatever the model makes of them; no gate."""

    def __init__(self, name: str, fieldmate: Assistant, model: Path) -> None:
        """A pipeline over the knowledge base of `fieldmate`, with the class `Llama` of llama-cpp-python."""
        from llama_cpp import Llama

        self.name = name
        self._fieldmate = fieldmate
        self._settings: GeneratorSettings = fieldmate.settings.generator
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        context = self._settings.context_tokens
        self._llama = Llama(str(model), n_ctx=context, n_threads=threads, n_threads_batch=threads, verbose=False)

    def ask(self, question: str) -> Reply:
        """The model's reply; its sources are the passages that it was given, as such pipelines show them."""
        hits = nearest(self._fieldmate, question, _PASSAGES)
        user = self._user(question, [hit.passage.searchable() for hit in hits])
        try:
            text = self._written(system=_INSTRUCTIONS, user=user)
        except ValueError:  # a chat template without a place for instructions
            text = self._written(user=f"{_INSTRUCTIONS}\n\n{user}")
        refused = judges.refuses(text)
        said = () if refused else tuple((sentence, _sources(hits)) for sentence in judges.sentences(text))
        return Reply(text, "", refused, said)

    def _written(self, **messages: str) -> str:
        """The model's reply to these messages, by role."""
        written: Any = self._llama.create_chat_completion(
            messages=[{"role": role, "content": text} for role, text in messages.items()],  # type: ignore[misc]
            max_tokens=self._settings.max_tokens,
            temperature=self._settings.temperature,
        )
        return str(written["choices"][0]["message"]["content"] or "").strip()

    def _user(self, question: str, passages: list[str]) -> str:
        """The question behind as many of the passages as the context holds."""
        taken = self._tokens(_INSTRUCTIONS) + self._settings.max_tokens + _TEMPLATE_TOKENS
        room = self._settings.context_tokens - taken
        while True:
            text = _USER.format(context="\n\n".join(passages), question=question)
            excess = self._tokens(text) - room
            if excess <= 0:
                return text
            if len(passages) > 1:
                passages = passages[:-1]
            elif passages and passages[0]:
                passages = [passages[0][: -max(1, excess)]]  # a token has one character or more, but for rare scripts
            else:
                question = question[: len(question) // 2]

    def _tokens(self, text: str) -> int:
        return len(self._llama.tokenize(text.encode("utf-8", "replace")))

    def close(self) -> None:
        """Free the model."""
        self._llama.close()


def nearest(fieldmate: Assistant, question: str, count: int) -> list[Hit]:
    """The passages nearest to the question by meaning alone, nearest first."""
    hits = fieldmate.search(question, k=_LOOKED_THROUGH)
    ranked = sorted((hit.dense_rank, index) for index, hit in enumerate(hits) if hit.dense_rank is not None)
    return [hits[index] for _, index in ranked[:count]]


def _reply(answer: Answer, said: Sequence[tuple[str, tuple[Source, ...]]]) -> Reply:
    refused = answer.status == "abstained"
    outcome = "abstained" if refused else answer.mode
    return Reply(answer.text, outcome, refused, () if refused else tuple(said), answer.timings.total)


def _sources(hits: Sequence[Hit]) -> tuple[Source, ...]:
    return tuple(
        Source(hit.passage.document, f"{hit.passage.title}\n{hit.passage.section}", hit.passage.page, hit.passage.text)
        for hit in hits
    )
