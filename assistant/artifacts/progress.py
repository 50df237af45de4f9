"""How long work on artifacts tells what it is doing.

Knows no terminal: the command line draws bars, a server may log, and a test collects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol


class Progress(Protocol):
    """Told often how far a long step has come."""

    def __call__(self, done_bytes: int, total_bytes: int | None, label: str, /) -> None:
        """`done_bytes` of `total_bytes` (None: not known) of the step named `label` are done."""


Notice = Callable[[str], None]
"""Told one sentence about something that the user may want to know: a source that failed, a wait."""


def silent(done_bytes: int, total_bytes: int | None, label: str, /) -> None:
    """A `Progress` that tells nobody."""


def unheard(sentence: str) -> None:
    """A `Notice` that tells nobody."""


@dataclass(frozen=True)
class Report:
    """Both channels, and where the step in hand lies within a longer one."""

    progress: Progress = silent
    notice: Notice = unheard
    label: str = ""
    before: int = 0
    """Bytes of earlier parts of the same step."""
    total: int | None = None
    """Bytes of the whole step; None: that of the part in hand."""

    def step(self, label: str, total: int | None = None) -> Report:
        """A report for a new step of `total` bytes."""
        return replace(self, label=label, before=0, total=total)

    def behind(self, before: int) -> Report:
        """A report for the part that follows `before` bytes of the same step."""
        return replace(self, before=before)

    def at(self, done_bytes: int, total_bytes: int | None = None) -> None:
        """`done_bytes` of the part in hand are done."""
        self.progress(self.before + done_bytes, self.total if self.total is not None else total_bytes, self.label)
