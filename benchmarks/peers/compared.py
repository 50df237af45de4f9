"""Fieldmate beside an ordinary pipeline with the same generator file, embedder weights, manuals and questions.

Three arms a pipeline: Fieldmate, the pipeline as its documentation shows it, and the pipeline tuned by simple settings;
what was set is in the rows. Where time is measured they take turns, question by question. Each arm is a process of its
own, and no figure is taken from inside of it but the times of one answer. Knows the arms' orders; not how a pipeline
works.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import measuring, processes, product
from benchmarks.errors import BenchmarkError
from benchmarks.peers import environment, pipeline, scored
from benchmarks.peers.pipeline import Answered, Arm, Process
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

_PAUSE_S = 0.3
"""Between two arms: threads of some spin for a while after their work."""
_TURNS = 3
"""Times that documents are added and a process is started, unless --repetitions asks for fewer."""
_MOST_TRIES = 4
_NEEDS_TEXT = ("txtai",)
"""Pipelines that get the text which Fieldmate stored instead of the manuals' files: they are spared the reading."""
OURS = "fieldmate"
Shared = dict[str, Any]


@dataclass(slots=True)
class Samples:
    """What was measured of one arm."""

    about: dict[str, Any] = field(default_factory=dict)
    added: list[dict[str, float]] = field(default_factory=list)
    adding_mb: list[float] = field(default_factory=list)
    starts: list[tuple[str, Answered, float | None]] = field(default_factory=list)
    """Id of the question, the answer, and seconds from the start of the process to its first text."""
    starting_mb: list[float] = field(default_factory=list)
    answers: dict[str, Answered] = field(default_factory=dict)
    asking_mb: list[float] = field(default_factory=list)
    failure: str = ""


def measure(plan: Plan, variant: Variant, part: str) -> Iterator[Measurement]:
    """All figures of the arms; an arm that fails is named at the end, and the others are measured."""
    home = product.with_samples(plan)
    arms = _arms(plan, variant, part)
    documents = {part: _texts(plan, variant, home)} if part in _NEEDS_TEXT else {}
    taken = {arm.name: Samples() for arm in arms}
    turns = min(plan.repetitions, _TURNS)
    _ingest(plan, arms, taken, documents, turns)
    questions = _reaching(plan, arms[0], taken[OURS], turns + 1)
    _start(plan, arms, taken, questions)
    _ask(plan, arms, taken)
    yield from rows(plan, taken)
    if failed := [samples.failure for samples in taken.values() if samples.failure]:
        raise BenchmarkError(failed[0])
    if len(questions) < turns + 1:
        raise BenchmarkError("Too few sample questions made Fieldmate's generator write, so no start was measured.")


def _arms(plan: Plan, variant: Variant, part: str) -> list[Arm]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    models = variant.models or plan.models
    stores = plan.folder(f"pipelines-{part}-{variant.name}".replace("/", "-"))
    python, weights = environment.interpreter(_say, part), environment.weights(_say)
    shared = {"model": str(product.model_file(plan, variant)), "embedder": str(weights), "threads": cores}
    arms = [pipeline.ours(variant.settings, models, stores / OURS)]
    # Threads that spin while they wait suffer when something else wants a core; told to sleep, they do not.
    for name, tuned, variables in (("as documented", False, {}), ("tuned", True, {"OMP_WAIT_POLICY": "PASSIVE"})):
        config = shared | {"tuned": tuned, "store": str(stores / name.replace(" ", "-"))}
        arms.append(Arm(f"{part}, {name}", part, str(python), config, variables))
    return arms


def _texts(plan: Plan, variant: Variant, home: Path) -> Path:
    """A folder with the text that Fieldmate stored of each manual."""
    folder = plan.folder("pipelines-texts")
    with Process(pipeline.ours(variant.settings, variant.models or plan.models, home)) as process:
        process.texts(folder)
    return folder


def _guarded(samples: Samples, work: Callable[[], None]) -> None:
    """Do it unless the arm has failed before; if it fails now, the arm is out."""
    if samples.failure:
        return
    try:
        work()
    except BenchmarkError as exc:
        samples.failure = str(exc)


