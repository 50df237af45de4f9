"""Approximate nearest neighbours side by side: hnswlib and usearch; single, half and 8-bit numbers. Knows vectors, and
where real ones come from.

Each candidate is built, and opened again, in processes of its own (`python -m benchmarks.ann`), so that its memory is
that of nothing else. The exact scan is the reference for recall and a candidate itself.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import processes, statistics
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT
from benchmarks.scenarios import generated

Vectors = npt.NDArray[np.float32]
Found = npt.NDArray[np.int64]

DEPTH = 100
"""Neighbours asked for: what the product takes from its vector search."""
_LINKS, _BUILD_EFFORT = 16, 200  # The product's, for all.
EMBEDDED = 100_000
"""Vectors that are made of text; beyond, they lie between these."""
_NEAR = 30  # Sections: two and a half manuals.
_NOISE = 0.15  # Length of what is added to a vector between two.


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to find neighbours."""

    library: str
    numbers: str = "f32"
    """f32, f16 or i8; hnswlib has f32 only."""
    effort: int = 2 * DEPTH
    """Candidates kept while searching; the default is the product's."""
    again: int = 0
    """So many of the nearest are ordered again by their full vectors; 0: none."""
    view: bool = False
    """Opened as a mapped file instead of being read."""

    @property
    def name(self) -> str:
        """As reported."""
        parts = [self.library, self.numbers, f"effort {self.effort}"]
        parts += [f"{self.again} ordered again"] if self.again else []
        return ", ".join([*parts, "mapped"] if self.view else parts)

    @property
    def built(self) -> str:
        """What it shares with other candidates: the name of its file."""
        return f"{self.library}-{self.numbers}"


CANDIDATES = (
    Candidate("hnswlib"),
    Candidate("usearch"),
    Candidate("usearch", view=True),
    Candidate("usearch", "f16"),
    Candidate("usearch", "f16", again=DEPTH),
    Candidate("usearch", "i8"),
    Candidate("usearch", "i8", again=DEPTH),
    Candidate("usearch", "i8", effort=4 * DEPTH, again=2 * DEPTH),
    Candidate("usearch", "i8", effort=4 * DEPTH, again=2 * DEPTH, view=True),
)


def compare(vectors: Path, queries: Path, scratch: Path, only: str = "") -> Iterator[dict[str, Any]]:
    """One row for the exact scan and one for each candidate whose name holds `only`.

    Args:
        vectors: .npy file, float32 (n, d), rows of length 1.
        queries: the same of questions.
        scratch: folder for the indexes, which are left there.
        only: part of a name.

    Raises:
        BenchmarkError: a file holds something else.
    """
    for path in (vectors, queries):
        _require_vectors(path)
    scratch.mkdir(parents=True, exist_ok=True)
    truth = scratch / "truth.npy"
    yield _in_a_process("scan", vectors, queries, truth)
    for candidate in CANDIDATES:
        if only not in candidate.name:
            continue
        file = scratch / candidate.built
        note = scratch / f"{candidate.built}.json"
        if not note.exists():
            note.write_text(json.dumps(_in_a_process("build", vectors, file, candidate.library, candidate.numbers)))
        place = CANDIDATES.index(candidate)
        built = json.loads(note.read_text())
        yield {"name": candidate.name} | built | _in_a_process("search", vectors, queries, truth, file, place)


def _require_vectors(path: Path) -> None:
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
        sound = matrix.ndim == 2 and matrix.dtype == np.float32 and len(matrix) >= DEPTH
    except (OSError, ValueError):
        sound = False
    if not sound:
        raise BenchmarkError(f"{path} does not hold {DEPTH} float32 vectors; give a .npy file with one vector a row.")


def _in_a_process(*order: object) -> dict[str, Any]:
    done = processes.run([sys.executable, "-m", "benchmarks.ann", *map(str, order)], folder=str(ROOT))
    found: dict[str, Any] = json.loads(done.output)
    return found


def made(count: int, asked: int, vectors: Path, queries: Path, seed: int) -> None:
    """Write vectors and questions: see `make`."""
    _in_a_process("make", vectors, queries, count, asked, seed)


