"""A knowledge base that holds other documents for each question, in one process and with the models loaded once.

The facade adds and removes; there is no other way in. Documents get names that say nothing of what is in them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from assistant import Assistant
from benchmarks import datasets
from benchmarks.datasets import DataSet
from benchmarks.errors import BenchmarkError


class Shelf:
    """The documents of one assistant, replaced as a whole."""

    def __init__(self, fieldmate: Assistant, folder: Path) -> None:
        """`folder` is where the files are written that are added; what the knowledge base held before goes."""
        self._fieldmate = fieldmate
        self._folder = folder
        # A run of several blocks comes by here again, and a run that was cut leaves what it had.
        known = fieldmate.documents() if fieldmate.settings.database.exists() else []
        self._held = [record.name for record in known]

    def hold(self, texts: Sequence[str]) -> None:
        """Hold these texts, one document each, and nothing else.

        Raises:
            BenchmarkError: not all are held, so that the question would be asked of other documents than it should.
        """
        for name in self._held:
            self._fieldmate.remove(name)
        self._held = []
        if self._folder.exists():
            shutil.rmtree(self._folder)
        documents = {f"document-{number}": text for number, text in enumerate(texts, start=1)}
        folder = datasets.write(DataSet(documents, ()), self._folder)
        # Named one by one: a file that was removed before does not come back with its folder.
        report = self._fieldmate.add([folder / f"{name}.txt" for name in documents])
        self._held = [record.name for record in self._fieldmate.documents()]
        if len(self._held) != len(texts):
            reasons = [file.reason for file in report.files if file.reason] or ["no reason was given"]
            raise BenchmarkError(f"Of {len(texts)} documents of a question {len(self._held)} are held: {reasons[0]}")
