"""Adding documents, against sentence-transformers on torch with the same model and the very same passages.

The corpus is taken in quarters, and five arms take turns on each, seeded: Fieldmate's whole `add` of one file a
section; of the same text, one file a manual; Fieldmate's embedder alone; and the peer's `encode` alone, which neither
reads, splits, stores nor indexes: once as it is, once with OpenMP told not to spin, which helps where others
want a core. Our embedder is reached through the protocol `Embedder`, as `assistant.wiring` makes it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from assistant.protocols import Embedder
from assistant.settings import load
from assistant.wiring import Parts
from benchmarks import datasets, measuring, product
from benchmarks.errors import BenchmarkError
from benchmarks.peers import environment
from benchmarks.peers.client import PeerEmbedder
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement
from benchmarks.scenarios.ingest import Taken, timed_add

_THREADS = 2
_LIMIT = 3.0
_EVERYTHING = 1_000_000
_PAUSE_S = 0.5
"""Between two arms: threads of the peer spin for a while after their work."""

_PARTS = 4
Arm = Callable[[int, int], Taken]
"""Given the turn and the quarter of the corpus."""

ADD, ADD_JOINED = "fieldmate, whole add", "fieldmate, whole add, one file a manual"
EMBED = "fieldmate, embedding only"
PEERS = {
    "sentence-transformers, embedding only": {},
    "sentence-transformers, embedding only, OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
}
"""Arm -> variables in the peer's environment."""


@dataclass(frozen=True, slots=True)
class _Quarter:
    """A part of the corpus."""

    sections: Path
    """Folder with one file a section."""
    manuals: Path
    """Folder with the same text, one file a manual."""
    texts: list[str]
    """What Fieldmate embeds for `sections`."""


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Passages per second of the arms, and how many times the peer's rate ours is."""
    variant = Variant("2 threads", {**variant.settings, "embedder.threads": _THREADS})
    quarters = _quarters(plan, variant)
    lists = [quarter.texts for quarter in quarters]
    folders = {"data_dir": plan.folder("peer-embedder"), "models_dir": Path(plan.models)}
    settings = load(flags={**folders, **variant.settings})
    with ExitStack() as stack:
        peers = {name: stack.enter_context(_peer(plan, variables)) for name, variables in PEERS.items()}
        embedder = stack.enter_context(closing(Parts(settings))).embedder
        versions = [peer.load(lists, Path(plan.scratch) / "peer-texts.json") for peer in peers.values()]
        detail = {"passages": sum(map(len, lists)), "peer": versions[0]}
        detail |= _agreement(plan, embedder, next(iter(peers.values())), lists[0])
        arms: dict[str, Arm] = {
            ADD: lambda turn, part: timed_add(plan, variant, plan.folder(f"peer-add-{turn}"), quarters[part].sections),
            ADD_JOINED: lambda turn, part: timed_add(
                plan, variant, plan.folder(f"peer-joined-{turn}"), quarters[part].manuals
            ),
            EMBED: lambda _, part: _embedded(embedder, lists[part]),
        }
        arms |= {name: partial(_embedded_by_peer, peer, lists) for name, peer in peers.items()}
        taken = _interleaved(plan, arms)
    yield from _results(plan, taken, detail)


def _quarters(plan: Plan, variant: Variant) -> list[_Quarter]:
    """The corpus in four parts of about the same size, each with every manual in it."""
    data = datasets.emanual(plan, others=True)
    names = random.Random(plan.seed).sample(list(data.documents), len(data.documents))
    quarters = []
    for part in range(_PARTS):
        documents = {name: data.documents[name] for name in names[part::_PARTS]}
        own = datasets.DataSet(documents, (), data.suffix)
        sections = datasets.write(own, plan.folder(f"peer-sections-{part}"))
        manuals = _joined(own, plan.folder(f"peer-manuals-{part}"))
        texts = _passages(plan, variant, sections, plan.folder(f"peer-passages-{part}"))
        quarters.append(_Quarter(sections, manuals, texts))
    return quarters