def make(vectors: str, queries: str, count: int, asked: int, seed: int) -> dict[str, Any]:
    """Write `count` vectors and those of `asked` questions; says how many of the vectors are embedded text.

    The default embedder embeds sections of generated manuals, at most `EMBEDDED`. Each further vector lies between two
    of sections near each other, with noise: as crowded as real ones, but of no text.
    """
    from assistant import Settings
    from assistant.wiring import Parts

    real = min(count, EMBEDDED)
    manuals = range(-(-real // generated.SECTIONS))
    texts = [part for number in manuals for part in generated.manual(number, seed).split("\n## ")[1:]][:real]
    questions = [generated.section(number, seed).question for number in random.Random(seed).sample(range(real), asked)]
    parts = Parts(Settings())  # the public surface embeds no text by itself
    try:
        embedder = parts.embedder
        matrix = np.concatenate([embedder.embed(texts[start : start + 256]) for start in range(0, real, 256)])
        np.save(queries, embedder.embed(questions))
    finally:
        parts.close()
    whole = np.lib.format.open_memmap(vectors, "w+", np.float32, (count, matrix.shape[1]))
    whole[:real] = matrix
    chance = np.random.default_rng(seed)
    for start in range(real, count, real):
        some = matrix[: min(real, count - start)]
        near = matrix[np.clip(np.arange(len(some)) + chance.integers(-_NEAR, _NEAR + 1, len(some)), 0, real - 1)]
        between = some + chance.uniform(0.2, 0.8, (len(some), 1)).astype(np.float32) * (near - some)
        between += (chance.standard_normal(between.shape) * _NOISE / matrix.shape[1] ** 0.5).astype(np.float32)
        whole[start : start + len(some)] = between / np.linalg.norm(between, axis=1, keepdims=True)
    whole.flush()
    return {"embedded": real}


def scan(vectors: str, queries: str, truth: str) -> dict[str, Any]:
    """The exact neighbours of each query, kept in `truth`, and the time of one matrix product."""
    matrix, asked = np.load(vectors), np.load(queries)
    found, times = [], []
    for query in asked:
        started = time.perf_counter()
        scores = matrix @ query
        nearest = np.argpartition(scores, -DEPTH)[-DEPTH:]
        found.append(nearest[np.argsort(-scores[nearest], kind="stable")])
        times.append((time.perf_counter() - started) * 1000)
    np.save(truth, np.array(found))
    return {"name": "exact scan", "vectors": len(matrix), "bytes": matrix.nbytes, "recall@10": 1.0} | _spread(times)


def build(vectors: str, file: str, library: str, numbers: str) -> dict[str, Any]:
    """Build an index with one thread and write it."""
    matrix = np.load(vectors, mmap_mode="r")
    labels = np.arange(len(matrix))
    started = time.perf_counter()
    index = _empty(library, numbers, matrix.shape[1], len(matrix))
    for first in range(0, len(matrix), 10_000):
        part = slice(first, first + 10_000)
        if library == "hnswlib":
            index.add_items(matrix[part], labels[part], num_threads=1)
        else:
            index.add(labels[part], np.ascontiguousarray(matrix[part]), threads=1)
    built = time.perf_counter()
    index.save_index(file) if library == "hnswlib" else index.save(file)
    return {
        "vectors": len(matrix),
        "build_s": round(built - started, 1),
        "bytes": Path(file).stat().st_size,
        "build_peak_mb": round(processes.own_peak_mb(), 1),
    }


def _empty(library: str, numbers: str, dimensions: int, capacity: int) -> Any:
    if library == "hnswlib":
        import hnswlib

        index = hnswlib.Index(space="ip", dim=dimensions)
        if capacity:
            index.init_index(capacity, ef_construction=_BUILD_EFFORT, M=_LINKS, random_seed=100)
        return index
    from usearch.index import Index

    return Index(ndim=dimensions, metric="ip", dtype=numbers, connectivity=_LINKS, expansion_add=_BUILD_EFFORT)


def search(vectors: str, queries: str, truth: str, file: str, place: int) -> dict[str, Any]:
    """Open an index that is there and look for each query's neighbours; the first ten count for recall."""
    candidate = CANDIDATES[place]
    matrix, asked, right = np.load(vectors, mmap_mode="r"), np.load(queries), np.load(truth)
    # Before the index: what it adds is its own.
    index = _empty(candidate.library, candidate.numbers, asked.shape[1], 0)
    floor = _resident()
    started = time.perf_counter()
    find = _opened(index, candidate, file)
    opened = time.perf_counter() - started
    loaded, times, hits = _resident() - floor, [], 0
    for query in asked[:20]:
        find(query)
    for query, nearest in zip(asked, right, strict=True):
        started = time.perf_counter()
        labels = find(query)
        if candidate.again:
            rows = np.sort(labels[: candidate.again])
            labels = rows[np.argsort(-(matrix[rows] @ query), kind="stable")][:DEPTH]
        times.append((time.perf_counter() - started) * 1000)
        hits += len(set(labels[:10].tolist()) & set(nearest[:10].tolist()))
    return {
        "open_s": round(opened, 3),
        "resident_mb": round(loaded, 1),
        "resident_after_mb": round(_resident() - floor, 1),
        "recall@10": round(hits / (10 * len(asked)), 4),
    } | _spread(times)


def _opened(index: Any, candidate: Candidate, file: str) -> Callable[[Vectors], Found]:
    count = max(DEPTH, candidate.again)
    if candidate.library == "hnswlib":
        index.load_index(file)
        index.set_ef(candidate.effort)
        return lambda query: index.knn_query(query, k=count, num_threads=1)[0][0].astype(np.int64)
    index.view(file) if candidate.view else index.load(file)
    index.expansion_search = candidate.effort
    return lambda query: index.search(query, count, threads=1).keys.astype(np.int64)


def _spread(times: list[float]) -> dict[str, float]:
    return {f"p{share}_ms": round(statistics.percentile(times, share), 2) for share in (50, 99)}


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> int:
    """The process of one step; returns the exit code."""
    steps: dict[str, Callable[..., dict[str, Any]]] = {"make": make, "scan": scan, "build": build, "search": search}
    arguments = [int(text) if text.isdecimal() else text for text in sys.argv[2:]]
    print(json.dumps(steps[sys.argv[1]](*arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
