"""The values that Fieldmate's parts hand to each other.

This module knows no file, database, model or clock: only frozen values and what follows from them. Ids of rows and
links between rows belong to `assistant.store`; equal content makes equal objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

from assistant.characters import plainly

AnswerStatus = Literal["answered", "abstained"]
AnswerMode = Literal["generated", "quoted", "tool", "curated"]


class BlockKind(StrEnum):
    """What a span of a document's text is, as far as its reader could tell."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    """One bullet."""
    STEP = "step"
    """One item of a numbered list: neighbours of this kind form a procedure."""
    TABLE_HEADER = "table_header"
    TABLE_ROW = "table_row"
    WARNING = "warning"
    """A safety notice, whatever mark-up announced it."""
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """A structural unit of a document: `text[start:end]` of the document that holds it.

    Blocks are in reading order and do not overlap; text between them is white space.
    """

    kind: BlockKind
    start: int
    """Offset of the first character, in characters."""
    end: int
    """Offset behind the last character, in characters."""
    level: int = 0
    """Depth of a heading (1 is the title) or of a nested list item (0 is outermost)."""
    page: int | None = None
    """Page on which the block begins, counted from 1; None where the format has no pages."""


@dataclass(frozen=True, slots=True)
class Document:
    """One source file, read: its plain text and the structure found in it."""

    source: str
    """Where it came from: an absolute path."""
    name: str
    """How it is shown and cited: the path below the folder that was added, with forward slashes."""
    title: str
    text: str
    """What is stored, searched and quoted. All offsets point into it."""
    blocks: tuple[Block, ...]
    content_hash: str
    """Algorithm and digest of the source's bytes: "sha256:…"."""
    media_type: str
    revised: str | None = None
    """Revision date that the document states, ISO 8601, or None."""
    modified: str | None = None
    """Day on which its file was last changed, ISO 8601, or None: what is known where it states no date."""
    language: str | None = None
    """Most of it is written in this language, ISO 639-1; None where that cannot be told."""
    abbreviations: tuple[str, ...] = ()
    """Words that it writes with a full stop inside a sentence, lower case, without the stop, in order."""
    archive: str | None = None
    """Absolute path of the archive that it is one article of."""

    @property
    def dated(self) -> str | None:
        """The date to show: the one it states, else its file's."""
        return self.revised or self.modified


@dataclass(frozen=True, slots=True)
class Passage:
    """The retrievable unit: a span of a document with what is needed to understand and cite it."""

    document: str
    """`Document.name` of its document."""
    title: str
    """`Document.title` of its document."""
    ordinal: int
    """Position among the passages of its document, from 0."""
    start: int
    end: int
    text: str
    """Exactly `Document.text[start:end]`."""
    heading_path: tuple[str, ...] = ()
    """Headings above it, outermost first, without the document's title."""
    context: str = ""
    """Text that a reader needs beside it, verbatim from the document: the header row of a split table."""
    page: int | None = None
    dated: str | None = None
    """`Document.dated` of its document."""
    abbreviations: tuple[str, ...] = ()
    """`Document.abbreviations` of its document."""

    @property
    def section(self) -> str:
        """The innermost heading, or the document's title where there is none."""
        return self.heading_path[-1] if self.heading_path else self.title

    def searchable(self) -> str:
        """The text that is embedded: title and headings, table header, then the passage; each word in one script."""
        headings = " > ".join(dict.fromkeys((self.title, *self.heading_path)))
        return plainly("\n".join(part for part in (headings, self.context, self.text) if part))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which documents are searched: those that meet each condition that is given; without any, all."""

    documents: tuple[str, ...] = ()
    """Names or sources, or ends of them: one of these."""
    languages: tuple[str, ...] = ()
    """ISO 639-1: one of these."""
    tags: tuple[str, ...] = ()
    """One of these."""

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return bool(self.documents or self.languages or self.tags)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found, with how it was found."""

    passage: Passage
    score: float
    """Fused score, 0 to 1; comparable between the hits of one search."""
    dense_rank: int | None = None
    """Rank by vector similarity, from 1; None when not among that search's candidates."""
    dense_score: float | None = None
    """Cosine similarity to the question, -1 to 1."""
    lexical_rank: int | None = None
    """Rank by BM25, from 1; None when no term of the question is in the passage."""
    lexical_score: float | None = None
    """BM25, 0 or more."""
    also: tuple[Passage, ...] = ()
    """Passages that say the same and are not shown by themselves, the newest first; ranks and scores are the best of
    all of them."""

    def to_dict(self) -> dict[str, Any]:
        """The plain form that `ask --json` prints."""
        return {
            "document": self.passage.document,
            "section": self.passage.section,
            "page": self.passage.page,
            "score": round(self.score, 4),
            "dense_rank": self.dense_rank,
            "lexical_rank": self.lexical_rank,
            "also_in": [
                {"document": one.document, "section": one.section, "page": one.page, "dated": one.dated}
                for one in self.also
            ],
        }


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with the answer it got, as far as a follow-up question needs them."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asks, and the turns before it, oldest first."""

    text: str
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The span of a passage that supports a sentence, and how strongly."""

    passage: Passage
    start: int
    """Offset into the document's text, in characters."""
    end: int
    score: float
    """Support, 0 to 1."""

    @property
    def quote(self) -> str:
        """The span's text, verbatim."""
        return self.passage.text[self.start - self.passage.start : self.end - self.passage.start]


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a sentence of the answer comes from."""

    document: str
    title: str
    section: str
    page: int | None
    quote: str
    """Verbatim `text[start:end]` of the stored document."""
    start: int
    end: int
    score: float
    """How well the quote supports the sentence, 0 to 1."""
    dated: str | None = None
    """Revision date of the document, ISO 8601, else the day on which its file was last changed."""

    @classmethod
    def of(cls, evidence: Evidence) -> Citation:
        """The citation that points at `evidence`."""
        passage = evidence.passage
        return cls(
            document=passage.document,
            title=passage.title,
            section=passage.section,
            page=passage.page,
            quote=evidence.quote,
            start=evidence.start,
            end=evidence.end,
            score=round(evidence.score, 4),
            dated=passage.dated,
        )


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall-clock milliseconds since the question arrived, but for `load`."""

    retrieve: float = 0.0
    """Until the hits were known."""
    first_token: float | None = None
    """Until the generator's first token; None when it was not run."""
    total: float = 0.0
    load: float = 0.0
    """Spent loading models for this question: 0 in a process that is warm."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """What each stage took by itself, of those that were run: "embed" and "search" (of the question), "fuse",
    "judge" (whether the passages hold an answer), "tokenize" (choosing passages for the prompt and making tokens of
    it), "prefill", "decode", "gate"."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the generator handled for one answer."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    """Prompt tokens whose state was already there and that were not computed again."""
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. Abstaining is an answer too: `status` says so."""

    question: str
    text: str
    status: AnswerStatus
    mode: AnswerMode
    confidence: float
    """Estimated probability that the answer is right, 0 to 1."""
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    timings: Timings = field(default_factory=Timings)
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    """Catalogue id of the generator; None when none was needed."""
    embedder: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)
    """What confidence was estimated from; see `assistant.answering.signals`. Not published: versions change it."""

    def to_dict(self) -> dict[str, Any]:
        """The object that `fieldmate ask --json` prints; its fields are published and not renamed."""
        timings: dict[str, Any] = asdict(self.timings)
        stages = {name: round(value, 2) for name, value in timings.pop("stages").items()}
        timings = {name: None if value is None else round(value, 2) for name, value in timings.items()}
        return {
            "question": self.question,
            "answer": self.text,
            "status": self.status,
            "mode": self.mode,
            "confidence": round(self.confidence, 4),
            "citations": [asdict(citation) for citation in self.citations],
            "hits": [hit.to_dict() for hit in self.hits],
            "timings_ms": {**timings, "stages": stages},
            "usage": asdict(self.usage),
            "model": self.model,
            "embedder": self.embedder,
        }


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The search is done: the best passages, at once, while the model still thinks."""

    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer. It has passed the evidence gate and will not be taken back."""

    text: str


@dataclass(frozen=True, slots=True)
class CitationFound:
    """A sentence already shown is supported by this span."""

    citation: Citation
    number: int
    """Its number in the answer, from 1: the order of first use."""


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """The last event of every question."""

    answer: Answer


AnswerEvent = Retrieved | TextDelta | CitationFound | AnswerDone


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a generator is asked to continue, in cache order: what changes least comes first.

    The parts are kept apart so that an engine can tokenize each by itself, treat passages and questions as data (their
    text never becomes a control token of the template) and reuse the state of a part it has seen.
    """

    instructions: str
    passages: tuple[str, ...]
    question: str
    """The history's tail and the question: what differs from one call to the next."""


