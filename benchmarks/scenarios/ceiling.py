"""The theoretical card: how fast this model could write on this memory, and how much of that is reached.

To write a token, every weight is read once, and the state of all tokens before it. Memory bandwidth over these bytes is
a ceiling that no arithmetic lifts. Knows the model file's header, memory, and answers of the public surface; the type
of the state is llama.cpp's default, which the product does not change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import llama_cpp
import msgspec
import psutil

from assistant.types import Answer
from benchmarks import bandwidth, energy, gguf, measuring, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

_STATE_BYTES = {0: ("F32", 4.0), 1: ("F16", 2.0), 8: ("Q8_0", 34 / 32), 30: ("BF16", 2.0)}
"""Number of a type in ggml -> its name and bytes a value."""
_OTHER_STATES = ("ssm.", "attention.kv_lora_rank", "wkv.", "shortconv.")
"""Beginnings of metadata of models whose state is no keys and values of each token."""
_LEAST_TOKENS = 8
"""Of an answer whose rate is worth a sample."""


@dataclass(frozen=True, slots=True)
class Card:
    """What writing one token reads."""

    weight_bytes: int
    state_bytes: float
    """For each token before it."""
    state_type: str
    detail: dict[str, Any]

    def bytes_at(self, tokens: float) -> float:
        """Bytes read to write one token behind so many others."""
        return self.weight_bytes + self.state_bytes * tokens

    def ceiling(self, gb_per_s: float, tokens: float) -> float:
        """Tokens per second behind so many others."""
        return gb_per_s * 1e9 / self.bytes_at(tokens)


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """The card, the bandwidth, the ceiling, the rate that was measured and its share; energy where it is counted."""
    file = product.model_file(plan, variant)
    card = card_of(gguf.read(file), state_type())
    detail = card.detail | {"state_type": card.state_type}
    yield measuring.largest("model on disk", "MB", [file.stat().st_size / 1e6])
    yield measuring.largest("weights read for a token", "MB", [card.weight_bytes / 1e6], detail=detail)
    yield measuring.largest("state of a token", "bytes", [card.state_bytes], detail=detail)
    memory = memory_of(plan, variant, card)
    how = {"kernel": memory.kernel, "threads": memory.threads, "megabytes": memory.megabytes}
    yield measuring.largest("memory bandwidth", "GB/s", memory.gb_per_s, detail=how)
    answers, joules, counter = _answers(plan, variant)
    keys = [key for key, _ in answers]
    contexts = [_context(answer) for _, answer in answers]
    rates = [_rate(answer) for _, answer in answers]
    ceilings = [card.ceiling(memory.best, tokens) for tokens in contexts]
    shares = [rate / most for rate, most in zip(rates, ceilings, strict=True)]
    detail = {"context_tokens": [round(tokens) for tokens in contexts], "energy_counter": counter}
    shared: dict[str, Any] = {"keys": keys, "detail": detail}
    yield measuring.median("decode ceiling", "tokens/s", ceilings, plan.seed, **shared)
    yield measuring.median("decode", "tokens/s", rates, plan.seed, **shared)
    yield measuring.median("share of the ceiling", "ratio", shares, plan.seed, **shared)
    if joules is not None:
        yield measuring.median("energy of an answer", "J", joules, plan.seed, **shared)


def card_of(header: gguf.Header, state_type: int) -> Card:
    """The card of a model by its header.

    Raises:
        BenchmarkError: its kind is not known here, so that a figure would be a guess.
    """
    told = header.metadata
    kind = str(told.get("general.architecture", ""))
    own = {name.removeprefix(f"{kind}."): value for name, value in told.items() if name.startswith(f"{kind}.")}
    if state_type not in _STATE_BYTES:
        raise BenchmarkError(
            f"The state has ggml's type {state_type}, whose size is not known here; leave ceiling out."
        )
    if any(name.startswith(_OTHER_STATES) for name in own):
        raise BenchmarkError(f"The state of a {kind} model is no keys and values of each token; leave ceiling out.")
    try:
        layers, heads, width = (int(own[name]) for name in ("block_count", "attention.head_count", "embedding_length"))
        key = int(own.get("attention.key_length", width // heads))
        value = int(own.get("attention.value_length", width // heads))
        groups = own.get("attention.head_count_kv", heads)
        values = (sum(groups) if isinstance(groups, list) else groups * layers) * (key + value)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as exc:
        raise BenchmarkError("The model file lacks the sizes of its layers; leave ceiling out.") from exc
    name, size = _STATE_BYTES[state_type]
    detail = {
        "layers": layers, "key_value_heads": groups, "head_size": key, "file_mb": sum(header.tensors.values()) // 10**6,
        "sliding_window": own.get("attention.sliding_window"),
    }  # fmt: skip
    return Card(weights_read(header, own), values * size, name, detail)


def weights_read(header: gguf.Header, own: dict[str, Any]) -> int:
    """Bytes of weights that one token needs: a table of words is looked up, not read, unless it is the output as
    well.
    """
    looked_up = ("token_embd.weight",) if "output.weight" in header.tensors else ()
    used = own.get("expert_used_count", 0) / own["expert_count"] if own.get("expert_count") else 1.0
    total = 0.0
    for name, size in header.tensors.items():
        if name not in looked_up and not name.startswith(("per_layer_token_embd", "position_embd")):
            total += size * (used if "_exps." in name else 1.0)
    return round(total)


def state_type() -> int:
    """The type that states have, as ggml's number."""
    return int(llama_cpp.llama_context_default_params().type_k)


