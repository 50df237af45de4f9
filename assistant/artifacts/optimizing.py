"""A model's weights written anew in the form that this machine computes fastest, beside the file they come from.

Knows the order of things: recipe, source, space, draft, verification, comparison, place. What writes weights and what
runs them is handed in as a `Tool`; knows no engine. The catalogue's recipe says which form; whether it is faster here
is measured, because which forms have fast kernels differs from processor to processor.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from assistant.artifacts.catalogue import Recipe
from assistant.artifacts.files import require_space, storage
from assistant.artifacts.manifest import Manifest, read_manifest
from assistant.artifacts.progress import Report
from assistant.artifacts.shelf import Shelf, described
from assistant.artifacts.verify import header_problem, sha256_of
from assistant.errors import ModelDamaged
from assistant.protocols import Generator
from assistant.types import Prompt

LEAST_GAIN = 1.1
"""A smaller gain is not worth the disk."""
_PROBE_TOKENS = 48
_PROBE_RUNS = 2
_SENTENCE = "The pump stops when the tank is empty, and starts again when it has been filled. "

Outcome = Literal["made", "kept", "no gain", "undone"]


@dataclass(frozen=True)
class Tool:
    """What writes weights, and what runs them."""

    version: str
    """Of the library that does both."""
    repacks: Callable[[], bool]
    """Whether its fast kernels run on this processor."""
    write: Callable[[Path, Path, Recipe, Report], None]
    """Write the weights of the first file into the second; StorageError when that one cannot be written."""
    open: Callable[[Path], Generator]
    """A generator that computes on one thread."""


@dataclass(frozen=True)
class Result:
    """What came of it."""

    outcome: Outcome
    said: str
    """The same as a sentence."""
    gain: float | None = None
    """Prefill rate against that of the file as it was pulled; None where it was not measured."""


def key_of(recipe: Recipe, source: str) -> str:
    """What names this form of the file with the hash `source`: other weights or another recipe make another one."""
    told = {"source": source, **_told(recipe)}
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


def read(shelf: Shelf, ident: str, recipe: Recipe | None, source: str | None, step: str) -> Manifest | None:
    """The manifest of what was made by this recipe from the file with the hash `source`; None when there is none.

    What another recipe or another file made is not used, and the next `optimize` writes over it.

    Raises:
        ModelDamaged: the manifest cannot be read; the sentence ends with `step`.
    """
    if recipe is None or source is None:
        return None
    try:
        manifest = read_manifest(shelf.folder(ident), step)
    except FileNotFoundError:
        return None
    fits = manifest.id == ident and manifest.recipe.get("key") == key_of(recipe, source)
    return manifest if fits else None


def make(shelf: Shelf, source: Path, manifest: Manifest, recipe: Recipe, tool: Tool, report: Report) -> Result:
    """Write the verified file `source` anew onto `shelf`, and keep it there if it is faster. The caller holds the lock.

    `manifest` is that of the source. Until the last step nothing that was in use is touched.

    Raises:
        StorageError: the disk does not take it.
        ModelDamaged: what was written is not what the recipe makes.
    """
    ident, begun = manifest.id, time.monotonic()
    if not tool.repacks():
        return Result(
            "no gain", f"This processor has no fast kernels for {recipe.type}, so {ident} is used as it came."
        )
    staging = shelf.staging(ident)
    draft = staging / f"{source.stem}.{recipe.type}{source.suffix}"
    shelf.clear(ident)
    require_space(staging, recipe.bytes, f"Writing {ident} as {recipe.type}")
    try:
        with storage(staging):
            staging.mkdir(parents=True)
        before = _prefill_s(tool, source)
        tool.write(source, draft, recipe, report.step(f"writing {ident} as {recipe.type}", recipe.bytes))
        with storage(staging):
            found = _checked(draft, recipe, report)
        gain = before / _prefill_s(tool, draft)
        if gain < LEAST_GAIN:
            said = f"As {recipe.type}, {ident} is prefilled {gain:.2f} times as fast here; it is used as it came."
            return Result("no gain", said, gain)
        hashes = {draft.name: found}
        made = msgspec.structs.replace(
            manifest,
            files=described({draft.name: draft}, hashes),
            source={"file": manifest.main.path, "sha256": manifest.main.sha256, "bytes": manifest.main.bytes},
            recipe={"key": key_of(recipe, manifest.main.sha256), **_told(recipe)},
            tools={recipe.tool: tool.version},
            quality={"prefill_gain": round(gain, 2), "seconds": round(time.monotonic() - begun, 1)},
            command=f"fieldmate models optimize {ident}",
        )
        shelf.keep({draft.name: draft}, made, hashes)
    finally:
        shelf.clear(ident)
    return Result("made", f"{ident} is used as {recipe.type} now, prefilled {gain:.2f} times as fast.", gain)


def _told(recipe: Recipe) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(recipe)
    return {name: told[name] for name in ("tool", "version", "type", "output")}


def _checked(draft: Path, recipe: Recipe, report: Report) -> str:
    """The hash of what was written, when it has the length and the beginning that it must have."""
    size, problem = draft.stat().st_size, header_problem(draft)
    if problem is None and size != recipe.bytes:
        problem = f"has {size} bytes instead of {recipe.bytes}"
    if problem is not None:
        raise ModelDamaged(f"What was written as {draft.name} {problem}; the model is used as it came.")
    return sha256_of(draft, report.step(f"checking {draft.name}", size))


def _prefill_s(tool: Tool, path: Path) -> float:
    """Processor time of the shorter of two runs over a short text, on one thread.

    Not time that passes: with eight programs on two cores a form that is twice as fast seemed to be half as fast.
    """
    generator = tool.open(path)
    try:
        prompt = _probe(generator)
        times = []
        for _ in range(_PROBE_RUNS + 1):  # the first also reads the file
            begun = time.process_time()
            for _ in generator.generate(prompt, max_tokens=1):
                pass
            times.append(time.process_time() - begun)
        return min(times[1:])
    finally:
        generator.close()


def _probe(generator: Generator) -> Prompt:
    passages: tuple[str, ...] = ()
    prompt = Prompt("Answer.", passages, "?")
    while generator.count_tokens(prompt) < _PROBE_TOKENS:
        passages = (*passages, _SENTENCE)
        prompt = Prompt("Answer.", passages, "?")
    return prompt