@dataclass(frozen=True, slots=True)
class Generated:
    """One step of a generator's stream."""

    text: str
    """Decoded text that became certain with this step; may be empty inside a multi-byte character."""
    logprob: float | None = None
    """Natural logarithm of the chosen token's probability, where the engine gives it."""


@dataclass(frozen=True, slots=True)
class Warming:
    """How far computing the states of passages ahead has come."""

    done: int
    """Passages looked at."""
    total: int
    """Passages to look at."""
    kept: int
    """States newly kept."""
    there: int
    """States that were there already."""
    bytes: int
    """Kept so far in this run."""
    full: bool
    """Whether there is room for no more."""


@dataclass(frozen=True, slots=True)
class StateUsage:
    """What the stored states of passages take."""

    count: int
    bytes: int
    budget_bytes: int
    note: str
    """A sentence where something is to be said about them; else empty."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file that was to be added."""

    source: str
    outcome: Literal["added", "replaced", "renamed", "removed", "unchanged", "refused"]
    passages: int = 0
    """Stored, or for one that was removed: gone with it."""
    embedded: int = 0
    """Of these, how many were new to the embedder; the others kept their vectors."""
    reason: str = ""
    """One sentence; only when refused."""


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of every file of one `add`."""

    files: tuple[FileReport, ...] = ()

    def count(self, outcome: str) -> int:
        """How many files had this outcome."""
        return sum(report.outcome == outcome for report in self.files)

    @property
    def passages(self) -> int:
        """Passages stored by this run."""
        return sum(report.passages for report in self.files if report.outcome in ("added", "replaced", "renamed"))

    def to_dict(self) -> dict[str, Any]:
        """The object that `fieldmate add --json` prints."""
        outcomes = ("added", "replaced", "unchanged", "refused")
        return {
            **{outcome: self.count(outcome) for outcome in outcomes},
            "passages": self.passages,
            "files": [asdict(report) for report in self.files],
        }


@dataclass(frozen=True, slots=True)
class SyncReport(AddReport):
    """What became of every file of the folders that are followed."""

    kept: tuple[str, ...] = ()
    """A sentence for each folder that could not be looked at: its documents stay as they were."""

    def to_dict(self) -> dict[str, Any]:
        """The object that `fieldmate sync --json` prints; files that have not changed are counted only."""
        outcomes = ("added", "replaced", "renamed", "removed", "unchanged", "refused")
        return {
            **{outcome: self.count(outcome) for outcome in outcomes},
            "passages": self.passages,
            "embedded": sum(report.embedded for report in self.files),
            "kept": list(self.kept),
            "files": [asdict(report) for report in self.files if report.outcome != "unchanged"],
        }
