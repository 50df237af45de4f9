"""The GGUF half of a generator's export: float16, every type, quality, speed, and what may be published.

Knows the steps of `export.gguf` and `export.measure`; not where the source came from, and not how a table is drawn.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export import environments, gates
from export import generator_steps as steps
from export.errors import ConversionError
from export.generator_job import Job
from export.gguf import building, header, importance, types
from export.gguf.building import Workshop
from export.gguf.importance import Importance
from export.measure import generator as measuring
from export.measure import generator_questions, generator_reference, generator_windows
from export.measure.generator import Plan, Variant
from export.room import Need


def make(job: Job, folder: Path) -> dict[str, str]:
    """Write report and artifacts into `folder`; return why which of them are not there."""
    kinds = types.parse(job.options.types)
    steps.check_window(job)
    _check_room(job, kinds)
    beside = steps.beside(job)
    shop = Workshop(job.scratch, job.progress, job.options.debug, job.options.threads)
    float16, weights, notes = _float16(job, shop)
    plan = steps.plan_of(job)
    facts = {**measuring.choose_windows(plan, float16), "baseline": "the float16 file on llama.cpp"}
    if weights is not None:
        facts |= generator_reference.read(plan, weights)
    baseline = Variant(job.ident("f16"), "f16", "gguf", float16)
    quality = {baseline.id: measuring.quality(plan, baseline)}
    facts |= conversion(job, plan, quality[baseline.id]["nll"], facts)
    matrix = None
    if weights is not None and job.options.importance and any(kind.weighted for kind in kinds):
        text = job.options.calibration or importance.DEFAULT_TEXT
        matrix = importance.make(shop, plan, weights, float16, text)
    notes.append(_calibrated(matrix))
    variants = [*_variants(job, shop, kinds, baseline, folder, matrix), *beside]
    quality |= {variant.id: measuring.quality(plan, variant) for variant in variants if variant.id not in quality}
    speeds = measuring.speeds(plan, variants)
    answers = generator_questions.measure(plan, variants, job.options.questions, job.options.documents)
    nll = quality[baseline.id]["nll"]
    rows = [
        {
            **(steps.beside_row(variant) if variant in beside else _facts(variant, job, matrix)),
            **measuring.compared(quality[variant.id], nll, plan.scored),
            **speeds[variant.id],
            **answers.get(variant.id, {}),
        }
        for variant in variants
    ]
    return steps.finish(job, folder, rows, facts, notes, shop.tools)


def _float16(job: Job, shop: Workshop) -> tuple[Path, Path | None, list[str]]:
    """Return the float16 file, the float32 weights where there are any to compare it with, and what to note."""
    source = job.source
    if source.is_float_gguf:
        assert source.gguf is not None
        assert source.gguf_header is not None
        note = "The source is an unquantized GGUF file: nothing was converted, and it is the reference itself."
        if source.gguf_header.metadata.get("general.file_type") == types.TYPES["f16"].number:
            return source.gguf, None, [note]
        return building.float16(shop, source.gguf), None, [note]
    weights, notes = steps.weights(job, shop)
    return building.convert(shop, weights, job.name, job.licence, source.gguf), weights, notes


def _check_room(job: Job, kinds: tuple[types.QuantType, ...]) -> None:
    """Raise SourceError when disk or memory will not do; estimated from the number of parameters."""
    source, count = job.source, job.source.facts.parameters
    results = sum(int(count * kind.bits / 8 * 1.1) for kind in kinds)
    read_back = source.gguf is not None and not source.is_float_gguf
    disk = results + 2 * count + (4 * count if read_back else 0) + steps.KEPT
    memory = (8 if read_back else 2 if source.is_float_gguf else 5) * count + 800_000_000
    steps.check_room(job, Need(disk, memory), () if source.is_float_gguf else (environments.GGUF,))


def conversion(job: Job, plan: Plan, nll: list[float], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far the float16 file is from its source in transformers.

    Raises ConversionError where that is more than any sound conversion.
    """
    if "reference_nll" not in facts:
        return {}
    gap, margin = generator_windows.increase(nll, facts["reference_nll"], plan.scored)
    if not abs(gap) <= gates.CONVERSION_TOLERANCE:
        raise ConversionError(
            f"The float16 file of {job.name} differs in perplexity by {gap:+.2f} % from its source in transformers "
            f"(at most {gates.CONVERSION_TOLERANCE} % is sound), so the conversion is wrong; choose another model."
        )
    return {"conversion_gap": gap, "conversion_margin": margin}


def _variants(
    job: Job, shop: Workshop, kinds: tuple[types.QuantType, ...], baseline: Variant, folder: Path,
    matrix: Importance | None,
) -> list[Variant]:  # fmt: skip
    """Write every type's file where it is to stay."""
    found = []
    for kind in kinds:
        ident = job.ident(kind.name)
        target = folder / ident / f"{ident}.gguf"
        target.parent.mkdir()
        if kind.name == baseline.type:
            _take(baseline.model, target, job.scratch)
        else:
            guide = matrix.matrix if matrix and kind.weighted else None
            building.quantize(shop, baseline.model, kind, target, guide)
        found.append(Variant(ident, kind.name, "gguf", target))
    return found


def _take(made: Path, target: Path, scratch: Path) -> None:
    """Give the float16 file its final place: a link costs nothing where it is ours, a copy protects the user's own."""
    if made.is_relative_to(scratch):
        os.link(made, target)
    else:
        shutil.copyfile(made, target)


def _calibrated(matrix: Importance | None) -> str:
    """Return the note about what guided the rounding."""
    if matrix is None:
        return "No importance matrix guided the quantization."
    return (
        f"Types below 8 bits were quantized with an importance matrix: mean squares of {matrix.facts['tensors']} "
        f"tensors' inputs over {matrix.facts['tokens']} tokens of {matrix.facts['text']} (SHA-256 "
        f"{str(matrix.facts['text_sha256'])[:12]}…), which is not the text of the perplexity."
    )


def _recipe(variant: Variant, matrix: Importance | None) -> dict[str, Any]:
    """Return the column of the manifest's recipe, where there is anything to say."""
    used = matrix is not None and types.TYPES[variant.type].weighted
    return {"importance": matrix.facts} if used and matrix else {}


def _facts(variant: Variant, job: Job, matrix: Importance | None) -> dict[str, Any]:
    found = header.read(variant.model, variant.model.name)
    size = variant.model.stat().st_size
    return {
        "role": "generator", "variant": variant.id, "type": variant.type, "format": variant.format,
        "bytes": size, "megabytes": size / 1e6, "bits": 8 * size / job.source.facts.parameters,
        "tensor_types": found.types, **_recipe(variant, matrix),
    }  # fmt: skip
