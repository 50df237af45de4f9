"""Makes the answer: judges the evidence, prompts the generator, passes its sentences through the gate.

Knows hits and a generator; not where hits come from, nor who listens to the events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assistant.answering import confidence
from assistant.answering.addressed import evidence_of, said, to_a_machine
from assistant.answering.conflicts import conflict, meanings
from assistant.answering.evidence import Gate, mistakable
from assistant.answering.prompt import build, instructions
from assistant.answering.quoting import best_quote, wants_explanation
from assistant.answering.reading import Sentence, Similarity, digest, read, rivals, shown, standing
from assistant.answering.signals import asked, signals
from assistant.answering.stream import plain, sentences
from assistant.answering.tables import is_row
from assistant.answering.warnings import beside
from assistant.dialogue import procedures
from assistant.protocols import Cancelled, Generator, StatefulGenerator
from assistant.quantities import identifiers, quantities
from assistant.retrieval.search import Found
from assistant.retrieval.terms import terms
from assistant.stages import Stages
from assistant.types import (
    Answer,
    AnswerDone,
    AnswerEvent,
    AnswerMode,
    AnswerStatus,
    Citation,
    CitationFound,
    Evidence,
    Hit,
    Passage,
    Prompt,
    Question,
    Retrieved,
    TextDelta,
    Timings,
    Usage,
)

_NAMED_WHEN_ABSTAINING = 3
_STOPPED = "Stopped before an answer was found."
_LEAST_RELEVANCE = 0.25
"""Share of the question's terms, by weight, that the first sentence of an answer and its evidence must hold."""
_LEAST_EXACT = 0.6
"""The same for one that names a number or a code, of the terms that stand in any passage: the wrong one does more harm
than a sentence quoted in its place."""
_LEAST_STANDING = 0.8
"""How well the sentence behind a worded answer must fit the question beside the one that fits best: the model's choice
and the reader's must agree. On 40 questions of squad2, .68 of the worded answers that met it were right, and .27 of the
others, where quoting was right for .80 (see benchmarks/LOG.md)."""
_LEAST_OF_A_ROW = 0.5
"""Share of the question's known terms, by weight, that a row and its headings must hold when they lack the rarest: a
row of another part looks like an answer. Of 72 sample questions 8 rows are withheld, of which one was right."""
_MOST_ROWS = 6
"""Rows shown of those that a question tells no better apart."""
_EITHER = 0.5
"""Most confidence where documents differ: one of them is wrong, or meant for something else."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may use."""

    passages: int = 3
    read_passages: int = 1
    """Passages that the generator reads for an explanation, that of the best sentence first."""
    prompt_tokens: int = 1200
    max_tokens: int = 160
    temperature: float = 0.0
    caution: confidence.Caution | None = "normal"
    """None: answers whatever was found, however weak; only for calibrating."""
    wording: Literal["mixed", "quoted", "generated"] = "mixed"
    """Who words answers: the documents, the generator, or the documents where an explanation is asked for."""


