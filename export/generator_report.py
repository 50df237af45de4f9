"""What a generator's report and manifest say. Pure but for writing them: rows and facts in, words out.

Knows the columns and what the figures mean; not how they were measured.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export import files, report
from export.generator_job import Job
from export.report import Column, Plot

COLUMNS = (
    Column("variant", "variant"),
    Column("megabytes", "size", "MB", 1),
    Column("bits", "bits a weight", "", 2),
    Column("perplexity", "perplexity", "", 3),
    Column("perplexity_increase", "over float", "%", 2),
    Column("perplexity_margin", "±", "%", 2),
    Column("kl", "KL", "", 4),
    Column("agreement", "same top token", "", 3),
    Column("load", "load", "ms", 0),
    Column("prefill_rate", "prefill", "tokens/s", 0),
    Column("decode_rate", "decode", "tokens/s", 1),
    Column("peak_memory", "peak memory", "MB", 0),
    Column("answer_f1", "answer F1", "", 3),
    Column("refused", "refused"),
)
PLOTS = (
    Plot("megabytes", "perplexity_increase", "Quality against size"),
    Plot("prefill_rate", "perplexity_increase", "Quality against prefill rate"),
    Plot("decode_rate", "perplexity_increase", "Quality against decode rate"),
)
ROUNDED = {"perplexity": 4, "perplexity_increase": 3, "perplexity_margin": 3, "kl": 5, "agreement": 4, "answer_f1": 4}
"""Digits of what a manifest repeats: only figures that a second export gives again, hence no times."""


def write(
    folder: Path, job: Job, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], notes: Sequence[str]
) -> None:
    """Write the report of one export."""
    shown = [*_reference_rows(job, facts), *({**row, **_shared(job, facts)} for row in rows)]
    used = [column for column in COLUMNS if any(row.get(column.key) is not None for row in shown)]
    keys = {column.key for column in used}
    plots = [plot for plot in PLOTS if plot.x in keys and plot.y in keys and len(rows) > 1]
    report.write_report(folder, f"Generator {job.name}", shown, used, [*notes, *_notes(job, rows, facts)], plots)


def _shared(job: Job, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every row carries, so that rows of several reports can be told apart and compared."""
    names = ("text", "text_sha256", "window", "windows", "tokens", "compared_tokens", "baseline")
    return {
        "name": job.name,
        "reference_quantized": job.source.quantized,
        "threads": job.options.threads,
        **{name: facts[name] for name in names if name in facts},
    }


def _reference_rows(job: Job, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the row of the source's own weights, where they have been read."""
    if "reference_perplexity" not in facts:
        return []
    size = 4 * job.source.facts.parameters
    return [
        {
            "role": "reference", "variant": "float32 in transformers", "type": "f32", "bytes": size,
            "megabytes": size / 1e6, "bits": 32.0, "perplexity": facts["reference_perplexity"],
            "reference_quantized": job.source.quantized, "text": facts["text"], "tokens": facts["tokens"],
        }
    ]  # fmt: skip


def _notes(job: Job, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> list[str]:
    """Return the sentences that the figures cannot be read without."""
    notes = [
        (
            f"Perplexity: {facts['windows']} windows of {facts['window']} tokens, spread evenly over {facts['text']} "
            f"(SHA-256 {facts['text_sha256'][:12]}…); the last {facts['window'] // 2} tokens of each count, "
            f"{facts['tokens']} in all, the same for every variant. The rise is over {facts['baseline']}; "
            "± is half its 95 % interval."
        ),
        (
            f"KL and same top token: over {facts['compared_tokens']} of these tokens, against "
            f"{facts.get('reference', 'the float16 file on llama.cpp')}; KL in nats, the mean."
        ),
    ]
    if "conversion_gap" in facts:
        notes.append(
            f"The float16 file on llama.cpp has {facts['conversion_gap']:+.3f} % of the perplexity of the source's "
            f"float32 weights in transformers; more than 0.5 % in either direction would have stopped the export."
        )
    if facts.get("same_tokens") is False:
        notes.append(
            "The source's own tokenizer splits the text otherwise than llama.cpp does; llama.cpp's tokens count."
        )
    first = next(iter(rows), {})
    if first.get("prompt_tokens"):
        notes.append(
            f"Load, prefill, decode and peak memory: medians of {len(first['samples']['load'])} processes a variant, "
            f"interleaved, {job.options.threads} threads, page cache warm; a prompt of about {first['prompt_tokens']} "
            "tokens. Peak memory is the resident set of the engine's process, mapped weights included, without "
            "embedder and knowledge base."
        )
    if any("answer_f1" in row for row in rows):
        notes.append(
            f"Answer F1: mean word F1 (as SQuAD defines it) of {first.get('questions')} questions through the "
            "Assistant with its default settings; an answer that quotes a passage is the same for every variant."
        )
    return notes


def manifest(
    job: Job, row: Mapping[str, Any], facts: Mapping[str, Any], tools: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    """Return the manifest. It holds no time, rate, path or machine, so equal input gives equal bytes."""
    quality = {name: round(row[name], digits) for name, digits in ROUNDED.items() if row.get(name) is not None}
    asked = ("text", "text_sha256", "window", "windows", "tokens", "compared_tokens", "same_tokens", "reference_tools")
    measured = {name: facts[name] for name in asked if facts.get(name) is not None}
    reference = {"reference": facts.get("reference", "float16 on llama.cpp")}
    if "reference_perplexity" in facts:
        reference |= {"reference_perplexity": round(facts["reference_perplexity"], 4)}
    if job.source.quantized:
        reference |= {"reference_quantized": job.source.quantized}
    types = f" --types {row['type']}" if job.options.format == "gguf" else ""
    main = next(path.name for path in sorted(folder.iterdir()) if path.suffix in (".gguf", ".litertlm"))
    return {
        "schema": 1,
        "id": row["variant"],
        "role": "generator",
        "format": row["format"],
        "licence": job.licence,
        "files": files.describe_files(folder, main),
        "source": job.source.provenance,
        "recipe": {
            "name": row["type"],
            **{key: row[key] for key in ("recipe", "importance", "tensor_types") if key in row},
        },
        "tools": dict(sorted(tools.items())),
        "quality": {**quality, **reference, **measured},
        "command": f"python -m export generator {job.source.name} --format {job.options.format}{types}",
    }
