"""A suite: variants, scenarios and what each scenario is told, from a TOML file or from flags. Measures nothing.

[run]                       # all optional
scenarios = ["first_token", "retrieval/squad2"]
blocks = 2                  # repeat everything; variants take turns
questions = 16
repetitions = 5
limit = 100
seed = 1
timeout_s = 1800.0

[[variant]]
name = "0.5B, one thread"
generator = "qwen2.5-coder-0.5b-instruct-q4_k_m"    # a catalogue id; or: artifact = "exports/my-model-q8_0"
settings = { "generator.decode_threads" = 1 }

[scenario.server]           # read by that scenario alone
rate = 0.5
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.errors import BenchmarkError


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variant as a person writes it."""

    name: str = ""
    generator: str | None = None
    artifact: str | None = None
    """Folder with a manifest; relative to the suite's file."""
    settings: dict[str, Any] = {}
    slow_down: float = 0.0

    def __post_init__(self) -> None:
        if self.generator and self.artifact:
            raise ValueError("a variant has a generator or an artifact, not both")
        if not 0 <= self.slow_down <= 10:
            raise ValueError("slow_down is a share between 0 and 10")


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for all scenarios; None leaves it to the flags and their defaults."""

    scenarios: list[str] | None = None
    blocks: int | None = None
    questions: int | None = None
    repetitions: int | None = None
    limit: int | None = None
    seed: int | None = None
    timeout_s: float | None = None


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that decides what a run measures, but for the machine and the folder of data."""

    run: Run = Run()
    variant: list[Declared] = []
    scenario: dict[str, dict[str, Any]] = {}

    @property
    def sha256(self) -> str:
        """Tells whether two runs measured the same."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


def read(path: Path) -> Suite:
    """The suite in a TOML file; artifact folders are made absolute.

    Raises:
        BenchmarkError: the file cannot be read, or says something that no suite can.
    """
    try:
        suite = msgspec.toml.decode(path.read_bytes(), type=Suite)
    except OSError as exc:
        raise BenchmarkError(f"{path} cannot be read ({exc.strerror}); give a suite as a TOML file.") from exc
    except msgspec.ValidationError as exc:
        raise BenchmarkError(f"{path} is no suite: {exc}; benchmarks/README.md shows one.") from exc
    except msgspec.DecodeError as exc:
        raise BenchmarkError(f"{path} is no TOML: {exc}.") from exc
    names = [name_of(each) for each in suite.variant]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BenchmarkError(f"{path} has two variants called {', '.join(twice)}; give each a name of its own.")
    return msgspec.structs.replace(suite, variant=[_absolute(each, path.parent) for each in suite.variant])


def name_of(declared: Declared) -> str:
    """The variant's name: what it is called, else its generator, else its artifact's folder."""
    return declared.name or declared.generator or (Path(declared.artifact).name if declared.artifact else "default")


def _absolute(declared: Declared, folder: Path) -> Declared:
    if declared.artifact is None:
        return declared
    return msgspec.structs.replace(declared, artifact=str((folder / declared.artifact).resolve()))