@dataclass(slots=True)
class _Draft:
    """An answer in the making."""

    started: float
    strength: float = 0.0
    text: str = ""
    citations: list[Citation] = field(default_factory=list)
    rests_on: list[Evidence] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    signals: dict[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    quoted: bool = True
    differing: bool = False
    retrieved: float = 0.0
    first_token: float | None = None
    load: float = 0.0
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    stages: Stages = field(default_factory=Stages)

    def elapsed(self) -> float:
        """Milliseconds since the question arrived."""
        return (time.perf_counter() - self.started) * 1000

    def add(self, text: str, evidence: Evidence) -> Iterator[AnswerEvent]:
        """Release `text` with its evidence, unless nothing in it answers anything."""
        text = said(text, self.weights)
        if not text:
            return
        self.text += text
        self.rests_on.append(evidence)
        yield TextDelta(text)
        yield from self.cite(evidence)

    def cite(self, evidence: Evidence) -> Iterator[AnswerEvent]:
        """Cite `evidence` unless it is cited already."""
        citation = Citation.of(evidence)
        if all((known.document, known.start, known.end) != (citation.document, citation.start, citation.end)
               for known in self.citations):  # fmt: skip
            self.citations.append(citation)
            yield CitationFound(citation, len(self.citations))


class Answerer:
    """Turns a question and what was found for it into events."""

    def __init__(
        self,
        generator: Callable[[], Generator],
        similarity: Similarity,
        section: Callable[[int], Passage],
        passages: Callable[[], int],
        embedder: str,
        limits: Limits,
    ) -> None:
        """`generator` loads the model at its first call and gives the same one afterwards.

        Args:
            generator: see above.
            similarity: cosine similarities of texts to a question.
            section: the whole section around a passage, by the passage's number.
            passages: how many there are in the knowledge base.
            embedder: fingerprint of the embedder behind it.
            limits: what one answer may use.
        """
        self._generator = generator
        self._similarity = similarity
        self._section = section
        self._passages = passages
        self._embedder = embedder
        self._limits = limits

    def answer(
        self,
        question: Question,
        searched: str,
        search: Callable[[], Found],
        cancelled: Cancelled = lambda: False,
        started: float | None = None,
        load_ms: float = 0.0,
    ) -> Iterator[AnswerEvent]:
        """Stream the events of one answer; the last is `AnswerDone`.

        Args:
            question: as asked.
            searched: the text that `search` looks for: the question made to stand alone.
            search: runs the search.
            cancelled: asked between tokens; what was released until then is the answer.
            started: `time.perf_counter()` at the question's arrival; default: now.
            load_ms: what loading has cost this question already.
        """
        draft = _Draft(started if started is not None else time.perf_counter(), load=load_ms)
        found = search()
        draft.retrieved, draft.weights = draft.elapsed(), found.weights
        draft.stages.milliseconds |= found.stages
        yield Retrieved(found.hits)
        with draft.stages.of("judge"):
            read_sentences = () if cancelled() else self._read(found)
            if found.hits and not cancelled():
                draft.signals = signals(found.text, found.hits, found.weights, read_sentences, self._passages())
        draft.strength = confidence.strength(draft.signals)
        if draft.strength >= confidence.threshold(self._limits.caution) and not cancelled():
            yield from self._answered(question, searched, found, read_sentences, draft, cancelled)
        draft.text = draft.text.rstrip()
        if draft.text:
            mode: AnswerMode = "generated" if draft.model is not None and not draft.quoted else "quoted"
            yield from self._conflicting(found, draft)
            yield from self._warned(draft)
            done = self._finish(question, draft, found.hits, "answered", mode)
        else:
            draft.text = _STOPPED if cancelled() else abstention(found.hits)
            yield TextDelta(draft.text)
            done = self._finish(question, draft, found.hits, "abstained", "quoted")
        yield AnswerDone(done)

    def _read(self, found: Found) -> tuple[Sentence, ...]:
        passages = [hit.passage for hit in found.hits[: self._limits.passages]]
        return read(found.text, found.weights, passages, self._similarity)

    def _answered(
        self,
        question: Question,
        searched: str,
        found: Found,
        read_sentences: Sequence[Sentence],
        draft: _Draft,
        cancelled: Cancelled,
    ) -> Iterator[AnswerEvent]:
        """Release steps, a quotation or the generator's sentences: what is worded best for this question."""
        yield from self._procedure(searched, found, draft)
        brief = not wants_explanation(searched, read_sentences)
        if not draft.text and self._words(brief=brief):
            yield from self._generated(question, found, read_sentences, draft, cancelled, brief=brief)
        if not draft.text and not cancelled():
            yield from self._quoted(found.text, read_sentences, draft)

    def _words(self, *, brief: bool) -> bool:
        """Whether the generator words such an answer."""
        return self._limits.wording == "generated" or (self._limits.wording == "mixed" and brief)

    def prepare(
        self, question: Question, searched: str, search: Callable[[], Found], cancelled: Cancelled = lambda: False
    ) -> None:
        """Do ahead what the generator will need for this question, which may be unfinished; see `answer`."""
        found = search()
        draft = _Draft(time.perf_counter())
        read_sentences = self._read(found)
        if cancelled() or not found.hits:
            return
        draft.weights = found.weights
        draft.signals = signals(found.text, found.hits, found.weights, read_sentences, self._passages())
        draft.strength = confidence.strength(draft.signals)
        brief = not wants_explanation(searched, read_sentences)
        if draft.strength < confidence.threshold(self._limits.caution) or not self._words(brief=brief):
            return
        generator = self._generator()
        if isinstance(generator, StatefulGenerator) and not cancelled():
            generator.prepare(self._prompt(generator, question, found, read_sentences, brief=brief), cancelled)

    def instructions(self) -> tuple[str, ...]:
        """The texts that stand first in what the generator is given; none where it words nothing."""
        return tuple(instructions(brief=brief) for brief in (True, False) if self._words(brief=brief))

    @property
    def passages_behind(self) -> str:
        """The instructions behind which it is given whole passages; empty where it never is."""
        return instructions(brief=False) if self._words(brief=False) else ""

    def _conflicting(self, found: Found, draft: _Draft) -> Iterator[AnswerEvent]:
        """Release what another document says instead, where one does."""
        with draft.stages.of("gate"):
            pieces = [piece for hit in found.hits for piece in evidence_of(hit.passage, found.weights)]
            differing = conflict(draft.rests_on, pieces, found.weights)
            others = meanings(found.text, draft.rests_on, pieces, found.weights)
        told: list[tuple[str, tuple[Evidence, ...]]] = []
        told += [(differing.told(), (differing.first, differing.other))] if differing is not None else []
        told += [(others.told(), others.others)] if others is not None else []
        for sentence, shown_beside in told:
            draft.differing = True
            text = f"\n{sentence}"
            draft.text += text
            yield TextDelta(text)
            for evidence in shown_beside:
                yield from draft.cite(evidence)

    def _procedure(self, searched: str, found: Found, draft: _Draft) -> Iterator[AnswerEvent]:
        """Release the numbered steps that the question asks for, verbatim and whole; no model is run for them."""
        if not procedures.asks_how(searched):
            return
        evidence = procedures.best_steps(self._sections(found), found.weights)
        if evidence is not None and self._sure(draft, evidence):
            yield from draft.add(evidence.quote, evidence)

    def _sure(self, draft: _Draft, evidence: Evidence, *, generated: bool = False) -> bool:
        """Whether an answer may begin with what rests on `evidence`: it is right with enough confidence."""
        outcome = self._outcome(draft, [evidence], generated=generated)
        if is_row(evidence.quote) and outcome["lacks"] >= 1.0 and outcome["asked"] < _LEAST_OF_A_ROW:
            return False
        return confidence.confidence(outcome) >= confidence.floor(self._limits.caution)

    def _outcome(self, draft: _Draft, rests_on: Sequence[Evidence], *, generated: bool) -> dict[str, float]:
        held = asked(draft.weights, rests_on, self._passages())
        support = [evidence.score for evidence in rests_on]
        return confidence.outcome(draft.strength, support, draft.logprobs, held, generated=generated)

    def _warned(self, draft: _Draft) -> Iterator[AnswerEvent]:
        """Release the warnings beside what was answered."""
        for warning in beside(draft.rests_on):
            if told := said(warning.quote, draft.weights):
                draft.text += f"\n{told}"
                yield TextDelta(f"\n{told}")
                yield from draft.cite(warning)

    def _sections(self, found: Found) -> Iterator[Passage]:
        for id in found.ids[: self._limits.passages]:
            try:
                yield self._section(id)
            except LookupError:  # its document was removed since the search
                continue

    def _generated(
        self,
        question: Question,
        found: Found,
        read_sentences: Sequence[Sentence],
        draft: _Draft,
        cancelled: Cancelled,
        *,
        brief: bool,
    ) -> Iterator[AnswerEvent]:
        """Release each sentence of the model that its passages support, the first where it fits the question as well.

        Where the number that it names could be another one of those beside it, its evidence is quoted instead.
        """
        before = time.perf_counter()
        generator = self._generator()
        draft.load += (time.perf_counter() - before) * 1000
        draft.model = generator.model
        passages = [hit.passage for hit in found.hits[: self._limits.passages]]
        with draft.stages.of("gate"):
            gate = Gate([piece for one in passages for piece in evidence_of(one, found.weights)], found.weights)
        with draft.stages.of("tokenize"):
            prompt = self._prompt(generator, question, found, read_sentences, brief=brief)
        known: set[frozenset[str]] = set()

        def cut_off() -> bool:
            return cancelled() or generator.usage.completion_tokens >= self._limits.max_tokens

        for marked_up in sentences(self._pieces(generator, prompt, draft, cancelled), cut_off):
            with draft.stages.of("gate"):
                sentence = plain(marked_up)
                key = frozenset(terms(sentence))
                if key and key in known:
                    break  # a model that repeats itself has nothing more to say
                known.add(key)
                verdict = gate.judge(sentence)
                evidence = verdict.evidence if verdict.supported else None
                unclear = evidence is not None and (
                    mistakable(sentence, evidence.quote, found.text)
                    or bool(rivals(evidence, found.weights, read_sentences))
                )
                if evidence is not None and not draft.text:
                    fits = self._relevant(found.weights, sentence, evidence)
                    fits = fits and standing(evidence, read_sentences) >= _LEAST_STANDING
                    evidence = evidence if fits and self._sure(draft, evidence, generated=not unclear) else None
            if evidence is None or (unclear and draft.text):
                continue
            if unclear:
                yield from self._cited(shown(evidence, read_sentences), evidence, read_sentences, draft)
                break
            yield from draft.add(sentence, evidence)
            draft.quoted = not draft.text
        draft.usage = generator.usage
        for name, taken in generator.stages.items():
            draft.stages.milliseconds[name] = draft.stages.milliseconds.get(name, 0.0) + taken

    def _prompt(
        self,
        generator: Generator,
        question: Question,
        found: Found,
        read_sentences: Sequence[Sentence],
        *,
        brief: bool,
    ) -> Prompt:
        """What the generator is given: the sentences that fit best for a fact, whole passages for an explanation.

        What is not in them would not be shown: the best sentence, or the stretch around it, is quoted instead.
        """
        limits = self._limits
        budget = min(limits.prompt_tokens, generator.context_tokens - limits.max_tokens)
        passages = [hit.passage for hit in found.hits[: limits.passages]]
        best = max(read_sentences, key=lambda one: one.value, default=None)
        if best is not None:
            passages.sort(key=lambda one: one != best.passage)
        excerpts = digest(read_sentences) if brief else passages[: limits.read_passages]
        return build(question.text, question.history, excerpts, generator.count_tokens, budget, brief=brief)[0]

    def _relevant(self, weights: Mapping[str, float], sentence: str, evidence: Evidence) -> bool:
        """Whether an answer may begin with `sentence`: it or its evidence says something about what was asked."""
        if quantities(sentence) or identifiers(sentence):
            spoken_of = asked(weights, [evidence], self._passages())
            return spoken_of["asked"] >= _LEAST_EXACT and spoken_of["lacks"] < 1.0
        above = evidence.passage.heading_path
        held = frozenset(terms(" \n ".join((sentence, evidence.quote, evidence.passage.title, *above))))
        covered = sum(weight for term, weight in weights.items() if term in held)
        return covered >= _LEAST_RELEVANCE * sum(weights.values())

    def _pieces(self, generator: Generator, prompt: Prompt, draft: _Draft, cancelled: Cancelled) -> Iterator[str]:
        stream = generator.generate(
            prompt,
            max_tokens=self._limits.max_tokens,
            temperature=self._limits.temperature,
            cancelled=cancelled,
        )
        for step in stream:
            if draft.first_token is None:
                draft.first_token = draft.elapsed()
            if step.logprob is not None:
                draft.logprobs.append(step.logprob)
            yield step.text

    def _quoted(self, meant: str, read_sentences: Sequence[Sentence], draft: _Draft) -> Iterator[AnswerEvent]:
        """Release what of the best passages answers the question best."""
        quote = best_quote(meant, read_sentences)
        if quote is not None and self._sure(draft, quote.evidence):
            yield from self._cited(quote.shown, quote.evidence, read_sentences, draft)

    def _cited(
        self, text: str, evidence: Evidence, read_sentences: Sequence[Sentence], draft: _Draft
    ) -> Iterator[AnswerEvent]:
        """Release what is quoted; of rows that the question tells no better apart all, up to some."""
        rows = rivals(evidence, draft.weights, read_sentences)[:_MOST_ROWS]
        if not rows:
            yield from draft.add(text, evidence)
        for number, row in enumerate(rows):
            start = row.passage.start
            own = Evidence(row.passage, start + row.start, start + row.end, evidence.score)
            yield from draft.add(row.shown if number == 0 else f"\n{row.shown}", own)

    def _finish(
        self,
        question: Question,
        draft: _Draft,
        hits: tuple[Hit, ...],
        status: AnswerStatus,
        mode: AnswerMode,
    ) -> Answer:
        right = 1 - draft.strength
        if status == "answered":
            outcome = self._outcome(draft, draft.rests_on, generated=mode == "generated")
            draft.signals |= outcome
            right = confidence.confidence(outcome)
            right = min(right, _EITHER) if draft.differing else right
        return Answer(
            question=question.text,
            text=draft.text,
            status=status,
            mode=mode,
            confidence=right,
            citations=tuple(draft.citations),
            hits=hits,
            timings=Timings(
                draft.retrieved, draft.first_token, draft.elapsed(), draft.load, dict(draft.stages.milliseconds)
            ),
            usage=draft.usage,
            model=draft.model,
            embedder=self._embedder,
            signals=draft.signals,
        )


def abstention(hits: Sequence[Hit]) -> str:
    """The sentence that says that there is no answer, with the closest passages to look at."""
    if not hits:
        return "The documents hold nothing about this."
    places = list(dict.fromkeys(_place(hit) for hit in hits))[:_NAMED_WHEN_ABSTAINING]
    return "The documents do not answer this. Closest: " + "; ".join(places) + "."


def _place(hit: Hit) -> str:
    named = hit.passage.section != hit.passage.title and not to_a_machine(hit.passage.section)
    page = f", page {hit.passage.page}" if hit.passage.page is not None else ""
    section = f", “{hit.passage.section}”" if named else ""
    return f"{hit.passage.document}{section}{page}"
