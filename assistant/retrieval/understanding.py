"""Questions with mistyped, misheard and spoken words, put into the words of one knowledge base.

It knows the store and its words. What a slip is stands in `assistant.retrieval.spelling`, how codes and numbers are
spoken in `assistant.retrieval.spoken`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Protocol

from assistant.protocols import Embedder
from assistant.quantities import fold
from assistant.retrieval import spelling
from assistant.retrieval.spelling import Vocabulary, Word
from assistant.retrieval.spoken import readings
from assistant.retrieval.terms import STOP_WORDS, term, terms
from assistant.store.database import Store
from assistant.store.inventory import Inventory

_STALE = 0.02
"""Share of passages that may have come or gone before the vocabulary is read anew: of 100,000 that takes 0.6 s."""
_MOST_SPOKEN = 400
"""Characters that are looked at for spoken codes."""
_SHORTEST_PART = 2
"""Letters of a word that may be a part of another."""
_MOST_WORDS = 24
"""Words of a question that are looked at: a pasted page is no mistyped question."""


class Words(Protocol):
    """What is asked about words: `Store` and `LexicalIndex` answer it."""

    def document_frequency(self, tokens: Iterable[str]) -> dict[str, int]:
        """In how many passages each token occurs."""

    def lexical(self, tokens: Iterable[str], limit: int) -> list[tuple[int, float]]:
        """The best passages for these tokens."""


class Understanding:
    """Words questions as the passages do; the vocabulary is read when a question first needs it."""

    def __init__(self, store: Store, known: Words, embedder: Embedder, inventory: Inventory) -> None:
        """A word that `embedder` holds as one token is a common one."""
        self._store = store
        self._known = known
        self._count_tokens = embedder.count_tokens
        self._inventory = inventory
        self._vocabulary: Vocabulary | None = None
        self._read: tuple[int, int] = (-1, 0)

    def of(self, text: str) -> str:
        """`text` with its slips mended, and behind it what it says in other words than the documents."""
        return " ".join([self._mended(text), *self._spoken(text), *self._compounds(text)])

    def _spoken(self, text: str) -> list[str]:
        """Codes and quantities that stand in passages and that the question has in spoken form."""
        proposed = readings(text[:_MOST_SPOKEN])
        if not proposed:
            return []
        frequency, own = self._known.document_frequency({one.term for one in proposed}), set(terms(text))
        taken: set[int] = set()
        found = []
        for one in proposed:
            places = range(*one.words)
            if frequency[one.term] and taken.isdisjoint(places):
                taken.update(places)
                if one.term not in own:
                    found.append(one.written)
        return list(dict.fromkeys(found))

    def _compounds(self, text: str) -> list[str]:
        """Pairs of words that the passages rather write as one: "New Castle"; not "set up", which is usual as two."""
        asked = list(spelling.words(text))[:_MOST_WORDS]
        near = [(a, b) for a, b in pairwise(asked) if text[a.end : b.start] == " "]
        pairs = [(a, b, term(a.text + b.text)) for a, b in near if min(len(a.text), len(b.text)) >= _SHORTEST_PART]
        frequency = self._known.document_frequency({one for a, b, joint in pairs for one in (a.term, b.term, joint)})
        return [
            a.text + b.text
            for a, b, joint in pairs
            if joint not in (a.term, b.term) and frequency[joint] > min(frequency[a.term], frequency[b.term])
        ]

    def _mended(self, text: str) -> str:
        """`text`, each word that stands nowhere and is no common one replaced by the one that was meant, if any was."""
        asked = list(spelling.words(text))
        if len(asked) > _MOST_WORDS:
            return text
        frequency = self._known.document_frequency({word.term for word in asked})
        unknown = [word for word in asked if not frequency[word.term] and not self._common(word.text)]
        if not unknown:
            return text
        vocabulary = self._current()
        meant = {word.text: self._meant(word, vocabulary) for word in unknown}
        return spelling.replaced(text, {word: other for word, other in meant.items() if other})

    def _common(self, word: str) -> bool:
        """Whether the embedder knows the word whole: it was meant as it stands, although no passage has it."""
        return self._count_tokens(word) - self._count_tokens("") == 1

    def _meant(self, word: Word, vocabulary: Vocabulary) -> str:
        found = spelling.candidates(word, vocabulary)
        frequency = self._known.document_frequency({one for _, one in found if one not in STOP_WORDS})
        chosen = spelling.best(found, frequency)
        if chosen is None or chosen in STOP_WORDS:
            return chosen or ""
        return self._written(chosen, word.text)

    def _written(self, chosen: str, typed: str) -> str:
        """A term as a passage writes it, nearest to what was typed: "replac" is no word that an embedder knows."""
        ids = [id for id, _ in self._known.lexical([chosen], 1)]
        forms = {
            word.text
            for passage in self._store.passage(ids).values()
            for word in spelling.words(passage.searchable())
            if word.term == chosen
        }
        typed = fold(typed)
        return min(sorted(forms), key=lambda form: spelling.cost(typed, fold(form), 99), default=chosen)

    def _current(self) -> Vocabulary:
        generation, passages = self._inventory.generation, self._inventory.passages
        if self._vocabulary is None or (
            generation != self._read[0] and abs(passages - self._read[1]) >= _STALE * self._read[1]
        ):
            self._vocabulary = Vocabulary(self._store.vocabulary())
            self._read = generation, passages
        return self._vocabulary
