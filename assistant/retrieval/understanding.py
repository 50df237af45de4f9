"""Questions with mistyped, misheard and spoken words, put into the words of one knowledge base.

It knows the store and its words. What a slip is stands in `assistant.retrieval.spelling`, how codes and numbers are
spoken in `assistant.retrieval.spoken`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from assistant.characters import plainly
from assistant.protocols import Embedder
from assistant.quantities import fold
from assistant.retrieval import spelling
from assistant.retrieval.spelling import Vocabulary, Word
from assistant.retrieval.spoken import readings
from assistant.retrieval.synonyms import Synonyms
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


@dataclass(frozen=True, slots=True)
class Understood:
    """A question in the words of the documents."""

    text: str
    """The question, its slips mended and its spoken codes written out: what an answer is held against."""
    beside: tuple[str, ...] = ()
    """Further words to search with, of which none has to stand in an answer."""


class Understanding:
    """Words questions as the passages do; the vocabulary is read when a question first needs it."""

    def __init__(
        self, store: Store, known: Words, embedder: Embedder, inventory: Inventory, synonyms: Synonyms
    ) -> None:
        """A word that `embedder` holds as one token is a common one."""
        self._store = store
        self._known = known
        self._count_tokens = embedder.count_tokens
        self._inventory = inventory
        self._synonyms = synonyms
        self._vocabulary: Vocabulary | None = None
        self._read: tuple[int, int] = (-1, 0)

    def of(self, text: str) -> Understood:
        """What to search for when `text` is asked."""
        text, joined = self._compounds(self._written_out(plainly(text)))
        text, others = self._synonyms_of(self._mended(text))
        return Understood(text, (*joined, *others))

    def _written_out(self, text: str) -> str:
        """`text` with the codes and quantities that stand in passages as they are written there."""
        proposed = readings(text[:_MOST_SPOKEN])
        if not proposed:
            return text
        frequency, own = self._known.document_frequency({one.term for one in proposed}), set(terms(text))
        taken: set[int] = set()
        chosen = []
        for one in proposed:
            places = range(one.start, one.end)
            if frequency[one.term] and taken.isdisjoint(places):
                taken.update(places)
                chosen.append(one)
        for one in sorted(chosen, key=lambda one: one.start, reverse=True):
            if one.term not in own:
                text = text[: one.start] + one.written + text[one.end :]
        return text

    def _compounds(self, text: str) -> tuple[str, list[str]]:
        """`text` and the pairs of its words that the passages rather write as one: "New Castle".

        Not "set up", which is usual as two. A pair of which a word stands nowhere is joined in the text itself.
        """
        asked = list(spelling.words(text))[:_MOST_WORDS]
        near = [(a, b) for a, b in pairwise(asked) if text[a.end : b.start] == " "]
        pairs = [(a, b, term(a.text + b.text)) for a, b in near if min(len(a.text), len(b.text)) >= _SHORTEST_PART]
        frequency = self._known.document_frequency({one for a, b, joint in pairs for one in (a.term, b.term, joint)})
        beside = []
        for a, b, joint in reversed(pairs):
            rarer = min(frequency[a.term], frequency[b.term])
            if joint in (a.term, b.term) or frequency[joint] <= rarer:
                continue
            if rarer:
                beside.append(a.text + b.text)
            elif text[a.end : b.start] == " ":
                text = text[: a.end] + text[b.start :]
        return text, beside[::-1]

    def _synonyms_of(self, text: str) -> tuple[str, list[str]]:
        """`text` and what the owner says means the same; in place of words that stand in no passage, where it does."""
        beside: list[str] = []
        for meant in reversed(list(self._synonyms.of(text))):
            others = [other for other in meant.others if self._stands(other)]
            if others and not self._stands(text[meant.start : meant.end]):
                text = text[: meant.start] + " ".join(others) + text[meant.end :]
            else:
                beside += others
        return text, beside

    def _stands(self, phrase: str) -> bool:
        """Whether passages have every word of it."""
        wanted = terms(phrase)
        return bool(wanted) and all(self._known.document_frequency(wanted).values())

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
        return self._as_printed(chosen, word.text)

    def _as_printed(self, chosen: str, typed: str) -> str:
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
