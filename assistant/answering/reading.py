"""The sentences of the best passages, each with how well it fits the question: what is quoted and judged. Pure.

Read once a question, before a token is spent: whether the documents hold an answer is a matter of their best sentence
more than of their best passage, and the sentence that is quoted is the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.answering.addressed import evidence_of
from assistant.answering.tables import header_of, is_row, spelled_out, statements
from assistant.retrieval.terms import terms
from assistant.types import Evidence, Passage

MOST_SENTENCES = 120
"""Sentences that are looked at: three long passages' worth."""
DIGEST = 2
"""Sentences from which a fact is drawn: what is shown of 40 facts of squad2 and 40 of the sample manuals has a word F1
of .45 and .43 with some 100 tokens behind the instructions; from six .36 and .43, from the passage of the best one .39
and .34 (0.5B, see benchmarks/LOG.md)."""
_MOST_COMPARED = 32
"""Sentences whose meaning is compared: those that share most with the question, since each costs the embedder time."""
_COSINE_SHARE = 0.5
"""Weight of meaning against shared terms, both 0 to 1 (sample manuals, see benchmarks/LOG.md)."""
_PASSAGE_SHARE = 0.1
"""What a sentence of the first passage is ahead of one of the last."""
_HEADING_SHARE = 0.5
"""What a term of the question counts that stands in the headings above a sentence and not in it."""

Similarity = Callable[[str, Sequence[str]], Sequence[float]]
"""Cosine similarities of texts to a question."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or table row of a passage."""

    passage: Passage
    rank: int
    """Of its passage, from 0."""
    start: int
    end: int
    held: frozenset[str]
    """Terms of it and of its table's header."""
    above: frozenset[str]
    """Terms of the title and headings above it."""
    covered: float
    """Share of the question's terms, by weight, that it holds; those of the headings count half."""
    cosine: float
    """Similarity of meaning to the question, 0 to 1; 0 where it was not compared."""
    named: float
    """Share of the question's terms, by weight, that the heading of its passage's section holds."""

    @property
    def text(self) -> str:
        """As it stands in the passage."""
        return self.passage.text[self.start : self.end]

    @property
    def shown(self) -> str:
        """As it is shown: a row with the names of its columns."""
        return _shown(self.passage, self.start, self.end)

    @property
    def fit(self) -> float:
        """How well it fits the question, 0 to 1."""
        return (1 - _COSINE_SHARE) * self.covered + _COSINE_SHARE * self.cosine

    @property
    def value(self) -> float:
        """The fit, less what its passage is behind the first: what it is chosen by."""
        return self.fit * (1 - _PASSAGE_SHARE * self.rank)


def read(
    question: str, weights: Mapping[str, float], passages: Sequence[Passage], similarity: Similarity
) -> tuple[Sentence, ...]:
    """The sentences of `passages` in reading order, without table headers and what speaks to a machine: no answers.

    Args:
        question: the text that was searched for.
        weights: its terms with their inverse document frequencies.
        passages: best first.
        similarity: cosine similarities of texts to the question.
    """
    found = [
        one
        for rank, passage in enumerate(passages)
        for piece in evidence_of(passage, weights)
        for one in _sentences(piece, rank, weights)
    ]
    found = found[:MOST_SENTENCES]
    likeliest = sorted(range(len(found)), key=lambda index: (found[index].rank, -found[index].covered, index))
    first = [index for index in likeliest if found[index].rank == 0][: _MOST_COMPARED // 2]
    others = sorted((i for i in range(len(found)) if i not in set(first)), key=lambda i: (-found[i].covered, i))
    compared = sorted((*first, *others[: _MOST_COMPARED - len(first)]))
    if not compared:
        return ()
    cosines = dict(zip(compared, similarity(question, [found[index].shown for index in compared]), strict=True))
    return tuple(_with_cosine(one, cosines.get(index, 0.0)) for index, one in enumerate(found))


def digest(sentences: Sequence[Sentence], count: int = DIGEST) -> list[Passage]:
    """The passages, best first, cut down to the sentences that fit best of all, rows with the names of their columns.

    Their offsets are those of the whole passages: what is shown to a generator is not cited.
    """
    chosen = sorted(range(len(sentences)), key=lambda index: (-sentences[index].value, index))[:count]
    texts: dict[int, list[Sentence]] = {}
    for index in sorted(chosen):
        texts.setdefault(sentences[index].rank, []).append(sentences[index])
    return [
        replace(own[0].passage, text="\n".join(one.shown for one in own), context="")
        for _, own in sorted(texts.items())
    ]


def standing(evidence: Evidence, sentences: Sequence[Sentence]) -> float:
    """How well what is cited fits the question, as a share of what fits it best; 0 where it was not read."""
    best = max((one.value for one in sentences), default=0.0)
    own = max((one.value for one in _inside(evidence, sentences)), default=0.0)
    return own / best if best > 0 else 0.0


def rivals(evidence: Evidence, weights: Mapping[str, float], sentences: Sequence[Sentence]) -> list[Sentence]:
    """The rows that the question's words tell no better apart from the cited row, it among them; else none.

    "Which torque for the terminals?" means the row of X1 no more than that of X2.

    Args:
        evidence: what is cited.
        weights: the question's terms.
        sentences: what was read.
    """
    cited = _inside(evidence, sentences)
    if len(cited) != 1 or not is_row(cited[0].text):
        return []
    wanted = frozenset(terms(cited[0].text)) & weights.keys()
    rows = [one for one in sentences if one.passage == evidence.passage and is_row(one.text)]
    alike = [one for one in rows if wanted <= frozenset(terms(one.text))]
    return alike if wanted and len(alike) > 1 else []


def shown(evidence: Evidence, sentences: Sequence[Sentence]) -> str:
    """What is cited, as it is shown: a row with the names of its columns."""
    inside = _inside(evidence, sentences)
    return inside[0].shown if len(inside) == 1 else evidence.quote


def _inside(evidence: Evidence, sentences: Sequence[Sentence]) -> list[Sentence]:
    first, last = evidence.start - evidence.passage.start, evidence.end - evidence.passage.start
    return [one for one in sentences if one.passage == evidence.passage and first <= one.start and one.end <= last]


def _sentences(passage: Passage, rank: int, weights: Mapping[str, float]) -> list[Sentence]:
    above = frozenset(terms(" \n ".join((passage.title, *passage.heading_path))))
    total = sum(weights.values()) or 1.0
    section = frozenset(terms(passage.section))
    named = sum(weight for term, weight in weights.items() if term in section) / total
    found = []
    for start, end in statements(passage.text, passage.abbreviations):
        if _is_header(passage, start, end):
            continue
        held = frozenset(terms(" \n ".join((_shown(passage, start, end), passage.context))))
        share = sum(
            weight * (1.0 if term in held else _HEADING_SHARE if term in above else 0.0)
            for term, weight in weights.items()
        )
        found.append(Sentence(passage, rank, start, end, held, above, share / total, 0.0, named))
    return found


def _with_cosine(sentence: Sentence, cosine: float) -> Sentence:
    return replace(sentence, cosine=min(1.0, max(0.0, cosine)))


def _shown(passage: Passage, start: int, end: int) -> str:
    text = passage.text[start:end]
    return spelled_out(text, header_of(start, passage.text, passage.context)) if is_row(text) else text


def _is_header(passage: Passage, start: int, end: int) -> bool:
    text = passage.text[start:end]
    return is_row(text) and not passage.context and header_of(start, passage.text, "") == ""
