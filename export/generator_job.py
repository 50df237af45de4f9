"""One generator export as data: what the user chose, and what is known once everything about it has been checked.

Knows no step of the export.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from export.environments import Progress
from export.generator_sources import GeneratorSource
from export.gguf import types
from export.running import WORKERS

SENTENCES = WORKERS / "sentences.txt"
"""Read where the user names no text: small, but no artifact is published unmeasured."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user may choose."""

    out: Path
    format: str = "gguf"
    types: str = types.DEFAULT
    name: str | None = None
    """Of the artifacts, in front of their type; None takes the source's."""
    licence: str | None = None
    models: Path | None = None
    base: bool = False
    force: bool = False
    text: Path | None = None
    calibration: Path | None = None
    """Text of the importance matrix; None takes our own."""
    importance: bool = True
    """Whether quantization is guided by an importance matrix, where there are float weights to make it of."""
    questions: Path | None = None
    documents: tuple[Path, ...] = ()
    beside: tuple[Path, ...] = ()
    """Folders of other artifacts to measure in the same run; they are neither judged nor copied."""
    max_perplexity_increase: float | None = None
    min_agreement: float | None = None
    windows: int = 32
    window: int = 512
    rounds: int = 5
    prompt_tokens: int = 512
    threads: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    debug: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One export, everything about it checked."""

    source: GeneratorSource
    name: str
    licence: str
    options: Options
    scratch: Path
    """Empty, on the disk of the result, and gone afterwards."""
    progress: Progress

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the types that this export makes."""
        return (
            ("int8",)
            if self.options.format == "tflite"
            else tuple(each.name for each in types.parse(self.options.types))
        )

    def ident(self, kind: str) -> str:
        """Return the id of the artifact of this type."""
        return f"{self.name}-{kind}"
