"""The same model with weights of several types, beside the file as it was pulled: speed, memory, and what it costs.

The other forms are derived from the pulled file, so that their weights are rounded twice; how far that moves the model
is measured against the pulled file, not against the one that its authors quantized. Arms take turns, seeded; every time
is shown as a ratio of medians too. Knows llama.cpp's forms, and of the product its engine and its prompt.

[scenario.weights]
forms = "q4_0,q4_k_m,iq4_nl,q8_0"   # iq4_nl takes minutes to derive
rounds = 8
windows = 8                          # of text, for the distance of distributions
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from assistant.answering.prompt import build
from assistant.engines.llama import LlamaGenerator
from assistant.engines.requantize import write
from assistant.types import Prompt
from benchmarks import measuring, processes, product
from benchmarks.errors import BenchmarkError
from benchmarks.forms import Form
from benchmarks.plan import Plan, Variant
from benchmarks.quality import metrics
from benchmarks.rows import Measurement

PULLED = "as pulled"
_WINDOW, _WARM = 256, 64
"""Tokens of a window of text, and how many of them only prepare the rest."""
_LOADS = 3
_SPEEDS = ("prefill 512", "prefill 256", "tail of 32 behind 256", "decode, 1 thread", "decode, 2 threads", "batch of 4")


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Size, load, memory, rates, distance to the pulled file, and answers, of each form."""
    files = _derived(plan, _pulled(plan, variant))
    for name, path in files.items():
        yield measuring.largest("file", "MB", [path.stat().st_size / 1e6], subset=name)
    yield from _processes(plan, files)
    text = "\n".join(path.read_text("utf-8") for path in sorted(product.MANUALS.rglob("*.md")))
    forms = {name: Form(path, len(os.sched_getaffinity(0))) for name, path in files.items()}
    try:
        tokens = forms[PULLED].tokens(text)
        yield from _speeds(plan, forms, tokens)
        yield from _distances(plan, forms, tokens)
    finally:
        for form in forms.values():
            form.close()
    yield from _answers(plan, variant, files)


def _pulled(plan: Plan, variant: Variant) -> Path:
    """The file as it came, whatever the product uses of it."""
    used = product.model_file(plan, variant)
    came = sorted((Path(variant.models or plan.models) / used.parent.name).glob("*.gguf"))
    if len(came) != 1:
        raise BenchmarkError(f"The file that {used.name} was made from is not here; run `fieldmate models pull`.")
    return came[0]


def _derived(plan: Plan, pulled: Path) -> dict[str, Path]:
    """The pulled file and the forms made from it, by name."""
    folder = plan.folder("weights")
    files = {PULLED: pulled}
    for kind in plan.option("weights", "forms", "q4_0,q8_0").split(","):
        files[kind] = folder / f"{pulled.stem}.{kind}.gguf"
        if not files[kind].exists():
            write(pulled, files[kind], kind, threads=len(os.sched_getaffinity(0)))
    return files


def _processes(plan: Plan, files: Mapping[str, Path]) -> Iterator[Measurement]:
    """What a process with the product's generator takes, each form several times in turn."""
    order = random.Random(plan.seed)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in files}
    for _ in range(_LOADS):
        for name in order.sample(list(files), len(files)):
            done = processes.run([sys.executable, "-m", "benchmarks.forms", str(files[name])])
            found[name].append(json.loads(done.output))
    for name, each in found.items():
        for figure in ("peak_mb", "resident_mb", "anonymous_mb"):
            metric = f"{figure.removesuffix('_mb')} memory of a process"
            yield measuring.largest(metric, "MB", [one[figure] for one in each], subset=name)
        yield measuring.median("load", "s", [one["load_s"] for one in each], plan.seed, subset=name)


def _speeds(plan: Plan, forms: Mapping[str, Form], tokens: list[int]) -> Iterator[Measurement]:
    order = random.Random(plan.seed)
    times: dict[str, dict[str, list[float]]] = {name: {speed: [] for speed in _SPEEDS} for name in forms}
    for turn in range(plan.option("weights", "rounds", 8) + 1):
        for name in order.sample(list(forms), len(forms)):
            for speed, seconds in _one(forms[name], tokens):
                if turn:  # the first warms
                    times[name][speed].append(seconds)
    for name, by_speed in times.items():
        for speed, seconds in by_speed.items():
            milliseconds = [1000 * one for one in seconds]
            yield measuring.median(speed, "ms", milliseconds, plan.seed, subset=name)
            if name != PULLED:
                against = times[PULLED][speed]
                yield measuring.ratio(speed, seconds, against, plan.seed, subset=f"{name} / {PULLED}")


