"""Makes an ONNX embedder artifact out of a sentence encoder, measured before it is published.

Orchestrates: source -> worker in its toolchain -> measurement and report -> gates -> files -> manifest last. Knows no
torch, ONNX or command line. Which recipe ships is recorded in `export.workers.embedder_recipes`; a measurement shows
all of them and stops a bad one, but does not choose, because its figures hang on the machine.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export import embedder_report, environments, files, report, room, sources
from export.checkpoints import LICENCE_FILES
from export.embedder_report import MIN_COSINE, MIN_RECALL
from export.environments import Progress
from export.errors import ConversionError, QualityError, SourceError
from export.measure import embedder as measuring
from export.measure import embedder_texts
from export.running import WORKERS, run_worker
from export.sources import Source
from export.workers.embedder_recipes import CONTROLS, DEFAULT, RECIPES, REFERENCE, Recipe, named

MODELS = Path(__file__).parents[1] / "models"
MODEL = "model.onnx"
CONTENT = frozenset({MODEL, "tokenizer.json", files.MANIFEST}) | LICENCE_FILES
"""Every name that an embedder artifact may hold."""
SENTENCES = WORKERS / "sentences.txt"


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may choose."""

    out: Path | None = None
    """The artifact's folder; None takes the checkout's models folder and the artifact's id."""
    recipe: str = DEFAULT
    licence: str | None = None
    passages: Path | None = None
    questions: Path | None = None
    report: Path | None = None
    """The report's folder; None takes ID-report in the working directory where something is measured."""
    min_cosine: float = MIN_COSINE
    min_recall: float = MIN_RECALL
    rounds: int = 15
    threads: int = 2
    force: bool = False
    debug: bool = False

    @property
    def measures(self) -> bool:
        """Whether all recipes are to be made and measured on the device's engine."""
        return self.passages is not None or self.report is not None


def export_embedder(source: str, options: Options, progress: Progress) -> Path:
    """Write the artifact, and the report where one is asked for, and return the artifact's folder.

    Nothing appears under the artifact's name before it is complete. Raises an ExportError.
    """
    texts = _texts(options)
    if options.out is not None:
        files.check_target(options.out, force=options.force, ours=CONTENT)
    with tempfile.TemporaryDirectory(prefix="fieldmate-export-") as name:
        scratch, recipe = Path(name), named(options.recipe)
        found = sources.resolve(source, scratch, progress)
        spdx = found.licence or options.licence
        if spdx is None:
            raise SourceError(f"The licence of {found.name} is not known; name it with --licence SPDX-ID.")
        target = (options.out or MODELS / artifact_id(found, recipe)).resolve()
        files.check_target(target, force=options.force, ours=CONTENT)
        _check_room(found, scratch, len(_recipes(options)))
        python = environments.ensure(environments.EMBEDDER, progress)
        with files.publishing(target, _lock_of(target)) as folder:
            progress(f"Converting {found.name} …")
            result = _convert(python, found, options, folder, scratch)
            row = None if texts is None else _measure(found, options, texts, folder, scratch, progress)
            _gate(found, recipe, options, result, row)
            shutil.copyfile(scratch / "variants" / recipe.name / MODEL, folder / MODEL)
            made = embedder_report.manifest(found, spdx, recipe, result, row, folder, MODEL)
            files.write_json(folder / files.MANIFEST, made)
    return target


def artifact_id(source: Source, recipe: Recipe) -> str:
    """Return the id of the artifact that is made of `source`."""
    return f"{source.name}-{recipe.ending}"


def _texts(options: Options) -> embedder_texts.Texts | None:
    """Return what is to be measured with, None for nothing; all that can be wrong with it is found here, at once."""
    if options.questions is not None and options.passages is None:
        raise SourceError("--questions needs the passages that they are about; name them with --passages.")
    if not options.measures:
        return None
    report.check_plotting()
    if options.passages is None:
        return embedder_texts.sentences(SENTENCES)
    return embedder_texts.read(options.passages, options.questions)


