"""Power cuts and failing disks at every call of the store that changes a file."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.states import FileStates
from tests.unit.states import faulty
from tests.unit.states.samples import content, key, on_disk

ROOT = Path(__file__).parents[3]
ERRORS = ("ENOSPC", "EIO", "EROFS", "EFBIG")
_SAMPLED = 5
"""Calls that are disturbed in the default tests; all of them with the marker `engine`."""
Disturbed = Callable[[int, str], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "states"


@pytest.fixture
def disturbed(tmp_path: Path, folder: Path) -> Iterator[Disturbed]:
    """Has the work done in a process of its own and disturbed at one call; returns what that process said."""
    if not sys.platform.startswith("linux"):
        pytest.skip("calls are intercepted with LD_PRELOAD")
    library = tmp_path / "faults.so"
    source = ROOT / "tests" / "faults" / "faults.c"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    with subprocess.Popen(
        [sys.executable, faulty.__file__, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip

        def disturb(point: int, mode: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{point} {mode}\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        yield disturb


def require_usable(folder: Path, where: object) -> None:
    states = FileStates(folder, faulty.BUDGET)
    states.usage()
    assert not list(folder.glob("*/*.part")), where
    assert on_disk(folder) <= faulty.BUDGET, where
    for number in range(6):
        loaded = states.load(key(number))
        assert loaded is None or loaded == content(number, faulty.SIZE), where
    for _ in range(20):
        states.load(key(9))
    assert states.keep(key(9), 100, content(9, faulty.SIZE)), (where, states.note)
    assert states.load(key(9)) == content(9, faulty.SIZE), where
    assert on_disk(folder) <= faulty.BUDGET, where
    states.close()


def points(calls: int, seed: str, sampled: bool) -> list[int]:
    assert calls > 20
    everything = list(range(1, calls + 1))
    return sorted(random.Random(seed).sample(everything, _SAMPLED)) if sampled else everything


def cut(folder: Path, disturbed: Disturbed, *, sampled: bool) -> None:
    for point in points(int(disturbed(-1, "none")), "kill", sampled):
        assert disturbed(point, "kill") == "killed", point
        require_usable(folder, point)


def fail(folder: Path, disturbed: Disturbed, mode: str, *, sampled: bool) -> None:
    for point in points(int(disturbed(-1, "none")), mode, sampled):
        assert disturbed(point, mode).isdigit(), (point, mode)
        require_usable(folder, (point, mode))


def test_a_power_cut_at_some_calls_leaves_a_usable_store(folder: Path, disturbed: Disturbed) -> None:
    cut(folder, disturbed, sampled=True)


@pytest.mark.parametrize("mode", ERRORS)
def test_a_disk_that_fails_at_some_calls_is_no_error(folder: Path, disturbed: Disturbed, mode: str) -> None:
    fail(folder, disturbed, mode, sampled=True)


@pytest.mark.engine
@pytest.mark.timeout(3600)
def test_a_power_cut_at_every_call_leaves_a_usable_store(folder: Path, disturbed: Disturbed) -> None:
    cut(folder, disturbed, sampled=False)


@pytest.mark.engine
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", ERRORS)
def test_a_disk_that_fails_at_every_call_is_no_error(folder: Path, disturbed: Disturbed, mode: str) -> None:
    fail(folder, disturbed, mode, sampled=False)
