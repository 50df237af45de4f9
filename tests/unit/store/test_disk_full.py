from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def require_nothing_lost(stored: str, message: str, found: str) -> None:
    assert int(stored) > 0
    assert found == f"{stored} []"
    assert "knowledge.db" in message
    assert "free some space" in message
    assert message.endswith("run the same command again.")


def test_a_full_disk_is_one_sentence_and_loses_nothing(small_disk: Path, run: Callable[..., str]) -> None:
    require_nothing_lost(*run("fill", small_disk / "knowledge.db").splitlines())


@pytest.mark.parametrize("limit", [600_000, 1_000_000, 3_000_000])
def test_a_file_size_limit_is_one_sentence_and_work_goes_on_afterwards(
    tmp_path: Path, run: Callable[..., str], limit: int
) -> None:
    *outcome, late = run("fill_limited", tmp_path / "knowledge.db", limit).splitlines()
    require_nothing_lost(*outcome)
    assert late == "added []"
