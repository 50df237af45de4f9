"""Which way to run the generator is fastest on this machine: short trials in turn, each in a process of its own.

How waiting threads wait is decided when llama.cpp is loaded, hence the processes; what is compared takes turns, because
a machine gets slower and faster while it is measured. One way is better only if it stays so when it is tried again, and
does not suffer more when another program wants a core: then threads that look for work all the time are in the way.

Knows generators by their protocol.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from math import inf, isfinite
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from assistant.errors import ModelDamaged, UsageError
from assistant.tuning import Choice, Tuning, basis, check_writable, keep
from assistant.types import Prompt

if TYPE_CHECKING:
    from assistant.settings import Settings
    from assistant.wiring import Parts

CLEARLY_BETTER = 0.95
"""Most time that another way may take, as a share of what the built-in one takes."""
NOT_WORSE = 1.05
"""The same while another program keeps a core busy."""
_READ, _WRITTEN = 128, 32
"""Tokens of the sample: a question whose passages are read, and a short answer."""
_LONG_READ = 448
"""Tokens of the sample for batches: more than the smaller one holds."""
_SPINS = (0, 10_000, 300_000)
"""Sleep at once; for well below a millisecond; libgomp's own where nothing is said."""
_SMALLER_BATCH = 128
"""Beside the built-in one. Larger ones hold more than a prompt has."""
_ROUNDS_TO_CHOOSE, _ROUNDS_TO_CONFIRM = 2, 3
_ENOUGH_S = 40.0
"""After which nothing further begins that is not needed: a slow machine has few rounds."""
_PATIENCE = 3
"""Times as long as the built-in way another one may take before it is given up: threads that look for work while other
programs have the cores write one token a second (benchmarks/LOG.md)."""
_GLUE = "The display shows code {code}; valve {valve} opens at {pressure} bar and pump {pump} stops after {time} s. "

Say = Callable[[str], object]


class Sample(msgspec.Struct, frozen=True):
    """One trial."""

    read_ms: float
    """For each token of the prompt."""
    written_ms: float
    """For each token of the answer."""

    def cost(self) -> float:
        """Milliseconds of the question and answer that are compared."""
        return self.read_ms * _READ + self.written_ms * _WRITTEN


_GIVEN_UP = Sample(inf, inf)


class Order(msgspec.Struct, frozen=True):
    """What a process of trials is told."""

    flags: dict[str, str]
    """Settings that say which generator, by dotted key."""
    choices: list[Choice]
    """Tried in this order; all with the same `spins`."""
    read: int
    """Tokens of the prompt, about."""
    written: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found."""

    choice: Choice
    share: float
    """Of the built-in one's time, 1 for the built-in one itself."""
    seconds: float
    medians: dict[str, Sample]
    """Of the first rounds, by `label`; without what was given up."""


def label(choice: Choice) -> str:
    """A choice in short."""
    return (
        f"{choice.prefill_threads} read, {choice.decode_threads} write, "
        f"{choice.spins} spins, batches of {choice.batch_tokens}"
    )


