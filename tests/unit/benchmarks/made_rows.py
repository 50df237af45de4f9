"""Rows made up for the tests of reports, comparing and recommending; every figure can be worked out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from benchmarks import measuring
from benchmarks.rows import Measurement, Row, RowWriter

RUN = "20261121T120000Z"
HOSTILE = "<script>alert('$x_{1}$')</script>|\"&amp;"
CARD = {
    "cpu": "Example CPU", "architecture": "aarch64", "cores": 4, "memory_mb": 8000, "governor": "performance",
    "kernel": "Linux 6.1", "python": "CPython 3.11.9", "versions": {"llama-cpp-python": "0.3.36", "missing": None},
    "commit": "0123456789abcdef", "source_sha256": "fedcba9876543210", "seed": 1, "load_average": 0.5,
    "models": {"m": "00"}, "settings": {"generator": {"id": "m"}},
}  # fmt: skip
KEYS = [f"pump-{number:02d}" for number in range(24)]


def row(**fields: Any) -> Row:
    """A row with what every row has."""
    return Row(**{"run": RUN, "time": "2026-11-21T12:00:00+00:00", "environment": CARD, **fields})


def job(
    scenario: str, variant: str, measured: Sequence[Measurement], *, block: int = 0, run: str = RUN, **card: Any
) -> list[Row]:
    """The rows of one job."""
    return [
        Row(**{
            **msgspec.structs.asdict(item), "run": run, "time": "2026-11-21T12:00:00+00:00", "scenario": scenario,
            "variant": item.variant or variant, "job": f"{block}/{scenario}/{variant}", "block": block,
            "of": len(measured), "environment": CARD | card,
        })
        for item in measured
    ]  # fmt: skip


def times(
    variant: str, factor: float = 1.0, *, blocks: int = 8, noise: float = 0.02, seed: int = 0, run: str = RUN,
    metric: str = "first token", unit: str = "ms", questions: int = 24, **card: Any,
) -> list[Row]:  # fmt: skip
    """Blocks of a timed metric: log-normal noise, of which a tenth belongs to the whole block, and rare long waits."""
    generator = np.random.default_rng([seed, sum(map(ord, variant))])
    base = np.exp(np.random.default_rng(1).normal(6.5, 0.3, questions))  # the questions are the same for all
    rows = []
    for block in range(blocks):
        shared = generator.normal(0, noise / 3)
        late = np.where(generator.random(questions) < 0.02, 1 + generator.exponential(1.0, questions), 1.0)
        samples = base * factor * np.exp(generator.normal(shared, noise, questions)) * late
        samples = 1000 / samples if unit.endswith("/s") else samples
        measured = measuring.median(metric, unit, samples.tolist(), 1, keys=KEYS[:questions], state="warm")
        rows += job("single_stream", variant, [measured], block=block, run=run, **card)
    return rows


def scores(variant: str, values: Sequence[float], *, metric: str = "word F1", run: str = RUN, **card: Any) -> list[Row]:
    """Scores of the sample questions, in one block."""
    keys = [f"pump-{number:02d}" for number in range(len(values))]
    measured = measuring.mean(metric, "score", list(values), 1, keys=keys, subset="answerable")
    return job("answers/samples", variant, [measured], run=run, **card)


def costs(variant: str, memory_mb: float, file_mb: int) -> list[Row]:
    """Peak memory of asking and the size of the model's file."""
    peak = measuring.largest("peak memory of ask", "MB", [memory_mb - 5, memory_mb], target=measuring.at_most(600))
    weights = measuring.largest("weights read for a token", "MB", [file_mb - 10.0], detail={"file_mb": file_mb})
    return [*job("ask_memory", variant, [peak]), *job("ceiling", variant, [weights])]


def stages(variant: str, block: int, factor: float) -> list[Row]:
    """Stages of eight questions, cold and warm."""
    shares = {"embed": 3.0, "search": 2.0, "prefill": 400.0, "decode": 250.0, "gate": 5.0}
    measured = [
        measuring.median(f"stage {name}", "ms", [share * factor * slower + index for index in range(8)], 1, state=state,
                         keys=KEYS[:8])
        for state, slower in (("cold", 1.5), ("warm", 1.0))
        for name, share in shares.items()
    ]  # fmt: skip
    return job("stages", variant, measured, block=block)


def growth() -> list[Row]:
    """Searching and adding at three sizes."""
    found = []
    for size in (1003, 10020, 100040):
        subset, detail = f"{round(size, -3):,} passages", {"passages": size}
        for arm, slope in (("exact", 1e-3), ("hnsw", 1e-5)):
            samples = [2 + slope * size + 0.01 * number for number in range(20)]
            found.append(
                measuring.median("search", "ms", samples, 1, subset=f"{subset}, {arm}", detail=detail, state="warm")
            )
        found.append(measuring.median("adding", "passages/s", [200 - size / 1000], 1, subset=subset, detail=detail))
    return job("growth/search", "", found)


def full_rows() -> list[Row]:
    """Something of everything that a report can show."""
    rows = []
    variants = {"qwen2.5-coder-0.5b-instruct-q4_k_m": (1.0, 0.52, 690, 398),
                "smollm2-135m-instruct": (0.4, 0.33, 330, 145), HOSTILE: (0.7, 0.31, 500, 300)}  # fmt: skip
    for variant, (factor, quality, memory, file) in variants.items():
        rows += times(variant, factor, blocks=2)
        rows += [each for block in range(2) for each in stages(variant, block, factor)]
        spread = np.random.default_rng(3).uniform(-0.2, 0.2, 24)
        rows += scores(variant, (quality + spread).tolist())
        rows += costs(variant, memory, file)
    rows += growth()
    rows.append(
        row(scenario="cold_start", variant="huge|model", job="x", status="failed", reason="It was ended by signal 9.")
    )
    waits = "It waits for the voice loop: from the end of speech to the first audible sample."
    rows.append(row(scenario="voice_turn", variant="", job="y", status="skipped", reason=waits))
    return rows


def write(path: Any, rows: Sequence[Row]) -> Any:
    """The rows as a file; returns its path."""
    writer = RowWriter(path)
    writer.write(rows)
    writer.close()
    return path
