"""The product, opened over the documents of a base so that it answers whatever it finds. Asks nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import product
from benchmarks.calibrating import groups
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant

if TYPE_CHECKING:
    from assistant import Assistant
    from assistant.wiring import Parts

_NAME = "calibrating"


@contextmanager
def opened(plan: Plan, base: groups.Base, settings: Mapping[str, str]) -> Iterator[tuple[Assistant, Parts]]:
    """The assistant and its parts with these settings, refusing nothing.

    What it would refuse today must be seen too: else what is fitted would depend on the fit before it.
    """
    from assistant import Assistant
    from assistant.wiring import Parts

    parts = Parts(product.settings(plan, Variant(_NAME, dict(settings)), _home(plan, base)), cautious=False)
    with Assistant(parts) as fieldmate:
        yield fieldmate, parts


def _home(plan: Plan, base: groups.Base) -> Path:
    """The data folder of a knowledge base that holds the base's documents."""
    home = plan.folder(f"{_NAME}-{base.name.replace(' ', '-')}")
    complete = home / "complete"
    if not complete.exists():
        with product.opened(plan, Variant("added"), home) as fieldmate:
            report = fieldmate.add([base.files(plan)])
        if not report.passages:
            raise BenchmarkError(f"No document of {base.name} can be added; get the set again.")
        complete.touch()
    return home
