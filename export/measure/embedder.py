"""Measures embedders beside each other on the runtime that ships: nearness to a reference, search, and speed.

Knows the Embedder protocol's `embed` and texts. It knows no recipe, conversion, gate or report.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from export.measure.embedder_texts import Texts

NEAREST = 10
"""Places compared with the reference's."""
QUERIES = 4
"""Questions timed in a row in each round."""
ADDED = 32
"""Passages embedded in one call in each round, as they are when documents are added."""

Vectors = NDArray[np.float32]
Clock = Callable[[], float]


class Embeds(Protocol):
    """What is measured."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text."""


@dataclass(frozen=True, slots=True)
class Found:
    """An embedder's vectors of all texts."""

    queries: Vectors
    """One a call, as questions come."""
    passages: Vectors
    """In batches, as documents are added."""

    def ranking(self, own: bool) -> NDArray[np.intp]:
        """Return the passages by falling similarity for each query; `own`: a query never finds itself."""
        similarity = self.queries @ self.passages.T
        if own:
            np.fill_diagonal(similarity, -2.0)
        return np.asarray(np.argsort(-similarity, axis=1, kind="stable"), dtype=np.intp)


def load(folder: Path, *, dimensions: int, max_tokens: int, pooling: str, threads: int) -> Embeds:
    """Return the model of this folder on the device's engine."""
    from assistant.engines.onnx import OnnxEmbedder

    return OnnxEmbedder(
        folder, folder.name, dimensions=dimensions, max_tokens=max_tokens, pooling=pooling, threads=threads
    )


def measure(engines: Mapping[str, Embeds], texts: Texts, rounds: int, clock: Clock = time.perf_counter) -> list[Any]:
    """Return one row an engine, the first being the reference: quality first, which warms up, then speed."""
    vectors = {name: _embed(engine, texts) for name, engine in engines.items()}
    reference = next(iter(vectors.values()))
    rows = [{"variant": name, **quality(found, reference, texts)} for name, found in vectors.items()]
    samples = _times(engines, texts, rounds, clock)
    slowest = samples[next(iter(engines))]
    return [row | speed(samples[row["variant"]], slowest) for row in rows]


def quality(found: Found, reference: Found, texts: Texts) -> dict[str, Any]:
    """Return cosines to the reference, the share of its ten nearest that are found, and hit@k where it is known."""
    own = not texts.questions
    cosines = np.concatenate(
        [(found.queries * reference.queries).sum(axis=1), (found.passages * reference.passages).sum(axis=1)]
    )
    ranking, expected = found.ranking(own), reference.ranking(own)
    pairs = zip(ranking[:, :NEAREST], expected[:, :NEAREST], strict=True)
    row = {
        "mean_cosine": float(cosines.mean()),
        "min_cosine": float(cosines.min()),
        "recall_at_10": float(np.mean([np.intersect1d(one, other).size / NEAREST for one, other in pairs])),
    }
    known = [(places, line) for q, line in zip(texts.questions, ranking, strict=False) if (places := texts.answers(q))]
    for k in (1, 5) if known else ():
        row[f"hit_at_{k}"] = float(np.mean([not places.isdisjoint(line[:k].tolist()) for places, line in known]))
    return row


def speed(samples: Mapping[str, Sequence[float]], reference: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return medians with their quartiles in milliseconds, and how many times faster than the reference they are."""
    row: dict[str, Any] = {"samples": {name: [round(value, 4) for value in values] for name, values in samples.items()}}
    for name, values in samples.items():
        low, middle, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
        row |= {f"{name}_ms": middle, f"{name}_q1": low, f"{name}_q3": high, f"{name}_iqr": f"{low:.2f}–{high:.2f}"}
        row[f"{name}_faster"] = float(np.median(reference[name])) / middle
    return row


def long_passages(texts: Texts, count: int = 8, words: int = 300) -> list[str]:
    """Return texts that are longer than an embedder's limit, so that each is cut to exactly that many tokens."""
    every = " ".join(texts.passages).split()
    every *= 1 + count * words // len(every)
    return [" ".join(every[at * words : (at + 1) * words]) for at in range(count)]


def _embed(engine: Embeds, texts: Texts) -> Found:
    questions = [question.text for question in texts.questions] or [*texts.passages]
    return Found(np.concatenate([engine.embed([each]) for each in questions]), engine.embed(texts.passages))


def _times(engines: Mapping[str, Embeds], texts: Texts, rounds: int, clock: Clock) -> dict[str, dict[str, list[float]]]:
    """Return milliseconds a query, a 256-token passage and an added passage.

    The engines take turns within each round, each round begins with another one, and all embed the same texts in the
    same round: what else the machine does meanwhile falls on all of them alike.
    """
    names = [*engines]
    found: dict[str, dict[str, list[float]]] = {name: {"query": [], "passage": [], "added": []} for name in names}
    questions = [question.text for question in texts.questions] or [text[:80] for text in texts.passages]
    long = long_passages(texts)
    for turn in range(rounds):
        asked = [[questions[(turn * QUERIES + at) % len(questions)]] for at in range(QUERIES)]
        start = turn * ADDED % max(1, len(texts.passages) - ADDED)
        added = texts.passages[start : start + ADDED]
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            engine, times = engines[name], found[name]
            times["query"] += [_milliseconds(engine, each, clock) for each in asked]
            times["passage"].append(_milliseconds(engine, [long[turn % len(long)]], clock))
            times["added"].append(_milliseconds(engine, added, clock) / len(added))
    return found


def _milliseconds(engine: Embeds, texts: Sequence[str], clock: Clock) -> float:
    start = clock()
    engine.embed(texts)
    return (clock() - start) * 1000
