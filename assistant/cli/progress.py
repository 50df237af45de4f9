"""Progress of adding, syncing and warming, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from assistant.cli.terminal import echo, line

if TYPE_CHECKING:
    from assistant.ingest.adding import AddProgress
    from assistant.ingest.changing import ChangeProgress
    from assistant.types import Warming


class Bar:
    """Progress on standard error: a bar on a terminal, else a line every few seconds."""

    _LINE_EVERY_S = 5.0

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=0, unit="B", unit_scale=True, disable=not sys.stderr.isatty(), file=sys.stderr, leave=False
        )
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self, step: AddProgress) -> None:
        """Show where the work stands."""
        if self._bar.disable:
            self._line(step)
            return
        self._bar.unit = "B"
        self._bar.total = step.bytes_total
        self._bar.n = step.bytes_done
        rate = step.passages / step.seconds if step.seconds > 0 else 0.0
        self._bar.set_description_str(f"{step.files_done}/{step.files_total} {line(step.name[-40:])}", refresh=False)
        self._bar.set_postfix_str(f"{rate:.0f} passages/s")

    def change(self, step: ChangeProgress) -> None:
        """Show how far the change of the embedder is."""
        if not self._bar.disable:
            self._bar.unit = " passages"
            self._bar.total, self._bar.n = step.total, step.done
            self._bar.set_description_str("changing the embedder")
            return
        self._say(f"{step.done} of {step.total} passages have been embedded anew")

    def warm(self, step: Warming) -> None:
        """Show how far computing states of passages is."""
        if not self._bar.disable:
            self._bar.unit = " passages"
            self._bar.total = step.total
            self._bar.set_postfix_str(f"{step.kept} kept, {step.bytes / 1_000_000:.0f} MB", refresh=False)
            self._bar.update(step.done - self._bar.n)
            return
        self._say(f"{step.done} of {step.total} passages, {step.kept} states kept")

    def _line(self, step: AddProgress) -> None:
        share = step.bytes_done / step.bytes_total if step.bytes_total else 0.0
        left = f", about {step.seconds / share - step.seconds:.0f} s left" if share > 0 else ""
        self._say(f"{step.files_done} of {step.files_total} files, {step.passages} passages{left}")

    def _say(self, text: str) -> None:
        if time.monotonic() - self._said < self._LINE_EVERY_S:
            return
        self._said = time.monotonic()
        echo(text, err=True)
