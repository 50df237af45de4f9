from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.store import Store

CHILD = Path(__file__).with_name("child.py")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "knowledge.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path, create=True) as opened:
        yield opened


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `child.py TASK ARGUMENTS…` in a process of its own, which ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def starter(*arguments: object, **options: object) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, str(CHILD), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            **options,  # type: ignore[call-overload]
        )
        started.append(process)
        return process

    yield starter
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """Runs `child.py TASK ARGUMENTS…` to its end, which must be a good one; returns what it printed."""

    def runner(*arguments: object, **options: object) -> str:
        process = start(*arguments, **options)
        printed, errors = process.communicate(timeout=120)
        assert process.returncode == 0, f"exit {process.returncode}\n{printed}\n{errors}"
        return printed

    return runner
