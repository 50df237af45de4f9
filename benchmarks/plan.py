"""What a scenario is told: variants, questions, folders, seed. Plain values that travel to its process as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from benchmarks.errors import BenchmarkError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""
NAMED_DEFAULT = ""
"""The variant of scenarios that run no generator."""


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A configuration under test: settings that differ from the product's defaults."""

    name: str
    settings: dict[str, Any] = {}
    """By dotted key, as `fieldmate settings` lists them."""
    models: str | None = None
    """Folder of models instead of the plan's, for an artifact that no catalogue names."""
    slow_down: float = 0.0
    """Share by which each wait is made longer: a check of the harness itself, never a measurement of the product."""

    @classmethod
    def of_generator(cls, ident: str) -> Variant:
        """The default settings with this generator."""
        return cls(ident, {"generator.id": ident})

    @property
    def generator(self) -> str | None:
        """Id of its generator; None: the product's default."""
        ident = self.settings.get("generator.id")
        return None if ident is None else str(ident)

    def but(self, **settings: Any) -> Variant:
        """The same with other settings; dots of a key are written as two underscores."""
        changed = {key.replace("__", "."): value for key, value in settings.items()}
        return msgspec.structs.replace(self, settings={**self.settings, **changed})


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run, as all its scenarios see it."""

    command: list[str]
    """How `fieldmate` is started."""
    scratch: str
    """A folder of this run alone; removed at its end."""
    models: str
    """Folder of the pulled models."""
    variants: list[Variant]
    """What is compared, in scenarios that run a generator; the first is the product's default unless others were
    asked for."""
    default_generator: str
    questions: int = 16
    """Of the sample manuals, in scenarios that run a generator."""
    data: str | None = None
    """Folder of the data sets."""
    limit: int | None = None
    """Most questions of a data set; None: all."""
    seed: int = 20261121
    repetitions: int = 5
    options: dict[str, dict[str, Any]] = {}
    """Scenario -> what a suite says about it alone."""

    def option(self, scenario: str, name: str, default: Any) -> Any:
        """What the suite says of a scenario, or the default; of the default's type.

        Raises:
            BenchmarkError: it is of another type.
        """
        given = self.options.get(scenario, {}).get(name, default)
        if isinstance(default, float) and isinstance(given, int):
            given = float(given)
        if not isinstance(given, type(default)):
            raise BenchmarkError(f"{name} of [scenario.{scenario}] is {given!r}; give something like {default!r}.")
        return given

    def folder(self, name: str) -> Path:
        """A folder in the run's scratch, made when it is not there."""
        path = Path(self.scratch) / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def data_folder(self, name: str) -> Path:
        """The data set's folder.

        Raises:
            BenchmarkError: no data folder was given, or it lacks this set.
        """
        if self.data is None:
            raise BenchmarkError(f"The data set {name} is needed; give the folder that holds it with --data.")
        path = Path(self.data) / name
        if not path.is_dir():
            raise BenchmarkError(f"The data folder has no {name}; get the set or leave this scenario out with --only.")
        return path
