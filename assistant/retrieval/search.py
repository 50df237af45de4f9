"""Search: a question in, ranked passages out.

Joins the store's full-text search and the vector index. Does not know the generator, nor what is done with the hits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from assistant.errors import KnowledgeBaseError
from assistant.protocols import Embedder
from assistant.retrieval import folding
from assistant.retrieval.closeness import closeness, pairs
from assistant.retrieval.fusion import Fused, added, best_of, fuse
from assistant.retrieval.synonyms import Synonyms
from assistant.retrieval.terms import terms
from assistant.retrieval.understanding import Understanding
from assistant.stages import Stages
from assistant.store.database import Store
from assistant.store.index import VectorIndex
from assistant.store.lexical_index import LexicalIndex
from assistant.store.vectors import Ids, Vectors
from assistant.types import Hit, Passage

_HEADING_WEIGHT = 1.5
"""Weight of a term in title and headings against one in the text (open Smart-TV set, see benchmarks/LOG.md)."""
_CLOSENESS_WEIGHT = 0.5
"""What closeness adds to the fused score, which is 1 at most: fitted on one half of the questions of six open sets and
checked on the other (see benchmarks/LOG.md)."""
_RERANKED = 20
"""Passages whose closeness is looked at, and among which those that say the same are looked for."""
_EARLIER_WORDS, _EARLIER_VECTOR = 0.3, 0.6
"""What the words and the vector of an earlier question count for, against 1 of the one that leans on it (mtrag, see
benchmarks/LOG.md)."""
_NEIGHBOURS = 4
"""Passages before and behind one that are looked at for the rest of its section."""
_QUESTION_TERMS = 64
"""Terms of a question that are searched for: rarest first. A pasted page must not become a query of 10,000 terms."""
_QUESTION_CHARACTERS = 4000
"""What is looked at of a question; the embedder sees less anyway."""


Held = dict[int, tuple[list[str], list[str]]]
"""Terms of heading and text of passages, by the store's number."""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search, with what is needed to judge how well it fits."""

    hits: tuple[Hit, ...]
    ids: tuple[int, ...]
    """The store's number of each hit's passage."""
    text: str
    """What was searched for: the question with its slips mended and its spoken codes written out."""
    weights: Mapping[str, float]
    """Each term of the question with its inverse document frequency; terms in no passage have the largest."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds of "embed", "search" and "fuse"."""