def _ingest(plan: Plan, arms: list[Arm], taken: dict[str, Samples], documents: dict[str, Path], turns: int) -> None:
    """Add the documents to an empty store, each time in a new process whose embedder is loaded before."""
    order = random.Random(plan.seed)
    stores = {arm.name: Path(arm.config["store"]) for arm in arms}
    for turn in range(turns):
        for arm in order.sample(arms, len(arms)):
            store = stores[arm.name]
            if turn < turns - 1:  # the last store stays: it is the one that is asked
                store = store.with_name(f"{turn}-{store.name}")
            work = partial(
                _add, arm, arm.config | {"store": str(store)}, taken[arm.name],
                documents.get(arm.pipeline, product.MANUALS),
            )  # fmt: skip
            _guarded(taken[arm.name], work)


def _add(arm: Arm, config: dict[str, Any], samples: Samples, documents: Path) -> None:
    Path(config["store"]).parent.mkdir(parents=True, exist_ok=True)
    with Process(Arm(arm.name, arm.pipeline, arm.python, config, arm.variables)) as process:
        process.load()
        added = process.ingest(documents)
        samples.about = samples.about or process.about()
    if not added["passages"]:
        raise BenchmarkError(f"{arm.name} found no passage in the sample manuals; look at its loaders.")
    samples.added.append(added)
    samples.adding_mb.append(process.peak_mb or 0.0)


def _reaching(plan: Plan, arm: Arm, samples: Samples, wanted: int) -> list[dict[str, Any]]:
    """Questions for which Fieldmate runs its generator: a refusal takes milliseconds and would flatter it."""
    found: list[dict[str, Any]] = []

    def look() -> None:
        with Process(arm) as process:
            for item in product.shuffled(plan, product.sample_questions(answerable=True))[: wanted * _MOST_TRIES]:
                if len(found) < wanted and process.ask(item["question"])[0].token_ms is not None:
                    found.append(item)

    _guarded(samples, look)
    return found


def _start(plan: Plan, arms: list[Arm], taken: dict[str, Samples], questions: list[dict[str, Any]]) -> None:
    """Whole processes with one question each, after one that warms the page cache."""
    order = random.Random(plan.seed)
    for number, question in enumerate(questions):
        for arm in order.sample(arms, len(arms)):
            time.sleep(_PAUSE_S)
            samples = taken[arm.name]
            _guarded(samples, partial(_once, arm, samples, question, kept=number > 0))


def _once(arm: Arm, samples: Samples, question: dict[str, Any], *, kept: bool) -> None:
    with Process(arm) as process:
        answer, first = process.ask(question["question"])
    if kept:
        samples.starts.append((question["id"], answer, first))
        samples.starting_mb.append(process.peak_mb or 0.0)


def _ask(plan: Plan, arms: list[Arm], taken: dict[str, Samples]) -> None:
    """Every question to every arm, all of them loaded and waiting; half of the questions have no answer."""
    order = random.Random(plan.seed)
    with ExitStack() as stack:
        running = {arm.name: stack.enter_context(Process(arm)) for arm in arms if not taken[arm.name].failure}
        warm_up, *questions = scored.questions(plan)
        for question in (warm_up, *questions):
            for name in order.sample(list(running), len(running)):
                time.sleep(_PAUSE_S)
                kept = taken[name].answers if question is not warm_up else {}
                _guarded(taken[name], partial(_answer, running[name], question, kept))
    for name, process in running.items():
        if not taken[name].failure and process.peak_mb is not None:
            taken[name].asking_mb.append(process.peak_mb)


def _answer(process: Process, question: dict[str, Any], kept: dict[str, Answered]) -> None:
    kept[question["id"]] = process.ask(question["question"])[0]


def rows(plan: Plan, taken: dict[str, Samples]) -> Iterator[Measurement]:
    """What the samples say, arm by arm; then ratios to Fieldmate."""
    written = _written(taken)
    for name, samples in taken.items():
        if not samples.failure:
            yield from _sizes(plan, name, samples)
            yield from _times(plan, name, samples, written)
            yield from scored.rows(plan, name, samples.answers)
    for name, samples in taken.items():
        if name != OURS and not samples.failure and not taken[OURS].failure:
            yield from _ratios(plan, taken[OURS], name, samples, written)