def _results(plan: Plan, taken: dict[str, list[Taken]], detail: dict[str, Any]) -> Iterator[Measurement]:
    for unit, attribute in (("passages/s", "rate"), ("passages/CPU s", "cpu_rate")):
        rates = {arm: [getattr(item, attribute) for item in items] for arm, items in taken.items()}
        for arm, samples in rates.items():
            yield measuring.median("adding", unit, samples, plan.seed, subset=arm, detail=detail)
        for arm in (ADD, ADD_JOINED, EMBED):
            for peer in PEERS:
                # The target is set for one file a section, and holds against the better of the peer's two rows.
                target = measuring.at_least(_LIMIT) if arm == ADD and unit == "passages/s" else None
                yield measuring.ratio(
                    f"adding, {unit}", rates[arm], rates[peer], plan.seed,
                    subset=f"{arm} / {peer}", target=target, detail=detail,
                )  # fmt: skip


def _peer(plan: Plan, variables: dict[str, str]) -> PeerEmbedder:
    log = Path(plan.scratch) / f"peer-{len(variables)}.log"
    return PeerEmbedder(environment.interpreter(_say), environment.weights(_say), _THREADS, log, variables)


def _interleaved(plan: Plan, arms: dict[str, Arm]) -> dict[str, list[Taken]]:
    """Each arm on each quarter, `plan.repetitions` times; arms take turns within a quarter, so that pairs are close."""
    order = random.Random(plan.seed)
    taken: dict[str, list[Taken]] = {arm: [] for arm in arms}
    for turn in range(plan.repetitions * _PARTS):
        for arm in order.sample(list(arms), len(arms)):
            time.sleep(_PAUSE_S)
            taken[arm].append(arms[arm](turn, turn % _PARTS))
    return taken


def _passages(plan: Plan, variant: Variant, sections: Path, home: Path) -> list[str]:
    """The texts that Fieldmate embeds for these files: one search wide enough to return every passage."""
    with product.opened(plan, variant, home) as fieldmate:
        added = fieldmate.add([sections]).passages
        passages = [hit.passage for hit in fieldmate.search("television", k=_EVERYTHING)]
    if len(passages) != added:
        raise BenchmarkError(f"A search for everything gave {len(passages)} of {added} passages.")
    passages.sort(key=lambda passage: (passage.document, passage.ordinal))
    return [passage.searchable() for passage in passages]


def _joined(data: datasets.DataSet, folder: Path) -> Path:
    """The same sections in one Markdown file a manual."""
    manuals: dict[str, list[str]] = {}
    for ident, text in data.documents.items():
        manuals.setdefault(ident.rpartition("-")[0] or "tv", []).append(text)
    for name, parts in manuals.items():
        (folder / f"{name}.md").write_text("\n".join(parts), "utf-8")
    return folder


def _agreement(plan: Plan, embedder: Embedder, peer: PeerEmbedder, texts: Sequence[str]) -> dict[str, Any]:
    """That both embed the same thing: cosines between their vectors."""
    file = Path(plan.scratch) / "peer-vectors.npy"
    peer.embed(0, file)
    theirs = np.load(file)
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    cosines = (theirs * embedder.embed(texts)).sum(axis=1)
    return {"cosine_mean": round(float(cosines.mean()), 4), "cosine_least": round(float(cosines.min()), 4)}


def _embedded(embedder: Embedder, texts: Sequence[str]) -> Taken:
    started, worked = time.perf_counter(), time.process_time()
    embedder.embed(texts)
    return Taken(len(texts), time.perf_counter() - started, time.process_time() - worked)


def _embedded_by_peer(peer: PeerEmbedder, lists: Sequence[Sequence[str]], turn: int, part: int) -> Taken:
    return Taken(len(lists[part]), *peer.embed(part))


def _say(line: str) -> None:
    print(line, flush=True)  # standard output is standard error here: see `benchmarks.child`
