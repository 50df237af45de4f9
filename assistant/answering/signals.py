"""What can be seen, before a token is spent, of whether the passages hold the answer: numbers from 0 to 1. Pure.

Topic and answer are different things: a passage on the right subject holds the question's words, a sentence that
answers it holds them close together. Words that stand in no document at all ("app" in the manual of a pump without one)
say most about questions that belong to another device. What says nothing beside these is in benchmarks/LOG.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from assistant.answering.reading import Sentence
from assistant.quantities import identifiers, quantities
from assistant.retrieval.terms import terms
from assistant.types import Evidence, Hit

_LOOKED_AT = 3
"""Hits whose fit is measured: what the prompt can hold."""
_BEHIND = slice(3, 8)
"""Hits that the best one is held against: those that a question about nothing in particular finds just as well."""
_FEW = 3
_LONGEST = 12
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'-]+")
"""A capitalised word that does not begin a sentence."""


def signals(
    question: str,
    hits: Sequence[Hit],
    weights: Mapping[str, float],
    sentences: Sequence[Sentence],
    passages: int,
) -> dict[str, float]:
    """What says whether `hits` hold an answer to `question`.

    Args:
        question: the text that was searched for.
        hits: best first, at least one.
        weights: the question's terms with their inverse document frequencies.
        sentences: of the best hits, with their fit.
        passages: how many the knowledge base holds.
    """
    top = hits[:_LOOKED_AT]
    found = [frozenset(terms(hit.passage.searchable())) for hit in top]
    everything = frozenset[str]().union(*found)
    total = sum(weights.values()) or 1.0
    dense = [hit.dense_score or 0.0 for hit in hits]
    behind = dense[_BEHIND]
    best = max(sentences, key=lambda one: one.fit, default=None)
    text = best.text if best is not None else ""
    held = (best.held | best.above) if best is not None else frozenset[str]()
    nowhere = unknown(weights, passages)
    names = [term for name in _NAME.findall(question) for term in terms(name)]
    values = {
        "cosine": max(dense[:_LOOKED_AT]),
        "coverage_best": max(_covered(weights, one) for one in found) / total,
        "coverage_all": _covered(weights, everything) / total,
        "missing_exact": _missing(_exact(question), everything),
        "missing_rarest": _rarest_missing(weights, everything),
        "unknown": sum(weights[term] for term in nowhere) / total,
        "unknown_terms": min(len(nowhere), _FEW) / _FEW,
        "margin": hits[0].score - hits[min(_FEW, len(hits) - 1)].score,
        "dense_margin": max(dense) - (sum(behind) / len(behind) if behind else 0.0),
        "agreeing": float(hits[0].dense_rank == hits[0].lexical_rank == 1),
        "terms": min(len(weights), _LONGEST) / _LONGEST,
        "sentence_cosine": max((one.cosine for one in sentences), default=0.0),
        "sentence_coverage": max((one.covered for one in sentences), default=0.0),
        "sentence_lacks_number": _missing(_exact(question), _exact(text)),
        "sentence_lacks_name": _missing(names, held),
    }
    return {name: min(1.0, max(0.0, value)) for name, value in values.items()}


def asked(weights: Mapping[str, float], rests_on: Sequence[Evidence], passages: int) -> dict[str, float]:
    """How much of a question what is cited speaks of, with the headings above it: shares from 0 to 1.

    A row of the right words in the manual of another device lacks the device's name. Terms that stand in no passage are
    left out here: whether they matter is judged by `signals`.

    Args:
        weights: the question's terms with their inverse document frequencies.
        rests_on: what is cited.
        passages: how many the knowledge base holds.

    Returns:
        "asked", the share of the known terms, by weight, that it holds, and "lacks", the weight of the rarest that it
        does not, as a share of the rarest one's.
    """
    nowhere = set(unknown(weights, passages))
    known = {term: weight for term, weight in weights.items() if term not in nowhere}
    texts = [text for one in rests_on for text in (one.quote, one.passage.context, one.passage.title)]
    texts += [heading for one in rests_on for heading in one.passage.heading_path]
    held = frozenset(terms(" \n ".join(texts)))
    share = _covered(known, held) / (sum(known.values()) or 1.0)
    return {"asked": share, "lacks": _rarest_missing(known, held)}


def _exact(text: str) -> set[str]:
    """Identifiers and quantities, as terms."""
    measured = {one.number.lstrip("-") + one.unit.casefold() for one in quantities(text)}
    return identifiers(text) | measured


def unknown(weights: Mapping[str, float], passages: int) -> list[str]:
    """Terms of a question that stand in no passage: they weigh what only those can weigh."""
    least = math.log(2 * passages + 2) - 1e-6  # Retriever's weight of a document frequency of 0
    return [term for term, weight in weights.items() if weight >= least]


def _missing(wanted: Sequence[str] | set[str], held: frozenset[str] | set[str]) -> float:
    return sum(one not in held for one in wanted) / max(len(wanted), 1)


def _covered(weights: Mapping[str, float], held: frozenset[str]) -> float:
    return sum(weight for term, weight in weights.items() if term in held)


def _rarest_missing(weights: Mapping[str, float], held: frozenset[str]) -> float:
    """Weight of the rarest term that no hit holds, as a share of the rarest term's."""
    missing = [weight for term, weight in weights.items() if term not in held]
    return max(missing, default=0.0) / (max(weights.values(), default=1.0) or 1.0)