def _sizes(plan: Plan, name: str, samples: Samples) -> Iterator[Measurement]:
    about = samples.about
    detail = {"versions": about["versions"], "settings": about["stated"], "documents": about["documents"]}
    detail |= {"floor_mb": round(processes.own_peak_mb(), 1)}
    shared: Shared = {"subset": name, "detail": detail}
    installed = [about["installed_bytes"] / 1e6]
    yield measuring.largest("installed, without models", "MB", installed, **shared)
    rates = [added["passages"] / added["seconds"] for added in samples.added]
    passages = {"detail": detail | {"passages": samples.added[-1]["passages"]}}
    yield measuring.median("adding", "passages/s", rates, plan.seed, **{**shared, **passages})
    # Passages differ in size from arm to arm; the manuals are the same.
    seconds = [added["seconds"] for added in samples.added]
    yield measuring.median("adding the sample manuals", "s", seconds, plan.seed, **{**shared, **passages})
    for what, peaks in (
        ("adding", samples.adding_mb),
        ("one question", samples.starting_mb),
        ("all questions", samples.asking_mb),
    ):
        if peaks:
            yield measuring.largest(f"peak memory of {what}", "MB", peaks, **shared)


def _times(plan: Plan, name: str, samples: Samples, written: set[str]) -> Iterator[Measurement]:
    """Times on the questions that every arm wrote an answer to; that of all answers stands apart."""
    started = {key: seconds for key, _, seconds in samples.starts if seconds is not None}
    to_token = {
        key: started[key] - (answer.first_ms - answer.token_ms) / 1000
        for key, answer, _ in samples.starts
        if key in started and answer.first_ms is not None and answer.token_ms is not None
    }
    answers = {key: answer for key, answer in samples.answers.items() if key in written}
    everything = {key: answer.total_ms for key, answer in samples.answers.items()}
    for metric, unit, state, subset, found in (
        ("process start to first token", "s", "", name, to_token),
        ("process start to first text", "s", "", name, started),
        ("first token", "ms", "warm", name, _values(answers, "token_ms")),
        ("first text", "ms", "warm", name, _values(answers, "first_ms")),
        ("whole answer", "ms", "warm", name, _values(answers, "total_ms")),
        ("whole answer", "ms", "warm", f"{name}, refusals included", everything),
    ):
        if found:
            shared: Shared = {"keys": list(found), "state": state, "subset": subset}
            yield measuring.median(metric, unit, list(found.values()), plan.seed, **shared)


def _values(answers: dict[str, Answered], name: str) -> dict[str, float]:
    return {key: value for key, answer in answers.items() if (value := getattr(answer, name)) is not None}


def _written(taken: dict[str, Samples]) -> set[str]:
    """Ids of the questions to which every arm that works has written an answer with its generator."""
    working = [samples.answers for samples in taken.values() if not samples.failure]
    return set.intersection(*(set(_values(answers, "token_ms")) for answers in working)) if working else set()


def _ratios(plan: Plan, own: Samples, name: str, samples: Samples, written: set[str]) -> Iterator[Measurement]:
    """Fieldmate over the arm, on the questions that every arm wrote an answer to."""
    keys = [key for key in own.answers if key in written]
    for metric, pick in (("first token", "token_ms"), ("first text", "first_ms"), ("whole answer", "total_ms")):
        ours, theirs = (_values({key: each.answers[key] for key in keys}, pick) for each in (own, samples))
        both = [key for key in keys if key in ours and key in theirs]
        if both:
            pairs = [ours[key] for key in both], [theirs[key] for key in both]
            shared: Shared = {"keys": both, "state": "warm", "subset": f"{OURS} / {name}"}
            yield measuring.ratio(metric, *pairs, plan.seed, **shared)


def _say(line: str) -> None:
    print(line, flush=True)  # standard output is standard error here: see `benchmarks.child`
