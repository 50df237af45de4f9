from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from assistant.errors import KnowledgeBaseBusy
from assistant.store import Store
from tests.unit.store.samples import parts

Start = Callable[..., "subprocess.Popen[str]"]


def test_two_processes_create_and_write_the_same_knowledge_base_at_once(path: Path, start: Start) -> None:
    writers = [start("write", path, prefix, 25) for prefix in ("left", "right")]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    with Store.open(path, create=False) as store:
        assert len(store.documents()) == 50
        assert store.generation == 50
        assert store.check() == []


def test_the_slower_of_two_processes_with_the_same_document_changes_nothing(path: Path) -> None:
    with Store.open(path, create=True) as first, Store.open(path, create=True) as second:
        assert first.put(*parts("a.md")) == "added"
        assert second.put(*parts("a.md")) == "unchanged"
        assert second.generation == 1


def test_a_process_that_holds_the_lock_too_long_is_named_as_the_reason(path: Path, start: Start) -> None:
    holder = start("hold", path, stdin=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with Store.open(path, create=False, busy_timeout=0.2) as store:
        begun = time.monotonic()
        with pytest.raises(KnowledgeBaseBusy, match=r"Another process .*; wait until it is done and run .*\.$"):
            store.put(*parts("a.md"))
        assert 0.1 < time.monotonic() - begun < 5
        assert store.documents() == [], "reading goes on meanwhile"
        holder.communicate("", timeout=10)
        assert store.put(*parts("a.md")) == "added"


@pytest.mark.parametrize("seed", range(6))
def test_sigkill_at_any_instant_loses_at_most_the_document_in_hand(path: Path, start: Start, seed: int) -> None:
    writer = start("write", path, "manual", 1000)
    assert writer.stdout is not None
    reported = [writer.stdout.readline().strip()]
    time.sleep(random.Random(seed).uniform(0, 0.15))
    writer.kill()
    reported += [line.strip() for line in writer.stdout]
    with Store.open(path, create=False) as store:
        assert store.check() == []
        stored = {record.name: record.passages for record in store.documents()}
        assert set(reported) <= set(stored)
        assert len(stored) <= len(reported) + 1
        assert set(stored.values()) == {5}


def test_sigkill_at_each_statement_leaves_all_of_a_write_or_nothing(path: Path, run: Callable[..., str]) -> None:
    outcomes = [json.loads(line) for line in run("kill_at_statements", path).splitlines()]
    for action, rows in groupby(outcomes, key=lambda row: row[0]):
        runs = list(rows)
        assert len(runs) > 6, "the action has at least its statements and its beginning and end"
        before, after = runs[0][4], runs[-1][4]
        assert before != after
        for _, statement, _, problems, texts in runs:
            assert problems == [], f"{action}, statement {statement}"
            assert texts in (before, after), f"{action}, statement {statement}"
