"""No damaged file of any format crashes its reader, hangs it, or makes a document whose offsets do not fit."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest import readers
from tests.artifacts.mutations import mutated
from tests.artifacts.rich_documents import RICH
from tests.contracts.test_reader import assert_consistent

SEEDS = 200
MORE_SEEDS = 10_000


def survive(suffix: str, seeds: range, folder: Path) -> None:
    path = folder / f"damaged{suffix}"
    readable = 0
    for seed in seeds:
        path.write_bytes(mutated(RICH[suffix], seed))
        begun = time.perf_counter()
        with contextlib.suppress(UnreadableDocument):
            assert_consistent(readers.read(path, path.name))
            readable += 1
        assert time.perf_counter() - begun < 20, f"seed {seed}"
    assert readable > 0  # else the damages tell nothing about what comes behind the first check


def test_every_format_has_a_rich_document() -> None:
    assert {*RICH} <= readers.supported_suffixes()


@pytest.mark.parametrize("suffix", sorted(RICH))
def test_damaged_files_are_read_or_refused(suffix: str, tmp_path: Path) -> None:
    survive(suffix, range(SEEDS), tmp_path)


@pytest.mark.engine
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("suffix", sorted(RICH))
def test_many_damaged_files_are_read_or_refused(suffix: str, tmp_path: Path) -> None:
    survive(suffix, range(SEEDS, SEEDS + MORE_SEEDS), tmp_path)
