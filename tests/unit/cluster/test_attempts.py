"""What took its process with it is counted; what came to an end, good or bad, is not."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from assistant.cluster.attempts import Attempts
from tests.e2e.machine import REPOSITORY

KILLED = """
import os, sys, tempfile
from assistant.cluster.attempts import Attempts
tempfile.tempdir = sys.argv[1]
with Attempts("run").of("work"):
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_killed_processes_are_counted_until_one_comes_through(folder: Path) -> None:
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=REPOSITORY, check=False)
        assert done.returncode == -9
    with Attempts("run").of("other") as before:
        assert before == 0
    with Attempts("another run").of("work") as before:
        assert before == 0
    with Attempts("run").of("work") as before:
        assert before == 2
    with Attempts("run").of("work") as before:
        assert before == 0
    assert list(folder.iterdir()) == []


def test_an_exception_is_an_end(folder: Path) -> None:
    with pytest.raises(ValueError, match="no"), Attempts("run").of("work"):
        raise ValueError("no")
    with Attempts("run").of("work") as before:
        assert before == 0
