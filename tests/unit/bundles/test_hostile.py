"""Damaged bundles, kills and full disks: the knowledge base is the old one or the new one, and never anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("child.py")
ROOT = Path(__file__).parents[3]
ACTIONS = ["update", "delta", "rollback", "bundle"]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[str]]:
    """Runs `child.py TASK FOLDER ARGUMENTS…`, which must end well; returns the lines that it printed."""

    def runner(task: str, *arguments: object) -> list[str]:
        done = subprocess.run(
            [sys.executable, str(CHILD), task, str(tmp_path / "root"), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.splitlines()

    return runner


def test_no_damaged_bundle_is_taken_and_each_is_one_sentence(run: Callable[..., list[str]]) -> None:
    (said,) = run("mutate", 0, 300)
    assert json.loads(said).keys() == {"3"}
    assert sum(json.loads(said).values()) > 250


@pytest.mark.engine
def test_no_damaged_bundle_is_taken_in_the_long_run(run: Callable[..., list[str]]) -> None:
    (said,) = run("mutate", 1000, 6000)
    assert json.loads(said).keys() == {"3"}


@pytest.mark.parametrize(("first", "last"), [(0, 25), pytest.param(1000, 2000, marks=pytest.mark.engine)])
def test_no_damaged_database_is_taken_though_it_was_signed(
    run: Callable[..., list[str]], first: int, last: int
) -> None:
    (said,) = run("mutate_signed", first, last)
    outcomes = json.loads(said)
    assert outcomes.keys() <= {"3", "5", "done"}
    # Where a page is empty, damage hurts nothing; the child has compared what was taken with what it should be.
    assert outcomes["5"] >= (last - first) // 5


@pytest.mark.parametrize("action", ["update", "rollback", "bundle", pytest.param("delta", marks=pytest.mark.engine)])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_the_next_run_completes(
    run: Callable[..., list[str]], action: str
) -> None:
    (said,) = run("kill_at_steps", action)
    counts = json.loads(said)
    assert counts["ended"] == 1
    assert counts["old"] > 5


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("first", "last"), [(0, 5), pytest.param(1000, 1050, marks=pytest.mark.engine)])
def test_a_kill_at_a_random_instant_leaves_the_old_or_the_new(
    run: Callable[..., list[str]], action: str, first: int, last: int
) -> None:
    (said,) = run("kill_at_random", action, first, last)
    assert sum(json.loads(said).values()) == last - first


def test_a_full_disk_is_one_sentence_and_changes_nothing(run: Callable[..., list[str]]) -> None:
    *tries, after = run("limited", 100, 4_000, 20_000, 60_000, 150_000, 250_000)
    for line in map(json.loads, tries):
        assert line[1:] == ["3", "3", True, False, []], line
    assert after == "done done"