def _one(form: Form, tokens: list[int]) -> Iterator[tuple[str, float]]:
    """One sample of each figure; decode is the mean over eight tokens, one after the other."""
    form.cut(0)
    yield "prefill 512", form.seconds(tokens[:512], 0)
    form.cut(0)
    yield "prefill 256", form.seconds(tokens[:256], 0)
    yield "tail of 32 behind 256", form.seconds(tokens[256:288], 256)
    for threads, speed in ((1, "decode, 1 thread"), (2, "decode, 2 threads")):
        form.cut(288)
        yield speed, sum(form.seconds([tokens[288 + step]], 288 + step, threads=threads) for step in range(8)) / 8
    form.cut(288)
    yield "batch of 4", form.seconds(tokens[288:292], 288, every=True)


def _distances(plan: Plan, forms: Mapping[str, Form], tokens: list[int]) -> Iterator[Measurement]:
    """How far the distribution of the next token moves over the text of the sample manuals."""
    starts = range(0, len(tokens) - _WINDOW, _WINDOW)[: plan.option("weights", "windows", 8)]
    found: dict[str, dict[str, list[float]]] = {
        name: {"surprise": [], "divergence": [], "same likeliest": []} for name in forms
    }
    for start in starts:
        window = tokens[start : start + _WINDOW]
        pulled = forms[PULLED].log_probabilities(window)[_WARM:-1]
        for name, form in forms.items():
            own = form.log_probabilities(window)[_WARM:-1]
            following = np.array(window[_WARM + 1 :])
            found[name]["surprise"] += (-own[np.arange(len(own)), following]).tolist()
            found[name]["divergence"] += (np.exp(pulled) * (pulled - own)).sum(axis=1).tolist()
            found[name]["same likeliest"] += (own.argmax(axis=1) == pulled.argmax(axis=1)).astype(float).tolist()
    units = {"surprise": "nats/token", "divergence": "nats/token", "same likeliest": "share"}
    for name, by_metric in found.items():
        for metric, values in by_metric.items():
            if name != PULLED or metric == "surprise":
                yield measuring.mean(f"{metric} on the sample manuals", units[metric], values, plan.seed, subset=name)
        if name != PULLED:
            more = [one - other for one, other in zip(by_metric["surprise"], found[PULLED]["surprise"], strict=True)]
            yield measuring.mean("surprise added", "nats/token", more, plan.seed, subset=f"{name} - {PULLED}")


def _answers(plan: Plan, variant: Variant, files: Mapping[str, Path]) -> Iterator[Measurement]:
    """Words of the answers to the product's prompts: against the right ones, and against the pulled file's."""
    items = product.shuffled(plan, product.sample_questions(answerable=True))[: plan.questions]
    generators = {name: LlamaGenerator(path, name, decode_threads=1) for name, path in files.items()}
    try:
        prompts = _prompts(plan, variant, [item["question"] for item in items], generators[PULLED])
        said = {
            name: ["".join(part.text for part in generator.generate(prompt, max_tokens=80)) for prompt in prompts]
            for name, generator in generators.items()
        }
    finally:
        for generator in generators.values():
            generator.close()
    right = [[text for text in (item["answer"], item.get("quote")) if text] for item in items]
    keys = [item["id"] for item in items]
    scores = {name: [metrics.word_f1(*pair) for pair in zip(texts, right, strict=True)] for name, texts in said.items()}
    for name, values in scores.items():
        yield measuring.mean("word F1", "score", values, plan.seed, subset=name, keys=keys)
        if name != PULLED:
            lost = [one - other for one, other in zip(values, scores[PULLED], strict=True)]
            yield measuring.mean("word F1 gained", "score", lost, plan.seed, subset=f"{name} - {PULLED}", keys=keys)
            alike = [_alike(*pair) for pair in zip(said[name], said[PULLED], strict=True)]
            yield measuring.mean("word F1 with the pulled file's", "score", alike, plan.seed, subset=name, keys=keys)


def _alike(text: str, other: str) -> float:
    return 1.0 if text == other else metrics.word_f1(text, [other])


def _prompts(plan: Plan, variant: Variant, questions: Sequence[str], counter: LlamaGenerator) -> list[Prompt]:
    """The prompts that Fieldmate makes, from its public parts."""
    found = []
    with product.opened(plan, variant, product.with_samples(plan)) as fieldmate:
        answering = fieldmate.settings.answering
        for question in questions:
            passages = [hit.passage for hit in fieldmate.search(question)[: answering.passages]]
            found.append(build(question, (), passages, counter.count_tokens, answering.prompt_tokens)[0])
    return found
