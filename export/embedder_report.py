"""What an embedder's report and manifest say. Pure but for writing the report: rows and facts in, words out.

Knows the columns, the limits and what the figures mean; not how they were measured.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export import files, report
from export.measure.embedder import ADDED
from export.measure.embedder_texts import Texts
from export.report import Column, Plot
from export.sources import Source
from export.workers.embedder_recipes import Recipe

MIN_COSINE = 0.99
"""Mean cosine to float32. Int8 with one scale a weight, which loses neighbours, has 0.96."""
MIN_RECALL = 0.95
"""Share of the ten nearest passages of float32. Plain int8 with a scale a channel has 0.91."""
COLUMNS = (
    Column("variant", "variant"),
    Column("megabytes", "size", "MB", 1),
    Column("smaller", "smaller", "x", 2),
    Column("mean_cosine", "mean cosine", "", 4),
    Column("min_cosine", "least", "", 4),
    Column("recall_at_10", "recall@10", "", 3),
    Column("hit_at_1", "hit@1", "", 3),
    Column("hit_at_5", "hit@5", "", 3),
    Column("query_ms", "query", "ms", 2),
    Column("query_iqr", "quartiles"),
    Column("query_faster", "faster", "x", 2),
    Column("passage_ms", "full passage", "ms", 1),
    Column("passage_iqr", "quartiles"),
    Column("passage_faster", "faster", "x", 2),
    Column("added_ms", "added passage", "ms", 1),
    Column("added_faster", "faster", "x", 2),
    Column("refused", "refused"),
)
PLOTS = (
    Plot("query_ms", "recall_at_10", "Quality against latency of a query"),
    Plot("added_ms", "recall_at_10", "Quality against time to add a passage"),
    Plot("megabytes", "recall_at_10", "Quality against size"),
)
ROUNDED = ("mean_cosine", "min_cosine", "recall_at_10", "hit_at_1", "hit_at_5")


def refusal(row: Mapping[str, Any], min_cosine: float, min_recall: float) -> str | None:
    """Return why an embedder may not be published, or None. A figure that is no number never passes."""
    if not row["mean_cosine"] >= min_cosine:
        return f"mean cosine {row['mean_cosine']:.4f}, at least {min_cosine:.4f} is needed"
    if "recall_at_10" in row and not row["recall_at_10"] >= min_recall:
        return f"recall@10 {row['recall_at_10']:.3f}, at least {min_recall:.3f} is needed"
    return None


def write(folder: Path, source: Source, rows: Sequence[Mapping[str, Any]], texts: Texts, kept: Recipe) -> None:
    """Write the report of one export's measurement."""
    used = [column for column in COLUMNS if any(row.get(column.key) is not None for row in rows)]
    report.write_report(folder, f"Embedder {source.name}", rows, used, _notes(rows, texts, source, kept), PLOTS)


def _notes(rows: Sequence[Mapping[str, Any]], texts: Texts, source: Source, kept: Recipe) -> list[str]:
    asked = len(texts.questions)
    queries = f"{asked} questions" if asked else "the passages themselves, each without itself"
    first = rows[0]["samples"]
    return [
        f"{kept.name} becomes the artifact {source.name}-{kept.ending}.",
        (
            f"Texts: {len(texts.passages)} passages of {texts.name} and {queries} (SHA-256 {texts.sha256[:12]}…). "
            "Cosines and recall@10 compare with float32 on the same engine; recall@10 is the share of its ten nearest "
            "passages that are among the ten nearest. hit@k counts questions with a relevant passage among the first k."
        ),
        (
            f"Times: medians of {len(first['query'])} queries and of {len(first['passage'])} passages of "
            f"{source.checkpoint.max_tokens} tokens, one a call, and a passage's share of a call with {ADDED}; "
            f"{rows[0]['threads']} threads; the variants take turns within each round. Faster: ratio of medians."
        ),
    ]


def manifest(
    source: Source, licence: str, recipe: Recipe, result: Mapping[str, Any], row: Mapping[str, Any] | None,
    folder: Path, main: str,
) -> dict[str, Any]:  # fmt: skip
    """Return the manifest. It holds no time, path or machine, so equal input gives equal bytes."""
    chosen = next(each for each in result["candidates"] if each["recipe"] == recipe.name)
    ident = f"{source.name}-{recipe.ending}"
    asked = "" if recipe.suffix == "int8" else f" --recipe {recipe.name}"
    return {
        "schema": 1,
        "id": ident,
        "role": "embedder",
        "format": "onnx",
        "licence": licence,
        "dimensions": source.checkpoint.dimensions,
        "max_tokens": source.checkpoint.max_tokens,
        "pooling": source.checkpoint.pooling,
        "normalize": True,
        "files": files.describe_files(folder, main=main),
        "source": source.provenance,
        "recipe": {"name": recipe.name, **recipe.options()},
        "tools": result["tools"],
        "quality": {
            "reference": "float32 ONNX, one text a call",
            "mean_cosine": chosen["mean_cosine"],
            "min_cosine": chosen["min_cosine"],
            "same_nearest": chosen["same_nearest"],
            "sentences": result["sentences"],
            "float32_bytes": result["float32_bytes"],
            "candidates": result["candidates"],
            **({} if row is None else {"measured": _measured(row)}),
        },
        "command": f"python -m export embedder {source.name}{asked} --out models/{ident}",
    }


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    figures = {name: round(row[name], 4) for name in ROUNDED if row.get(name) is not None}
    return {**figures, "passages": row["passages"], "questions": row["questions"], "texts_sha256": row["texts_sha256"]}
