"""A process that stays: peak memory over 10,000 passages, and whether its first question waits longer than its tenth.

Every process (`python -m benchmarks.scenarios.long_lived`) holds one `Assistant`, has it load everything, and asks
questions of generated manuals, each answered by the generator. The processes take the questions in turned order, so
that most questions stand first in one and tenth in another. Knows the public surface only; says nothing of quality.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks import measuring, processes
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan, Variant
from benchmarks.rows import Measurement
from benchmarks.scenarios import generated, growing

_LIMITS_MB = {"qwen2.5-coder-0.5b-instruct-q4_k_m": 900, "smollm2-135m-instruct": 400}
_QUESTIONS = 20
_LATER = 9
"""Place of the question that the first is held against, from 0."""
_ALIKE = 1.1
"""Most by which the first may be slower."""
_MOST_TRIES = 6


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one process is told."""

    plan: Plan
    variant: Variant
    home: str
    questions: list[str]
    wanted: int


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question that the generator answered."""

    question: str
    first_token_ms: float
    prompt_tokens: int


class Lived(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one process says."""

    load_s: float
    """Of `Assistant.load`, imports included."""
    asked: list[Asked]
    private_mb: float
    """Resident at its end and shared with nobody: without the mapped files."""


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Memory of all processes; time to the first token of first and tenth questions."""
    grown = growing.steps(plan, variant)[-1]
    wording = variant.but(answering__wording="generated", generator__max_tokens=32)
    wanted = plan.option("long_lived", "questions", _QUESTIONS)
    if wanted <= _LATER:
        raise BenchmarkError(f"questions of [scenario.long_lived] is {wanted}; give more than {_LATER}.")
    # One process finds the questions that reach the generator; the others ask these only.
    tried = [
        generated.section(number * grown.sections // (wanted * _MOST_TRIES), plan.seed).question
        for number in range(wanted * _MOST_TRIES)
    ]
    found, _ = _lived(Order(plan, wording, grown.home, tried, wanted))
    questions = [one.question for one in found.asked]
    runs = [
        _lived(Order(plan, wording, grown.home, turned(questions, number * _LATER), wanted))
        for number in range(plan.repetitions)
    ]
    yield from _rows(plan, variant, grown, runs)


def turned(questions: Sequence[str], by: int) -> list[str]:
    """The same questions, beginning with another one."""
    by %= len(questions)
    return [*questions[by:], *questions[:by]]


def _rows(
    plan: Plan, variant: Variant, grown: growing.Grown, runs: Sequence[tuple[Lived, processes.Finished]]
) -> Iterator[Measurement]:
    limit = _LIMITS_MB.get(variant.name)
    subset = f"{grown.passages:,} passages"
    yield measuring.largest(
        "peak memory of a long-lived process",
        "MB",
        [finished.peak_rss_mb for _, finished in runs],
        target=measuring.at_most(limit) if limit else None,
        subset=subset,
        detail={
            "questions": [len(lived.asked) for lived, _ in runs],
            "prompt_tokens": [one.prompt_tokens for one in runs[0][0].asked],
            "private_mb_at_end": [round(lived.private_mb, 1) for lived, _ in runs],
            "floor_mb": round(processes.own_peak_mb(), 1),
        },
    )
    yield measuring.median("load", "s", [lived.load_s for lived, _ in runs], plan.seed, subset=subset)
    first, later = ([lived.asked[place].first_token_ms for lived, _ in runs] for place in (0, _LATER))
    yield measuring.ratio(
        "first question over tenth",
        first,
        later,
        plan.seed,
        target=measuring.at_most(_ALIKE),
        subset=subset,
        detail={"first_ms": first, "tenth_ms": later},
    )


def _lived(order: Order) -> tuple[Lived, processes.Finished]:
    text = msgspec.json.encode(order).decode()
    done = processes.run([sys.executable, "-m", "benchmarks.scenarios.long_lived", text], os.environ, folder=str(ROOT))
    return msgspec.json.decode(done.output, type=Lived), done


def live(order: Order) -> Lived:
    """Load everything and ask until enough questions reached the generator."""
    from benchmarks import product

    began = time.perf_counter()
    with product.opened(order.plan, order.variant, Path(order.home)) as fieldmate:
        fieldmate.load()
        loaded = time.perf_counter() - began
        answers = ((question, fieldmate.answer(question)) for question in order.questions)
        asked = [
            Asked(question, answer.timings.first_token, answer.usage.prompt_tokens)
            for question, answer in islice(
                ((one, answer) for one, answer in answers if answer.timings.first_token is not None), order.wanted
            )
        ]
        private = _private_mb()
    if len(asked) < order.wanted:
        raise BenchmarkError(f"Only {len(asked)} of {order.wanted} questions reached the generator; give fewer.")
    return Lived(loaded, asked, private)


def _private_mb() -> float:
    """Anonymous resident memory of this process, 10^6 bytes; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("RssAnon")), 0.0)


def main() -> int:
    """One process; returns the exit code."""
    return processes.answered(sys.argv[1], Order, live)


if __name__ == "__main__":
    sys.exit(main())