def memory_of(plan: Plan, variant: Variant, card: Card) -> bandwidth.Bandwidth:
    """Of a buffer as large as the weights, or as half the memory that is free; the model is not loaded meanwhile."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with product.opened(plan, variant, plan.folder("ceiling")) as fieldmate:
        given = fieldmate.settings.generator.decode_threads
    size = min(card.weight_bytes, psutil.virtual_memory().available // 2)
    # Where the product chooses the number of threads, the machine's best number makes the ceiling.
    return bandwidth.measured(size, [given] if given else bandwidth.thread_counts(cores))


def _answers(plan: Plan, variant: Variant) -> tuple[list[tuple[str, Answer]], list[float] | None, str | None]:
    """Answers for which the generator wrote enough, with their questions' ids; joules of each where they are
    counted.
    """
    home = product.with_samples(plan)
    questions = product.shuffled(plan, product.sample_questions(answerable=True))
    meter = energy.meter()
    answers: list[tuple[str, Answer]] = []
    joules: list[float | None] = []
    # Left to the default, a generator that was measured to word facts badly would write nothing.
    worded = msgspec.structs.replace(variant, settings={"answering.wording": "generated", **variant.settings})
    with product.opened(plan, worded, home) as fieldmate:
        fieldmate.answer(questions[0]["question"])  # loads the models
        for item in questions[1:]:
            if meter is None:
                answer, spent = fieldmate.answer(item["question"]), None
            else:
                with meter.measured() as block:
                    answer = fieldmate.answer(item["question"])
                spent = block.joules
            if answer.usage.completion_tokens >= _LEAST_TOKENS and answer.timings.stages.get("decode"):
                answers.append((item["id"], answer))
                joules.append(spent)
            if len(answers) == plan.questions:
                break
    if not answers:
        raise BenchmarkError(f"No sample question made the generator write {_LEAST_TOKENS} tokens; try another model.")
    counted = [spent for spent in joules if spent is not None]
    return answers, counted if meter and len(counted) == len(answers) else None, meter.name if meter else None


def _context(answer: Answer) -> float:
    """Tokens before the one that is being written, on average."""
    return answer.usage.prompt_tokens + answer.usage.completion_tokens / 2


def _rate(answer: Answer) -> float:
    """Tokens per second after the first, whose logits are prefill's: at most one step is counted too few."""
    return (answer.usage.completion_tokens - 1) / answer.timings.stages["decode"] * 1000
