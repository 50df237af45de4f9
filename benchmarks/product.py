"""Fieldmate as its users have it: the Python surface and the command. Knows where its models and the samples are."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import processes
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan, Variant

if TYPE_CHECKING:
    from assistant import Assistant

MANUALS = ROOT / "samples" / "manuals"
QUESTIONS = ROOT / "samples" / "questions"


@contextmanager
def opened(plan: Plan, variant: Variant, home: Path) -> Iterator[Assistant]:
    """An assistant of this variant over the knowledge base in `home`.

    Imported here: a process that only starts others must stay small, because they inherit its peak memory.
    """
    from assistant import Assistant
    from assistant.settings import load

    settings = load(flags={"data_dir": home, "models_dir": Path(plan.models), **variant.settings})
    with Assistant.open(settings) as fieldmate:
        yield fieldmate


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
    generator = variant.settings.get("generator.id")
    return ["--data-dir", str(home), *(["--generator", str(generator)] if generator else [])]


@functools.cache
def _listed(command: tuple[str, ...]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(processes.run([*command, "models", "list", "--json"]).output)
    return listed


def model_hashes(plan: Plan) -> dict[str, str]:
    """Id and SHA-256 of each model that is ready."""
    return {item["id"]: item["sha256"] for item in _listed(tuple(plan.command)) if item["state"] == "ready"}


def model_file(plan: Plan, ident: str) -> Path:
    """The GGUF file of a generator that is ready."""
    for item in _listed(tuple(plan.command)):
        if item["id"] == ident and item["state"] == "ready":
            (file,) = Path(item["path"]).glob("*.gguf")
            return file
    raise BenchmarkError(f"The model {ident} is not on this machine; run `fieldmate models pull {ident}`.")