class Retriever:
    """Dense and lexical search over one knowledge base, fused."""

    def __init__(
        self,
        store: Store,
        index: VectorIndex,
        embedder: Embedder,
        *,
        words: LexicalIndex | None = None,
        candidates: int = 100,
        dense_weight: float = 0.4,
        synonyms: Synonyms | None = None,
    ) -> None:
        """Without `words` the store's own full-text search serves, which is slower in large knowledge bases."""
        self._store = store
        self._words = store if words is None else words
        self._index = index
        self._embedder = embedder
        self._candidates = candidates
        self._dense_weight = dense_weight
        self._understanding = Understanding(store, self._words, embedder, index.inventory, synonyms or Synonyms())

    def search(self, text: str, k: int, allowed: Ids | None = None, earlier: str = "") -> Found:
        """The `k` best passages for `text`; none when the knowledge base is empty or the text has nothing in it.

        With `allowed`, ids of passages in ascending order, only these are found. `earlier` is what the question leans
        on: its words help to find passages, with less weight, and an answer is held against both.
        """
        text, earlier = text[:_QUESTION_CHARACTERS], earlier[:_QUESTION_CHARACTERS]
        stages = Stages()
        with stages.of("search"):
            self._index.refresh()
            understood = self._understanding.of(text)
            own = " ".join((understood.text, *understood.beside))
            text = "\n".join(filter(None, (earlier, understood.text)))
            wanted = list(dict.fromkeys(terms(text)))
            weights = self._weights(wanted)
        if not text.strip() or not any(character.isalnum() for character in text):
            return Found((), (), text, weights)
        limit = max(self._candidates, k)
        with stages.of("embed"):
            vector = self._vector(own, earlier)
        with self._store.snapshot():  # both searches and the passages from one state, whoever writes meanwhile
            with stages.of("search"):
                lexical = self._lexical(own, limit, allowed)
                if earlier:
                    lexical = added(lexical, self._lexical(earlier, limit, allowed), _EARLIER_WORDS)
                ids, scores = self._index.search(vector, limit, allowed)
                self._require_vectors()
            with stages.of("fuse"):
                dense = [(int(id), float(score)) for id, score in zip(ids, scores, strict=True)]
                fused = fuse(dense, lexical, self._dense_weight)
                held: Held = {}
                ranked = self._reranked(fused, terms(understood.text), weights, held)
                shown = self._folded(ranked, k, weights, held)
        return Found(tuple(hit for _, hit in shown), tuple(id for id, _ in shown), text, weights, stages.milliseconds)

    def _vector(self, own: str, earlier: str) -> Vectors:
        """Of a question; with what it leans on, one between the question alone and both together."""
        if not earlier:
            return np.asarray(self._embedder.embed([own])[0])
        alone, both = self._embedder.embed([own, f"{earlier}\n{own}"])
        mixed = alone + _EARLIER_VECTOR * both
        return np.asarray(mixed / max(float(np.linalg.norm(mixed)), 1e-12), dtype=np.float32)

    def _lexical(self, text: str, limit: int, allowed: Ids | None) -> list[tuple[int, float]]:
        weights = self._weights(list(dict.fromkeys(terms(text))))
        frequency = self._words.document_frequency(weights)
        known = [term for term in weights if frequency[term]]  # what stands nowhere must not take their places
        searched = sorted(known, key=lambda term: (-weights[term], term))[:_QUESTION_TERMS]
        return self._words.lexical(searched, limit, (_HEADING_WEIGHT, 1.0), allowed)

    def _reranked(
        self, fused: list[Fused], said: Sequence[str], weights: Mapping[str, float], held: Held
    ) -> list[Fused]:
        """The same with a share of how closely a passage keeps the question's terms together.

        What is added is never negative, so that the first ones stay ahead of those that are not looked at. The terms of
        these are put into `held`.
        """
        asked = pairs(said[:_QUESTION_TERMS])
        held |= self._store.tokens_of([item.id for item in fused[:_RERANKED]])
        near = closeness(asked, weights, held)
        whole = 1 + _CLOSENESS_WEIGHT
        scored = [replace(one, score=(one.score + _CLOSENESS_WEIGHT * near.get(one.id, 0.0)) / whole) for one in fused]
        return sorted(scored, key=lambda item: (-item.score, item.id))

    def _folded(
        self, ranked: Sequence[Fused], k: int, weights: Mapping[str, float], held: Held
    ) -> list[tuple[int, Hit]]:
        """The first `k` hits that say different things, each with its passage's number.

        Further candidates are looked at only where the first ones say too little: twenty copies of one warranty.
        """
        looked_at, passages = max(k, _RERANKED), dict[int, Passage]()
        while True:
            sayings = self._sayings(ranked[:looked_at], weights, held, passages)
            if len(sayings) >= k or looked_at >= len(ranked):
                break
            looked_at *= 2
        shown = [[ranked[place] for place in places] for places in sayings[:k]]
        passages |= self._store.passage([one.id for same in shown for one in same if one.id not in passages])
        return [(same[0].id, _hit(best_of(same), [passages[one.id] for one in same])) for same in shown]

    def _sayings(
        self, ranked: Sequence[Fused], weights: Mapping[str, float], held: Held, passages: dict[int, Passage]
    ) -> list[tuple[int, ...]]:
        """Places in the ranking of what says the same, in the order in which it is shown; the one to show is first.

        What is read for it is put into `held` and `passages`.
        """
        held |= self._store.tokens_of([item.id for item in ranked if item.id not in held])
        parts = [held.get(item.id, ([], [])) for item in ranked]
        families = folding.families([folding.sketch(body) for _, body in parts])
        compared = [ranked[place].id for family in families if len(family) > 1 for place in family]
        passages |= self._store.passage([id for id in compared if id not in passages])
        found: dict[int, tuple[int, ...]] = {}
        for family in families:
            if len(family) == 1:
                found[family[0]] = tuple(family)
                continue
            ids = {place: ranked[place].id for place in family}
            members = [folding.Member(place, id, passages[id], parts[place]) for place, id in ids.items()]
            found |= {saying.place: saying.members for saying in folding.sayings(members, weights)}
        return [found[place] for place in sorted(found)]

    def _require_vectors(self) -> None:
        """Refuse to search half blind: without vectors every question would look as if nothing answered it.

        Raises:
            KnowledgeBaseError: some passages have none of the embedder in use.
        """
        count = self._index.inventory.passages
        missing = count - self._index.count
        if missing > 0:
            raise KnowledgeBaseError(
                f"{missing} of {count} passages have no vector of the embedder in use; run `fieldmate verify --repair`."
            )

    def section(self, id: int) -> Passage:
        """The passage `id` with its neighbours below the same headings, as one; at most nine of them.

        Raises:
            LookupError: it is no longer there.
        """
        with self._store.snapshot():
            near = self._store.neighbours(id, _NEIGHBOURS, _NEIGHBOURS)
            passage = near[id]
            found = self._store.document(passage.document)
        if found is None:
            raise LookupError(passage.document)
        first = last = passage
        by_ordinal = {one.ordinal: one for one in near.values() if one.heading_path == passage.heading_path}
        while first.ordinal - 1 in by_ordinal:
            first = by_ordinal[first.ordinal - 1]
        while last.ordinal + 1 in by_ordinal:
            last = by_ordinal[last.ordinal + 1]
        return replace(first, end=last.end, text=found[1][first.start : last.end])

    def similarities(self, question: str, texts: Sequence[str]) -> list[float]:
        """Cosine similarity of each text to `question`, -1 to 1; one call of the embedder."""
        vectors = self._embedder.embed([question[:_QUESTION_CHARACTERS], *texts])
        return [float(score) for score in vectors[1:] @ vectors[0]]

    def _weights(self, wanted: Sequence[str]) -> dict[str, float]:
        """Inverse document frequencies as BM25 defines them (Robertson and Zaragoza 2009), never below 0."""
        count, frequency = self._index.inventory.passages, self._words.document_frequency(wanted)
        return {term: math.log(1 + (count - frequency[term] + 0.5) / (frequency[term] + 0.5)) for term in wanted}


def _hit(best: Fused, passages: Sequence[Passage]) -> Hit:
    """What is shown, the first of `passages`, for all that say the same."""
    return Hit(
        passage=passages[0],
        score=best.score,
        dense_rank=best.dense_rank,
        dense_score=best.dense_score,
        lexical_rank=best.lexical_rank,
        lexical_score=best.lexical_score,
        also=tuple(passages[1:]),
    )
