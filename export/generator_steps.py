"""What the exports of all formats share: the plan, the source as float32 weights, judging, and publishing.

Knows neither GGUF nor TFLite.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export import environments, files, gates, generator_report, room
from export.checkpoints import LICENCE_FILES
from export.environments import Toolchain
from export.errors import SourceError
from export.generator_job import SENTENCES, Job
from export.gguf import building
from export.gguf.building import Workshop
from export.measure.generator import Plan, Variant
from export.room import Need

BESIDE = "beside"
"""The type of a variant that this export did not make."""
KEPT = 800_000_000
"""Bytes for the reference's distributions."""
DOWNLOADED = 0.6
"""Of a toolchain's size, what its packages take beside it while it is created."""


def plan_of(job: Job) -> Plan:
    """Return what is measured, by the user's options."""
    options, text = job.options, job.options.text or SENTENCES
    return Plan(
        text=text.resolve(), text_name=text.name, scratch=job.scratch, progress=job.progress, windows=options.windows,
        window=options.window, rounds=options.rounds, prompt_tokens=options.prompt_tokens, threads=options.threads,
        kept_bytes=KEPT, debug=options.debug,
    )  # fmt: skip


def check_window(job: Job) -> None:
    """Raise SourceError when a window is longer than what the model was trained on."""
    context = job.source.facts.context
    if context is not None and job.options.window > context:
        raise SourceError(
            f"{job.source.name} was trained on {context} tokens, fewer than a window of {job.options.window}; "
            "name a shorter one with --window."
        )


def check_room(job: Job, need: Need, toolchains: Sequence[Toolchain]) -> None:
    """Raise SourceError when disk or memory will not do for the export and the toolchains that are not there yet."""
    missing = [each for each in toolchains if not environments.is_ready(environments.location(each))]
    size = sum(int(each.gigabytes * (1 + DOWNLOADED) * 10**9) for each in missing)
    room.check(need, job.options.out, toolchain=size, home=environments.home())


def weights(job: Job, shop: Workshop) -> tuple[Path, list[str]]:
    """Return the source as a Hugging Face folder of our own, read back where it is a GGUF file, and what to note."""
    source = job.source
    if source.folder is not None:
        return source.folder, []
    assert source.gguf is not None
    folder, result = building.read_back(shop, source.gguf, source.name)
    notes = []
    if source.quantized:
        notes.append(
            f"The reference was itself quantized: the source is a GGUF file with {source.quantized} tensors, read back "
            "to float32. Every figure is against those weights; none says how far they are from the original ones."
        )
    if result["tokenizer"] != "exact":
        notes.append("The source's tokenizer could not be written exactly in Hugging Face's form.")
    return folder, notes


def beside(job: Job) -> list[Variant]:
    """Return the artifacts that are to be measured beside the new ones. Raises SourceError for what is none."""
    found = []
    for folder in job.options.beside:
        try:
            manifest = json.loads((folder / files.MANIFEST).read_text(encoding="utf-8"))
            variant = Variant(manifest["id"], BESIDE, manifest["format"], folder / manifest["files"][0]["path"])
        except (OSError, ValueError, LookupError, TypeError) as exc:
            raise SourceError(f"{folder} is no artifact with a {files.MANIFEST}; name another with --beside.") from exc
        if variant.format not in ("gguf", "litertlm") or not variant.model.is_file():
            raise SourceError(f"{folder} holds no generator that can be measured; name another with --beside.")
        found.append(variant)
    idents = [variant.id for variant in found]
    made = [job.ident(kind) for kind in job.kinds]
    if twice := {ident for ident in idents if (idents + made).count(ident) > 1}:
        raise SourceError(f"{min(twice)} would be measured twice; name others with --beside.")
    return found


def beside_row(variant: Variant) -> dict[str, Any]:
    """Return what a row says of an artifact that this export did not make."""
    size = variant.model.stat().st_size
    return {
        "role": "generator", "variant": variant.id, "type": variant.type, "format": variant.format, "beside": True,
        "bytes": size, "megabytes": size / 1e6,
    }  # fmt: skip


def finish(
    job: Job, folder: Path, rows: list[dict[str, Any]], facts: Mapping[str, Any], notes: list[str],
    tools: Mapping[str, str],
) -> dict[str, str]:  # fmt: skip
    """Judge the rows, write the report, drop what was refused and give the rest their manifests."""
    refused = {}
    ours = [row for row in rows if not row.get("beside")]
    for row in ours:
        limit = gates.limits(row["type"], job.options.max_perplexity_increase, job.options.min_agreement)
        row["refused"] = gates.verdict(row, limit)
        if row["refused"]:
            refused[row["variant"]] = row["refused"]
            shutil.rmtree(folder / row["variant"])
    others = [row["variant"] for row in rows if row.get("beside")]
    if others:
        notes = [*notes, f"Measured beside them, in the same rounds, and not made here: {', '.join(others)}."]
    generator_report.write(folder, job, rows, facts, notes)
    for row in ours:
        if not row["refused"]:
            place = folder / row["variant"]
            _copy_licences(job, place)
            files.write_json(place / files.MANIFEST, generator_report.manifest(job, row, facts, tools, place))
    return refused


def _copy_licences(job: Job, place: Path) -> None:
    for name in sorted(LICENCE_FILES):
        if job.source.folder is not None and (job.source.folder / name).is_file():
            shutil.copyfile(job.source.folder / name, place / name)
