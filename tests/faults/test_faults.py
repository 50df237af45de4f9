"""Power cuts and failing disks at every call that changes a file, in every step that writes.

Each trial starts from the same folder, disturbs one step in a process of its own, and then looks: the knowledge base
opens and is sound, what was said to be stored is there, and the same step, undisturbed, ends as if nothing had
happened.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import Assistant
from assistant.errors import KnowledgeBaseDamaged
from assistant.store.backup import restore
from tests.faults.steps import BEFORE, STEPS, prepared, settings, state

ERRORS = ("ENOSPC", "EIO", "EROFS", "EFBIG")
MENDS = ("repair",)
"""Steps before which the knowledge base is damaged already."""
_SAMPLED = 6
"""Points of a step that are disturbed in the default tests; all of them with the marker `engine`."""
_INSTANTS = 200


class Bench:
    """The folder, what lies in it before each step, what it becomes, and the process that works in it."""

    def __init__(self, scratch: Path, library: Path) -> None:
        self.root = scratch / "machine"
        self._kept = scratch / "kept"
        self._afterwards: dict[str, dict[str, Any]] = {}
        self._before: dict[str, dict[str, Any]] = {}
        self._calls: dict[str, int] = {}
        self._driver = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "LD_PRELOAD": str(library)},
        )

    def close(self) -> None:
        assert self._driver.stdin is not None
        self._driver.stdin.close()
        assert self._driver.wait(60) == 0

    def reset(self, step: str) -> None:
        """Lay out what lies there before the step."""
        kept = self._kept / step
        shutil.rmtree(self.root, ignore_errors=True)
        if not kept.exists():
            BEFORE[step](self.root)
            shutil.copytree(self.root, kept)
            self._before[step] = state(settings(self.root).database) if step not in MENDS else {}
            shutil.rmtree(self.root)
        shutil.copytree(kept, self.root)

    def disturbed(self, step: str, **order: Any) -> dict[str, Any]:
        """The step, disturbed; what came of it."""
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        asked = {"step": step, "root": str(self.root), "at": -1, "mode": "", **order}
        self._driver.stdin.write(json.dumps(asked) + "\n")
        self._driver.stdin.flush()
        answer: dict[str, Any] = json.loads(self._driver.stdout.readline())
        assert "bug" not in answer, answer["bug"]
        return answer

    def finish(self, step: str) -> dict[str, Any]:
        """What the step leaves when nothing disturbs it (any more)."""
        STEPS[step](str(self.root), lambda _: None)
        with Assistant.open(settings(self.root)) as fieldmate:
            assert fieldmate.search("how is the pump set") is not None
        return state(settings(self.root).database)

    def before(self, step: str) -> dict[str, Any]:
        if step not in self._before:
            self.reset(step)
        return self._before[step]

    def afterwards(self, step: str) -> dict[str, Any]:
        if step not in self._afterwards:
            self.reset(step)
            self._afterwards[step] = self.finish(step)
        return self._afterwards[step]

    def calls(self, step: str) -> int:
        """How many calls that change files the step makes."""
        if step not in self._calls:
            self.reset(step)
            answer = self.disturbed(step)
            assert answer["error"] is None, answer
            assert state(settings(self.root).database) == self.afterwards(step)
            self._calls[step] = answer["calls"]
        return self._calls[step]

    def require_sound(self, step: str, answer: dict[str, Any]) -> None:
        """Nothing is lost or half there, and the step can be completed."""
        database = settings(self.root).database
        try:
            now = state(database)
        except KnowledgeBaseDamaged:
            assert step in MENDS
            now = {"problems": []}
        if step not in MENDS:
            assert "problems" not in now, now
        if step not in ("add", "sync", "remove", "change", "repair"):  # these are one step for who looks
            assert now in (self.before(step), self.afterwards(step))
        for line in answer["reported"]:
            outcome, _, source = line.partition(" ")
            assert (source in now) == (outcome != "removed"), line
        if step == "backup":
            copy = self.root / "copy.db"
            restore(self.root / "out" / "kb.fieldmate", copy)
            assert len(state(copy)) in (len(self.before(step)), len(self.before(step)) + 1)
        if step == "remove" and not {"pump.md", "boiler.md"} <= {Path(source).name for source in now}:
            return  # What is gone cannot be removed again.
        assert self.finish(step) == self.afterwards(step)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    if not sys.platform.startswith("linux"):
        pytest.skip("calls are intercepted with LD_PRELOAD")
    scratch = tmp_path_factory.mktemp("faults")
    library = scratch / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    prepared()
    made = Bench(scratch, library)
    yield made
    made.close()


def _points(step: str, count: int, sampled: bool) -> list[int]:
    everything = list(range(1, count + 1))
    if not sampled or count <= _SAMPLED:
        return everything
    return sorted(random.Random(f"{step} {count}").sample(everything, _SAMPLED))


def _killed_at(bench: Bench, step: str, *, sampled: bool) -> None:
    for point in _points(step, bench.calls(step), sampled):
        bench.reset(step)
        answer = bench.disturbed(step, at=point)
        assert answer["status"] == -9, (point, answer)
        bench.require_sound(step, answer)


def _failing_at(bench: Bench, step: str, *, sampled: bool) -> None:
    for point in _points(step, bench.calls(step), sampled):
        for mode in ERRORS if not sampled else ERRORS[point % 2 :: 2]:
            bench.reset(step)
            answer = bench.disturbed(step, at=point, mode=mode)
            assert answer["status"] == 0, (point, mode, answer)
            error = answer["error"]
            if error is not None:  # What only speeds things up may fail without an error.
                assert error["exit_code"] in (3, 5), (point, mode, error)
                assert error["message"].endswith("."), (point, mode, error)
                assert "\n" not in error["message"], (point, mode, error)
            bench.require_sound(step, answer)


@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_at_some_calls_loses_nothing(bench: Bench, step: str) -> None:
    _killed_at(bench, step, sampled=True)


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_fails_at_some_calls_is_one_sentence_and_loses_nothing(bench: Bench, step: str) -> None:
    _failing_at(bench, step, sampled=True)


@pytest.mark.engine
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", STEPS)
def test_a_power_cut_at_every_call_loses_nothing(bench: Bench, step: str) -> None:
    _killed_at(bench, step, sampled=False)


@pytest.mark.engine
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_fails_at_every_call_is_one_sentence_and_loses_nothing(bench: Bench, step: str) -> None:
    _failing_at(bench, step, sampled=False)


@pytest.mark.engine
@pytest.mark.timeout(3600)
def test_sigkill_at_200_instants_loses_nothing(bench: Bench) -> None:
    """The instants are seeded; where in the step they fall depends on the machine, and does not matter."""
    instants = random.Random(5)
    for _ in range(_INSTANTS):
        step = instants.choice(list(STEPS))
        bench.afterwards(step)
        bench.reset(step)
        answer = bench.disturbed(step, kill_after_s=instants.uniform(0.0, 0.4))
        assert answer["status"] in (0, -9), answer
        bench.require_sound(step, answer)