def _recipes(options: Options) -> list[str]:
    """Return the recipes to make: all where they are measured, otherwise the asked one beside the controls."""
    needed = {options.recipe, *CONTROLS}
    return [each.name for each in RECIPES if options.measures or each.name in needed]


def _check_room(source: Source, scratch: Path, recipes: int) -> None:
    weights = (source.folder / "model.safetensors").stat().st_size
    room.check(room.Need(disk=(3 + recipes // 2) * weights, memory=6 * weights + 500 * room.MB), scratch)


def _convert(python: Path, source: Source, options: Options, folder: Path, scratch: Path) -> dict[str, Any]:
    request = {
        "source": os.fspath(source.folder),
        "target": os.fspath(folder),
        "scratch": os.fspath(scratch),
        "sentences": os.fspath(SENTENCES),
        "max_tokens": source.checkpoint.max_tokens,
        "pooling": source.checkpoint.pooling,
        "recipes": _recipes(options),
    }
    result = run_worker(python, "embedder_onnx.py", request, scratch, debug=options.debug)
    if result["dimensions"] != source.checkpoint.dimensions:
        raise ConversionError(
            f"The converted {source.name} has {result['dimensions']} dimensions and its config.json says "
            f"{source.checkpoint.dimensions}; choose another embedder."
        )
    for name in sorted(LICENCE_FILES):
        if (source.folder / name).exists():
            shutil.copyfile(source.folder / name, folder / name)
    return result


def _measure(
    source: Source, options: Options, texts: embedder_texts.Texts, folder: Path, scratch: Path, progress: Progress
) -> dict[str, Any]:
    """Measure all variants, write the report and return the row of the recipe that was asked for."""
    progress(f"Measuring {len(RECIPES)} variants with {len(texts.passages)} passages …")
    facts = {"dimensions": source.checkpoint.dimensions, "max_tokens": source.checkpoint.max_tokens}
    engines = {}
    for name in _recipes(options):
        place = scratch / "variants" / name
        shutil.copyfile(folder / "tokenizer.json", place / "tokenizer.json")
        engines[name] = measuring.load(place, **facts, pooling=source.checkpoint.pooling, threads=options.threads)
    sizes = {name: (scratch / "variants" / name / MODEL).stat().st_size for name in engines}
    shared = {
        "role": "embedder", "name": source.name, "threads": options.threads, "passages": len(texts.passages),
        "questions": len(texts.questions), "texts_sha256": texts.sha256,
    }  # fmt: skip
    rows = []
    for row in measuring.measure(engines, texts, options.rounds):
        size = sizes[row["variant"]]
        refused = embedder_report.refusal(row, options.min_cosine, options.min_recall)
        smaller = sizes[REFERENCE] / size
        rows.append(row | shared | {"bytes": size, "megabytes": size / 1e6, "smaller": smaller, "refused": refused})
    place = options.report or Path(f"{artifact_id(source, named(options.recipe))}-report")
    embedder_report.write(place, source, rows, texts, named(options.recipe))
    progress(f"Report: {place / report.TABLE}")
    return next(row for row in rows if row["variant"] == options.recipe)


def _gate(source: Source, recipe: Recipe, options: Options, result: dict[str, Any], row: dict[str, Any] | None) -> None:
    """Raise QualityError when the artifact is too far from its source, on our sentences or on the user's passages."""
    own = next((each for each in result["candidates"] if each["recipe"] == recipe.name), None)
    for figures in (own, row):
        reason = figures and embedder_report.refusal(figures, options.min_cosine, options.min_recall)
        if reason:
            raise QualityError(
                f"{artifact_id(source, recipe)} is too far from its source ({reason}); choose another --recipe or "
                "embedder, or move the limit with --min-cosine or --min-recall."
            )


def _lock_of(target: Path) -> Path:
    """Return the lock of an output folder; it lies with the environments, so that none litters models/."""
    key = hashlib.sha256(os.fspath(target).encode()).hexdigest()[:16]
    return environments.home() / "locks" / f"out-{key}.lock"
