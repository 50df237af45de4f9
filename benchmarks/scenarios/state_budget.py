"""How often a question's passage finds its state, at three budgets: the product's own index decides, without the files.

Questions are drawn from a Zipf distribution over the passages; half-way another order of popularity takes over at once.
Beside it, with the same questions: the least recently used goes (LRU), and the floor, which is the best static choice:
the most popular passages that fit, known in advance for each half. Where questions are drawn independently no policy
is better than that in the long run.

The size of a state is computed: tokens of a passage times the model's bytes a token. One passage a question; states
are computed on a miss and never in advance, so each row contains the filling of an empty store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.states.counts import Counts, Found, Name
from assistant.states.form import HEADER_BYTES
from assistant.states.index import Index
from benchmarks import gguf, measuring, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement
from benchmarks.scenarios import ceiling

_BUDGETS_MB = (256, 1_000, 4_000)
_EXPONENTS = (0.8, 1.0, 1.2)
_PASSAGES = 10_000
_ASKS = 20_000
_BLOCK = 500
"""Questions whose share of hits is one raw sample."""
_TOKENS = (4, 21, 46, 69, 91, 105, 115, 123, 130, 151, 283)
"""Tokens of the TV manual's 444 passages with Qwen2.5's tokenizer: least, deciles, most. SmolLM2's: 3 % more."""
_CELL_BYTES = 16
"""Of each token beside keys and values, in what llama.cpp 0.3.36 gives out: 15.0 and 15.7 measured for 200 tokens."""
_F16 = 1
"""ggml's number of the type that states have."""
_TOGETHER = 256
"""Asks that the store writes down together."""
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stream:
    """Which passage each question asks for, and how likely each was in both halves."""

    asked: Ints
    likely: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Hit rates at each budget and exponent, before the shift and after it."""
    passages: int = plan.option("state_budget", "passages", _PASSAGES)
    asks: int = plan.option("state_budget", "asks", _ASKS)
    if passages < 1 or asks < 4 * _BLOCK:
        raise BenchmarkError(f"[scenario.state_budget] takes 1 passage and {4 * _BLOCK} asks or more.")
    card = ceiling.card_of(gguf.read(product.model_file(plan, variant)), _F16)
    tokens = lengths(passages, plan.seed)
    sizes = (tokens * (card.state_bytes + _CELL_BYTES)).astype(np.int64) + HEADER_BYTES
    yield measuring.mean("state of a passage", "MB", (sizes / 1e6).tolist()[:1000], plan.seed)
    for exponent in _EXPONENTS:
        stream = questions(passages, asks, exponent, plan.seed)
        for budget in _BUDGETS_MB:
            yield from _rows(plan, stream, tokens, sizes, budget, exponent)


def _rows(plan: Plan, stream: Stream, tokens: Ints, sizes: Ints, budget: int, exponent: float) -> Iterator[Measurement]:
    limit = budget * 10**6
    arms = {
        "policy": valued(stream.asked, tokens, sizes, limit),
        "lru": least_recent(stream.asked, sizes, limit),
        "floor": (best_static(stream, tokens, sizes, limit), 0),
    }
    half = len(stream.asked) // 2
    for when, part in (("before the shift", slice(half // 2, half)), ("after it", slice(half, None))):
        shares = blocks(arms["policy"][0][part])
        detail = {arm: round(float(hits[part].mean()), 4) for arm, (hits, _) in arms.items()}
        detail |= {f"written for 1,000 asks, {arm}": round(arms[arm][1] * 1000 / len(stream.asked), 1)
                   for arm in ("policy", "lru")}  # fmt: skip
        detail |= {"passages": len(tokens), "asks": len(stream.asked)}
        yield measuring.mean(
            "hit rate", "share", shares, plan.seed,
            subset=f"{budget:,} MB, Zipf {exponent}, {when}", detail=detail, state="stored",
        )  # fmt: skip


def blocks(hits: Bools) -> list[float]:
    """Shares of hits in blocks of questions."""
    whole = hits[: len(hits) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    return [float(share) for share in whole.mean(axis=1)]


def lengths(passages: int, seed: int) -> Ints:
    """Tokens of so many passages, as long as those that were measured."""
    chance = np.random.default_rng(seed).random(passages)
    return np.interp(chance, np.linspace(0, 1, len(_TOKENS)), _TOKENS).astype(np.int64)


def questions(passages: int, asks: int, exponent: float, seed: int) -> Stream:
    """Two halves; the second has another order of popularity."""
    random = np.random.default_rng(seed)
    chance = np.arange(1, passages + 1, dtype=np.float64) ** -exponent
    chance /= chance.sum()
    first, second = (chance[random.permutation(passages)] for _ in range(2))
    halves = [random.choice(passages, count, p=likely)
              for count, likely in ((asks // 2, first), (asks - asks // 2, second))]  # fmt: skip
    return Stream(np.concatenate(halves), (first, second))


def valued(asked: Ints, tokens: Ints, sizes: Ints, budget: int) -> tuple[Bools, int]:
    """Which questions found a state with the product's index, and how many states it let in."""
    index = Index(None, lambda: ())
    files = [Found(Name("", str(number)), int(tokens[number]), int(sizes[number])) for number in range(len(tokens))]
    kept: set[Name] = set()
    hits = np.zeros(len(asked), dtype=np.bool_)
    counts, written = Counts(), 0
    for place, number in enumerate(asked.tolist()):
        found = files[number]
        hits[place] = found.name in kept
        counts.ask(found.name, found if hits[place] else None)
        if not hits[place]:
            if index.admit(found, budget, counts, (), kept.discard):
                kept.add(found.name)
                written += 1
            counts = Counts()
        elif counts.asks >= _TOGETHER:
            index.write(counts)
            counts = Counts()
    index.close()
    return hits, written


def least_recent(asked: Ints, sizes: Ints, budget: int) -> tuple[Bools, int]:
    """The same where every newcomer is let in and the least recently used goes."""
    kept: OrderedDict[int, None] = OrderedDict()
    hits = np.zeros(len(asked), dtype=np.bool_)
    used = written = 0
    for place, number in enumerate(asked.tolist()):
        hits[place] = number in kept
        if hits[place]:
            kept.move_to_end(number)
            continue
        used += int(sizes[number])
        while used > budget and kept:
            used -= int(sizes[kept.popitem(last=False)[0]])
        kept[number] = None
        written += 1
    return hits, written


def best_static(stream: Stream, tokens: Ints, sizes: Ints, budget: int) -> Bools:
    """The same with what is likeliest for its bytes in each half, there from its first question on."""
    half = len(stream.asked) // 2
    return np.concatenate([
        _likeliest(likely, tokens, sizes, budget)[part]
        for likely, part in zip(stream.likely, (stream.asked[:half], stream.asked[half:]), strict=True)
    ])  # fmt: skip


def _likeliest(likely: Sequence[float] | npt.NDArray[np.float64], tokens: Ints, sizes: Ints, budget: int) -> Bools:
    order = np.argsort(-np.asarray(likely) * tokens / sizes)
    fits = np.zeros(len(sizes), dtype=np.bool_)
    fits[order[np.cumsum(sizes[order]) <= budget]] = True
    return fits
