"""Claims about cold starts: pages really leave the cache, or there is no cold figure."""

from __future__ import annotations

import json
import os
import sys

import pytest

from benchmarks import pagecache
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.scenarios import asking, cold_start

ANSWER = {
    "timings_ms": {"first_token": 10.0, "total": 30.0, "load": 1.0},
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "reused_tokens": 0},
}
COMMAND = """#!{python}
import sys
print({answer!r})
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A command that answers at once, and files that stand for models and knowledge base."""
    command = tmp_path / "fieldmate"
    command.write_text(COMMAND.format(python=sys.executable, answer=json.dumps(ANSWER)))
    command.chmod(0o755)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.gguf").write_bytes(b"x" * 100_000)
    monkeypatch.setattr(asking.product, "with_samples", lambda plan: tmp_path / "model")
    monkeypatch.setattr(cold_start, "_files", lambda plan, variant: [tmp_path / "model" / "model.gguf"])
    return Plan([str(command)], str(tmp_path), str(tmp_path), [], "m", repetitions=3)


def measured(plan):
    return list(cold_start.measure(plan, Variant("m")))


def dropping(monkeypatch, *stayed):
    """`drop` that leaves these shares, one after the other, the first of them when it is tried."""
    left = [pagecache.Dropped(1000, round(share * 1000)) for share in stayed]
    monkeypatch.setattr(cold_start.pagecache, "drop", lambda files: left.pop(0))


def test_cold_and_warm_starts_are_paired_by_their_questions(plan, monkeypatch):
    dropping(monkeypatch, *[0.0] * 5)
    rows = measured(plan)
    cold, warm = ([row for row in rows if row.state == state and row.unit == "s"] for state in ("cold", "warm"))
    assert [row.metric for row in cold] == [row.metric for row in warm]
    assert cold[0].keys == warm[0].keys
    assert len(set(cold[0].keys)) == 3


def test_a_start_whose_files_stayed_is_not_called_cold(plan, monkeypatch):
    dropping(monkeypatch, 0.0, 0.0, 0.0, 0.5, 0.01)  # tried, warm-up, then three questions
    rows = measured(plan)
    (stayed,) = (row for row in rows if row.unit == "share")
    assert stayed.samples == [0.0, 0.5, 0.01]
    assert (stayed.detail["cold_starts"], stayed.detail["starts"]) == (2, 3)
    assert {len(row.samples) for row in rows if row.state == "cold" and row.unit == "s"} == {2}


def test_when_nothing_leaves_the_cache_the_row_says_so_instead_of_a_figure(plan, monkeypatch):
    dropping(monkeypatch, *[0.8] * 5)
    rows = measured(plan)
    assert [row.metric for row in rows if row.state == "cold"] == ["stayed in the page cache"]
    assert rows[0].detail["not_measured"].startswith("80% or more of the files stayed")
    assert len([row for row in rows if row.state == "warm"]) == 2


def test_a_system_without_the_request_is_measured_warm_and_says_why(plan, monkeypatch):
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    rows = measured(plan)
    assert {row.state for row in rows} == {"warm"}
    assert "cannot be asked" in rows[0].detail["cold_not_measured"]


def test_the_first_token_lies_before_the_output_by_the_rest_of_the_answer(plan, monkeypatch):
    dropping(monkeypatch, *[0.0] * 5)
    first, end = (row for row in measured(plan) if row.state == "warm")
    assert all(token < whole - 0.02 for token, whole in zip(first.samples, end.samples, strict=True))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pages are looked up on Linux")
def test_pages_that_were_read_are_seen(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000_001)
    path.read_bytes()
    assert pagecache.resident(path) > 0
    (tmp_path / "empty").touch()
    assert pagecache.resident(tmp_path / "empty") == 0


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system has no such request")
def test_what_stayed_is_looked_up_and_never_more_than_there_is(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000_001)
    dropped = pagecache.drop([path])
    assert dropped.bytes == 1_000_001
    assert 0 <= dropped.stayed <= dropped.bytes
    assert pagecache.drop([]).share == 0.0


def test_a_file_that_is_gone_is_one_sentence(tmp_path):
    with pytest.raises(BenchmarkError, match="warm starts only"):
        pagecache.drop([tmp_path / "none"])


def test_files_are_found_once_however_they_are_reached(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model").write_bytes(b"x")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "model")
    assert pagecache.files_below([tmp_path / "a", tmp_path]) == [(tmp_path / "a" / "model").resolve()]
