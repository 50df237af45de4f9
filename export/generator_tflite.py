"""The TFLite half of a generator's export; see generator_gguf, which is the same in shape.

Knows the steps of `export.tflite` and `export.measure`. LiteRT-LM hands out no probabilities, so quality is measured on
the bundle's graph by LiteRT, and speed, memory and answers by the device's engine.
"""

import importlib.util
from pathlib import Path
from typing import Any

from export import environments, tflite
from export import generator_steps as steps
from export.errors import ToolchainError
from export.generator_job import Job
from export.gguf.building import Workshop
from export.measure import generator as measuring
from export.measure import generator_questions, generator_reference
from export.measure.generator import Variant
from export.room import Need

TYPE = "int8"


def make(job: Job, folder: Path) -> dict[str, str]:
    """Write report and artifact into `folder`; return why it is not there, if so."""
    _check_runtime()
    steps.check_window(job)
    beside = steps.beside(job)
    count = job.source.facts.parameters
    steps.check_room(job, Need(disk=11 * count + steps.KEPT, memory=12 * count + 10**9), _toolchains())
    shop = Workshop(job.scratch, job.progress, job.options.debug, job.options.threads)
    weights, notes = steps.weights(job, shop)
    ident = job.ident(TYPE)
    variant = Variant(ident, TYPE, "litertlm", folder / ident / f"{ident}.litertlm")
    variant.model.parent.mkdir()
    made = tflite.convert(weights, variant.model, job.progress, debug=job.options.debug)
    shop.tools.update(made["tools"])
    plan = steps.plan_of(job)
    facts = measuring.choose_windows(plan, weights / "tokenizer.json")
    facts |= {**generator_reference.read(plan, weights), "baseline": "the source's float32 weights in transformers"}
    notes.append(
        f"The int8 graph has {made['int8_bytes'] / 1e6:.1f} MB, {made['float32_bytes'] / made['int8_bytes']:.2f} times "
        "less than the float32 graph. LiteRT-LM hands out no probabilities: quality is that of the bundle's graph, "
        "read by LiteRT."
    )
    variants = [variant, *beside]
    quality = {each.id: measuring.quality(plan, each) for each in variants}
    speeds = measuring.speeds(plan, variants)
    answers = generator_questions.measure(plan, variants, job.options.questions, job.options.documents)
    rows = [
        {
            **(steps.beside_row(each) if each in beside else _facts(each, count, made)),
            **measuring.compared(quality[each.id], facts["reference_nll"], plan.scored),
            **speeds[each.id],
            **answers.get(each.id, {}),
        }
        for each in variants
    ]
    return steps.finish(job, folder, rows, facts, notes, shop.tools)


def _check_runtime() -> None:
    """Raise ToolchainError when what the result is measured with is not here: conversion takes minutes."""
    missing = [name for name in ("ai_edge_litert", "litert_lm") if importlib.util.find_spec(name) is None]
    if missing:
        raise ToolchainError(
            f"LiteRT is not on this machine (no module {missing[0]}); install it with "
            "`pip install 'fieldmate[litert]'` and run again."
        )


def _toolchains() -> tuple[environments.Toolchain, ...]:
    return environments.TFLITE, environments.GGUF


def _facts(variant: Variant, parameters: int, made: dict[str, Any]) -> dict[str, Any]:
    size = variant.model.stat().st_size
    return {
        "role": "generator", "variant": variant.id, "type": variant.type, "format": variant.format,
        "bytes": size, "megabytes": size / 1e6, "bits": 8 * size / parameters, "recipe": made["recipe"],
        "float32_graph_bytes": made["float32_bytes"], "int8_graph_bytes": made["int8_bytes"],
        "times_smaller": made["float32_bytes"] / made["int8_bytes"],
    }  # fmt: skip
