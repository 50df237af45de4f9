"""The same questions to every variant: one knowledge base, one library of models, answers through the Assistant.

Knows the layout of a model library and nothing of how answers are made or scored.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export import files
from export.measure import generator_answers
from export.measure.generator import Plan, Variant


def measure(
    plan: Plan, variants: Sequence[Variant], questions: Path | None, documents: Sequence[Path]
) -> dict[str, dict[str, Any]]:
    """Return word F1 and what became of the questions by variant; nothing where there are no questions."""
    if questions is None:
        return {}
    generator_answers.read_questions(questions)  # what is wrong with the file shows before anything is embedded
    home, models = plan.scratch / "knowledge", plan.scratch / "models"
    plan.progress("Adding the documents …")
    request = {"home": os.fspath(home), "models": os.fspath(models)}
    plan.ask("answers", **request, documents=[os.fspath(path.resolve()) for path in documents])
    found = {}
    for variant in variants:
        _shelve(variant, models)
        plan.progress(f"Answering with {variant.id} …")
        found[variant.id] = plan.ask("answers", **request, questions=os.fspath(questions.resolve()), id=variant.id)
    return found


def _shelve(variant: Variant, models: Path) -> None:
    """Put the artifact where the Assistant looks for models: a link to its file, and a manifest of this moment."""
    folder = models / variant.id
    folder.mkdir(parents=True)
    link = folder / variant.model.name
    link.symlink_to(variant.model.resolve())
    described = {"path": link.name, "bytes": link.stat().st_size, "sha256": files.sha256_of(link)}
    manifest = {
        "schema": 1, "id": variant.id, "role": "generator", "format": variant.format, "licence": "unknown",
        "files": [described],
    }  # fmt: skip
    files.write_json(folder / files.MANIFEST, manifest)