def tune(settings: Settings, child: Sequence[str], say: Say = lambda _: None) -> tuple[Tuning, Outcome]:
    """Find the fastest way to run the generator of the settings, and keep it for all that run it from now on.

    Where nothing is clearly faster than the built-in way, that one is kept. Interrupted, it keeps nothing.

    Args:
        settings: say which generator.
        child: command of a process that reads an `Order` and writes its `samples`.
        say: told what is being done.

    Raises:
        UsageError: the generator is of a kind that has nothing to choose.
        ModelError: the generator is missing, damaged or does not run.
        StorageError: the data folder does not take the outcome.
    """
    from assistant.wiring import Parts, built_in, cores

    parts = Parts(settings)
    try:
        artifact = parts.library.installed(settings.generator.id, "generator")
    finally:
        parts.close()
    if artifact.format != "gguf":
        raise UsageError(
            f"There is nothing to measure for {artifact.id}, whose format is {artifact.format}; choose a GGUF model "
            "with --generator."
        )
    check_writable(settings.home)
    flags = {
        "data_dir": str(settings.home),
        "models_dir": str(settings.models),
        "generator.id": settings.generator.id,
        "generator.context_tokens": str(settings.generator.context_tokens),
    }
    default = built_in(cores())
    outcome = _measure(_Bench(flags, child, default, say), default, cores())
    tuning = Tuning(
        basis(artifact.sha256, cores()),
        outcome.choice,
        built_in=outcome.choice == default,
        share=outcome.share,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    keep(settings.home, tuning)
    return tuning, outcome


def _measure(bench: _Bench, built_in: Choice, cores: int) -> Outcome:
    """Find the fastest way to run the generator on the bench."""
    started = time.perf_counter()
    rounds = bench.rounds(ways(built_in, cores), _READ, _WRITTEN, _ROUNDS_TO_CHOOSE)
    chosen, share = built_in, 1.0
    for candidate in candidates(rounds, built_in):
        if bench.tired():
            break
        confirmed = bench.confirmed(candidate, built_in)
        if confirmed is not None:
            chosen, share = candidate, confirmed
            break
    if not bench.tired():
        smaller = msgspec.structs.replace(chosen, batch_tokens=_SMALLER_BATCH)
        read = bench.rounds([chosen, smaller], _LONG_READ, 1, _ROUNDS_TO_CONFIRM)
        if median(row[smaller].read_ms / row[chosen].read_ms for row in read) <= CLEARLY_BETTER:
            chosen = smaller
    middle = {
        label(one): Sample(median(row[one].read_ms for row in rounds), median(row[one].written_ms for row in rounds))
        for one in rounds[0]
    }
    return Outcome(
        chosen,
        share,
        time.perf_counter() - started,
        {name: sample for name, sample in middle.items() if isfinite(sample.cost())},
    )


def ways(built_in: Choice, cores: int) -> list[Choice]:
    """What is tried first: as many threads for both, so that one sample tells of both."""
    threads = sorted({1, max(1, cores // 2), max(1, cores * 3 // 4), cores})
    spins = dict.fromkeys((built_in.spins, *_SPINS))
    return [Choice(count, count, built_in.batch_tokens, spin) for spin, count in product(spins, threads)]


Row = dict[Choice, Sample]
"""One round: a sample of each way."""


def candidates(rounds: Sequence[Row], built_in: Choice) -> list[Choice]:
    """The best threads for reading and for writing with each way of waiting; the clearly better ones, best first."""
    found: list[tuple[float, Choice]] = []
    for spins in dict.fromkeys(one.spins for one in rounds[0]):
        with_it = [one for one in rounds[0] if one.spins == spins]
        reads = min(with_it, key=lambda one: median(row[one].read_ms for row in rounds))
        writes = min(with_it, key=lambda one: median(row[one].written_ms for row in rounds))
        choice = Choice(writes.decode_threads, reads.prefill_threads, built_in.batch_tokens, spins)
        share = median(_cost(row, choice) / _cost(row, built_in) for row in rounds)
        if choice != built_in and share <= CLEARLY_BETTER:
            found.append((share, choice))
    return [choice for _, choice in sorted(found, key=lambda pair: pair[0])]


def _cost(row: Row, choice: Choice) -> float:
    reading = msgspec.structs.replace(choice, decode_threads=choice.prefill_threads)
    writing = msgspec.structs.replace(choice, prefill_threads=choice.decode_threads)
    return Sample(row[reading].read_ms, row[writing].written_ms).cost()


class _Bench:
    """Runs trials in processes of their own."""

    def __init__(self, flags: dict[str, str], child: Sequence[str], built_in: Choice, say: Say) -> None:
        self._flags = flags
        self._command = child
        self._built_in = built_in
        self._say = say
        self._started = time.perf_counter()
        self._limit_s: float | None = None

    def tired(self) -> bool:
        """Whether enough time was spent."""
        return time.perf_counter() - self._started > _ENOUGH_S

    def rounds(self, choices: Sequence[Choice], read: int, written: int, most: int) -> list[Row]:
        """So many rounds, fewer on a slow machine; in each every choice once, in turning order."""
        self._limit_s = None
        rows: list[Row] = []
        # Those that wait as the built-in way does are first: how long they take limits the others.
        first, *others = dict.fromkeys((choices[0].spins, *(one.spins for one in choices)))
        for number in range(most):
            if number and self.tired():
                break
            self._say(f"Trying {len(choices)} ways to run the generator, round {number + 1} of {most}.")
            row: Row = {}
            for spins in (first, *(others[::-1] if number % 2 else others)):
                group = [one for one in choices if one.spins == spins]
                row |= self._samples(group[::-1] if number % 2 else group, read, written)
            rows.append(row)
        return rows

    def confirmed(self, candidate: Choice, built_in: Choice) -> float | None:
        """The candidate's share of the built-in one's time, tried again; None where it does not hold."""
        self._say("Comparing the best with the built-in way, alone and beside a busy program.")
        alone = self._share(candidate, built_in)
        if alone > CLEARLY_BETTER:
            return None
        with _busy():
            beside = self._share(candidate, built_in)
        return alone if beside <= NOT_WORSE else None

    def _share(self, candidate: Choice, built_in: Choice) -> float:
        """Median over pairs, each in another order than the one before."""
        order, shares = [candidate, built_in], []
        for _ in range(_ROUNDS_TO_CONFIRM):
            order.reverse()
            row = {one: self._samples([one], _READ, _WRITTEN)[one] for one in order}
            shares.append(row[candidate].cost() / row[built_in].cost())
        return median(shares)

    def _samples(self, choices: Sequence[Choice], read: int, written: int) -> Row:
        order = Order(self._flags, list(choices), read, written)
        usual = choices[0].spins == self._built_in.spins
        began = time.perf_counter()
        samples = _child(self._command, order, choices[0].spins, None if usual else self._limit_s)
        if usual:
            self._limit_s = max(self._limit_s or 0.0, _PATIENCE * (time.perf_counter() - began))
        return dict.fromkeys(choices, _GIVEN_UP) if samples is None else dict(zip(choices, samples, strict=True))


def _child(command: Sequence[str], order: Order, spins: int, limit_s: float | None) -> list[Sample] | None:
    """What the process of an order found; None where it took too long."""
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": str(spins)}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    try:
        output, errors = process.communicate(msgspec.json.encode(order), limit_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.communicate()
    if process.returncode != 0:
        said = errors.decode("utf-8", "replace").strip().splitlines()
        raise ModelDamaged(
            f"The generator could not be tried ({said[-1] if said else f'code {process.returncode}'}); run "
            "`fieldmate models verify`."
        )
    return msgspec.json.decode(output, type=list[Sample])


@contextmanager
def _busy() -> Iterator[None]:
    """Another program keeps one core busy meanwhile; it ends with its parent."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100000))"]
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def samples(parts: Parts, order: Order) -> Iterable[Sample]:
    """Try each choice; what the process of `Order` does."""
    for choice in order.choices:
        generator = parts.generator_with(choice)
        try:
            text, number = "", 0
            while generator.count_tokens(prompt := Prompt("Repeat it.", (text,), "Repeat it.")) < order.read:
                number += 1
                text += _GLUE.format(
                    code=f"E{number * 37 % 91:02}", valve=number, pressure=number * 7 % 13, pump=number * 5 % 17,
                    time=number * 11 % 60,
                )  # fmt: skip
            for _ in generator.generate(Prompt("Repeat it.", (), "Why?"), max_tokens=2):
                pass  # what is touched for the first time takes longer
            for _ in generator.generate(prompt, max_tokens=order.written):
                pass
            usage, stages = generator.usage, generator.stages
            read = usage.prompt_tokens - usage.reused_tokens
            yield Sample(stages["prefill"] / read, stages["decode"] / max(1, usage.completion_tokens))
        finally:
            generator.close()
