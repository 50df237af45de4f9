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

    @classmethod
    def of_generator(cls, ident: str) -> Variant:
        """The default settings with this generator."""
        return cls(ident, {"generator.id": ident})


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run, as all its scenarios see it."""

    command: list[str]
    """How `fieldmate` is started."""
    scratch: str
    """A folder of this run alone; removed at its end."""
    models: str
    """Folder of the pulled models."""
    generators: list[str]
    """Catalogue ids; the first is the product's default unless others were asked for."""
    default_generator: str
    questions: int = 16
    """Of the sample manuals, in scenarios that run a generator."""
    data: str | None = None
    """Folder of the data sets."""
    limit: int | None = None
    """Most questions of a data set; None: all."""
    seed: int = 20261121
    repetitions: int = 5

    def variants(self) -> list[Variant]:
        """One for each generator."""
        return [Variant.of_generator(ident) for ident in self.generators]

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
