"""Fieldmate as its users have it: the Python surface and the command. Knows where its models and the samples are."""

from __future__ import annotations

import functools
import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import processes
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan, Variant

if TYPE_CHECKING:
    from assistant import Assistant, Settings

MANUALS = ROOT / "samples" / "manuals"
QUESTIONS = ROOT / "samples" / "questions"


@contextmanager
def opened(plan: Plan, variant: Variant, home: Path) -> Iterator[Assistant]:
    """An assistant of this variant over the knowledge base in `home`.

    Imported here: a process that only starts others must stay small, because they inherit its peak memory.
    """
    from assistant import Assistant

    with Assistant.open(settings(plan, variant, home)) as fieldmate:
        yield fieldmate


def settings(plan: Plan, variant: Variant, home: Path) -> Settings:
    """The settings of this variant over the knowledge base in `home`."""
    from assistant.settings import load

    return load(flags={"data_dir": home, "models_dir": Path(variant.models or plan.models), **variant.settings})


def with_samples(plan: Plan) -> Path:
    """The data folder of a knowledge base that holds the sample manuals; added by the command, once in a run."""
    home = plan.folder("samples")
    complete = home / "complete"
    if not complete.exists():
        done = processes.run([*plan.command, "add", "--json", "--data-dir", str(home), str(MANUALS)])
        report = json.loads(done.output)
        if report["refused"] or not report["added"]:
            reasons = [item["reason"] for item in report["files"] if item["reason"]]
            raise BenchmarkError(f"The sample manuals cannot be added: {'; '.join(reasons) or 'there are none'}")
        complete.touch()
    return home


def sample_questions(*, answerable: bool | None = None) -> list[dict[str, Any]]:
    """The questions of the sample manuals, each with the manual's folder name as `manual`."""
    found = []
    for path in sorted(QUESTIONS.glob("*.jsonl")):
        lines = (line for line in path.read_text("utf-8").splitlines() if line.strip())
        found += [{**json.loads(line), "manual": path.stem} for line in lines]
    if not found:
        raise BenchmarkError("There are no questions in samples/questions; run from a complete checkout.")
    return [item for item in found if answerable is None or (item["kind"] != "unanswerable") == answerable]


def shuffled(plan: Plan, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The questions in the run's seeded order."""
    return random.Random(plan.seed).sample(questions, len(questions))


def arguments(plan: Plan, home: Path, variant: Variant) -> list[str]:
    """Flags of the command for this knowledge base and variant."""
    return ["--data-dir", str(home), *(["--generator", variant.generator] if variant.generator else [])]


def variables(variant: Variant) -> dict[str, str]:
    """The environment in which the command has this variant's settings, but for its generator."""
    settings = {key: value for key, value in variant.settings.items() if key != "generator.id"}
    changed = {f"FIELDMATE_{key.upper().replace('.', '__')}": str(value) for key, value in settings.items()}
    models = {"FIELDMATE_MODELS_DIR": variant.models} if variant.models else {}
    return os.environ | changed | models


@functools.cache
def _listed(command: tuple[str, ...], models: str) -> list[dict[str, Any]]:
    environment = os.environ | {"FIELDMATE_MODELS_DIR": models}
    listed: list[dict[str, Any]] = json.loads(processes.run([*command, "models", "list", "--json"], environment).output)
    return listed


def _models(plan: Plan, variant: Variant | None) -> list[dict[str, Any]]:
    return _listed(tuple(plan.command), (variant and variant.models) or plan.models)


def model_hashes(plan: Plan) -> dict[str, str]:
    """Id and SHA-256 of each model that is ready, those of variants with a folder of their own included."""
    listed = [item for variant in (None, *plan.variants) for item in _models(plan, variant)]
    return {item["id"]: item["sha256"] for item in listed if item["state"] == "ready"}


def model_file(plan: Plan, variant: Variant) -> Path:
    """The GGUF file of a variant's generator.

    Raises:
        BenchmarkError: it is not on this machine, or of another format.
    """
    ident = variant.generator or plan.default_generator
    for item in _models(plan, variant):
        if item["id"] == ident and item["state"] == "ready":
            found = sorted(Path(item["path"]).glob("*.gguf"))
            if len(found) == 1:
                return found[0]
            raise BenchmarkError(f"The model {ident} is no single GGUF file, which this scenario needs.")
    raise BenchmarkError(f"The model {ident} is not on this machine; run `fieldmate models pull {ident}`.")


def imported(command: list[str], artifact: Path, models: Path) -> str:
    """Import an artifact's folder into the folder `models`, as its owner would; returns its id.

    Raises:
        BenchmarkError: it is no artifact, or the command refuses it.
    """
    try:
        manifest = json.loads((artifact / "manifest.json").read_text("utf-8"))
        ident = str(manifest["id"])
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise BenchmarkError(f"{artifact} holds no manifest.json with an id; give the folder of an artifact.") from exc
    processes.run([*command, "models", "import", str(artifact)], os.environ | {"FIELDMATE_MODELS_DIR": str(models)})
    return ident
