"""What `fieldmate doctor` says: whether this machine, the models and the knowledge base are fit to answer.

Looks, and changes nothing. Loads no generator: a damaged one must not take the examination down with it.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assistant.errors import FieldmateError, StorageError
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.store.database import Store
    from assistant.store.index import VectorIndex
    from assistant.wiring import Parts

State = Literal["ok", "note", "problem"]
_LITTLE_DISK = 500_000_000
"""Below this many free bytes a manual's worth of vectors and a log may not fit any more."""
_X86_FEATURES = ("avx2", "fma", "f16c", "avx512_vnni", "avx_vnni")
_ARM_FEATURES = ("asimd", "asimddp", "asimdhp", "i8mm", "sve")
_LOOKED_FOR = 50
_RECALL_AT = 10
_RECALL = 0.97
"""Below this share of the exact scan's passages a graph is worth making anew; it is built for .99."""
_NEEDED = {"x86_64": "avx2", "aarch64": "asimddp"}
"""Without these the matrix kernels that make a small model quick are missing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: State
    message: str
    """A sentence; where something is wrong it ends with what to do."""
    exit_code: int = 0
    """What the command ends with when this is a problem; see `assistant.errors`."""


def examine(settings: Settings) -> list[Finding]:
    """Look at everything, in the order in which trouble is best mended.

    An examination that fails becomes a finding: the others still run.
    """
    from assistant.wiring import Parts

    parts = Parts(settings)
    looks: list[tuple[str, Callable[[Parts], Iterator[Finding]]]] = [
        ("processor", _processor),
        ("memory", _memory),
        ("disk", _disk),
        ("embedder", lambda parts: _model(parts, "embedder", parts.settings.embedder.id)),
        ("calibration", _calibration),
        ("generator", lambda parts: _model(parts, "generator", parts.settings.generator.id)),
        ("tuning", _tuning),
        ("knowledge base", _knowledge_base),
        ("passage states", _states),
    ]
    findings: list[Finding] = []
    try:
        for subject, look in looks:
            try:
                findings += look(parts)
            except FieldmateError as exc:
                findings.append(Finding(subject, "problem", str(exc), exc.exit_code))
    finally:
        parts.close()
    return findings


def _processor(_: Parts) -> Iterator[Finding]:
    from assistant.wiring import cores, decode_threads

    machine = platform.machine()
    features = _features()
    shown = ", ".join(name for name in (*_X86_FEATURES, *_ARM_FEATURES) if name in features) or "none known"
    count = cores()
    yield Finding(
        "processor",
        "ok",
        f"{machine}, {count} cores to use ({decode_threads(count)} for writing answers); features: {shown}.",
    )
    needed = _NEEDED.get(machine)
    if needed and features and needed not in features:
        yield Finding(
            "processor", "note", f"It lacks {needed}, so answers are slow; choose a small generator with --generator."
        )


def _features() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return set()
    lines = (line for line in text.splitlines() if line.startswith(("flags", "Features")))
    return {word for line in lines for word in line.partition(":")[2].split()}


def _memory(parts: Parts) -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    entry = parts.library.catalogue.find(parts.settings.generator.id)
    needed = entry.min_memory_mb * 1_000_000 if entry is not None else 0
    said = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB are free"
    if memory.available < needed:
        yield Finding(
            "memory",
            "problem",
            f"{said}, but {parts.settings.generator.id} needs about {needed / 1e9:.1f} GB; end other programs or "
            "choose a smaller generator with --generator.",
            StorageError.exit_code,
        )
    else:
        yield Finding("memory", "ok", f"{said}.")


def _disk(parts: Parts) -> Iterator[Finding]:
    home = parts.settings.home
    folder = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB are free below {folder}"
    if free < _LITTLE_DISK:
        yield Finding("disk", "note", f"{said}; free some space before you add documents.")
    else:
        yield Finding("disk", "ok", f"{said}.")


def _model(parts: Parts, role: Literal["embedder", "generator"], name: str) -> Iterator[Finding]:
    artifact = parts.library.installed(name, role)
    yield Finding(role, "ok", f"{artifact.id} is here and has the right bytes (sha256 {artifact.sha256[:12]}…).")


def _tuning(parts: Parts) -> Iterator[Finding]:
    if parts.library.installed(parts.settings.generator.id, "generator").format != "gguf":
        return
    found, choice = parts.tuned, parts.choice
    if found.note:
        yield Finding("tuning", "note", found.note)
    said = f"Of the generator's threads {choice.told()}"
    if found.tuning is None:
        why = "chosen by the number of cores; `fieldmate doctor --tune` measures what is fastest"
    elif found.tuning.choice == choice:
        why = f"as measured on {found.tuning.measured[:10]}"
    else:
        why = f"as the settings say, which win over what was measured on {found.tuning.measured[:10]}"
    yield Finding("tuning", "ok", f"{said}: {why}.")


def _calibration(parts: Parts) -> Iterator[Finding]:
    from assistant.answering.confidence import calibration

    measured = calibration().measured
    if parts.chosen == measured.embedder:
        yield Finding("calibration", "ok", f"Confidence was fitted with this embedder on {measured.date}.")
    else:
        yield Finding(
            "calibration",
            "note",
            f"Confidence was fitted with the embedder {measured.embedder.rpartition(':')[0]}, not with {parts.chosen}: "
            "its error rates do not hold here; choose that embedder, or more --caution.",
        )


def _knowledge_base(parts: Parts) -> Iterator[Finding]:
    path = parts.settings.database
    if not path.exists():
        yield Finding("knowledge base", "note", f"There is none at {path} yet; make one with `fieldmate add PATH`.")
        return
    store = parts.store(create=False)
    if store.read_only:
        yield Finding("knowledge base", "note", f"{path.parent} cannot be written: questions work, adding does not.")
    problems = store.check()
    for problem in problems:
        yield Finding("knowledge base", "problem", f"{problem.part}: {problem.message}", 5)
    if not problems:
        yield from _contents(parts, store)


def _states(parts: Parts) -> Iterator[Finding]:
    from assistant.states.store import FileStates

    budget = parts.states_budget
    if not budget:
        yield Finding(
            "passage states",
            "note",
            "They have no room: the disk has little, or states.budget_mb is 0. Answers are the same; those that the "
            "generator words from whole passages begin later.",
        )
        return
    kept = FileStates(parts.settings.passage_states, budget, read_only=True)
    try:
        usage, note = kept.usage(), kept.note
    finally:
        kept.close()
    if note:
        yield Finding("passage states", "note", note)
    asks = usage.hits + usage.misses
    served = f"; {usage.hits} of {asks} asks found one" if asks else ""
    yield Finding(
        "passage states", "ok", f"{usage.count} kept, {usage.bytes / 1e6:.1f} of {budget / 1e6:.0f} MB{served}."
    )


def _contents(parts: Parts, store: Store) -> Iterator[Finding]:
    numbers = store.statistics()
    yield Finding(
        "knowledge base",
        "ok",
        f"{numbers.documents} documents, {numbers.passages} passages, {numbers.file_bytes / 1e6:.1f} MB; every row was "
        "read and agrees with its checksum.",
    )
    if store.live not in (None, parts.chosen):
        yield Finding(
            "embedder",
            "note",
            f"Answers come from {store.live} and not from the chosen {parts.settings.embedder.id}; run "
            "`fieldmate sync` to change over.",
        )
    index = parts.index
    index.refresh()
    if index.note:
        yield Finding("index", "note", index.note)
    elif index.kind == "exact":
        yield Finding("index", "ok", f"{index.count} vectors; every one is compared.")
    else:
        yield from _recall(index)
    parts.lexical.refresh()
    if parts.lexical.note:
        yield Finding("index", "note", parts.lexical.note)


def _recall(index: VectorIndex) -> Iterator[Finding]:
    share = index.recall(_LOOKED_FOR, _RECALL_AT)
    said = f"{index.count} vectors in a graph, which finds {share:.1%} of what comparing every one finds"
    if share < _RECALL:
        yield Finding("index", "note", f"{said}; make it anew with `fieldmate verify --repair`.")
    else:
        yield Finding("index", "ok", f"{said} ({_LOOKED_FOR} searches for {_RECALL_AT} passages).")
