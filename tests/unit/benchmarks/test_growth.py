"""Claims about growth: generated manuals, sizes, rates of parts, recall, and a small knowledge base that really
grows."""

from __future__ import annotations

import os

import msgspec
import pytest

from benchmarks import measuring
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.scenarios import generated, growing, growth


def plan(tmp_path, **option):
    models = os.environ.get("FIELDMATE_MODELS_DIR", str(tmp_path))
    return Plan([], str(tmp_path), models, [], "", seed=7, options={"growth": option})


def test_the_same_seed_gives_the_same_manual_and_another_seed_another():
    assert generated.manual(3, 1) == generated.manual(3, 1)
    assert generated.manual(3, 1) != generated.manual(3, 2)


def test_no_two_sections_are_alike():
    pages = [page for number in range(60) for page in generated.manual(number, 1).split("\n## ")[1:]]
    assert len(pages) == len({page.partition("\n")[2] for page in pages}) == 60 * generated.SECTIONS


def test_machines_of_different_manuals_have_different_names():
    models = {generated.section(number * generated.SECTIONS, 1).model for number in range(500)}
    assert len(models) == 500


def test_the_answer_to_a_generated_question_stands_in_its_section():
    for number in range(36):
        section = generated.section(number, 1)
        text = generated.manual(number // generated.SECTIONS, 1)
        assert section.value in text
        assert section.code in text
        assert section.model in section.question


@pytest.mark.parametrize("sizes", [[], [0], [-5], ["1000"], [1.5], [True], [10**9]])
def test_sizes_that_are_no_numbers_of_passages_are_refused_in_one_sentence(tmp_path, sizes):
    with pytest.raises(BenchmarkError, match=r"sizes of .scenario.growth."):
        growing.sizes(plan(tmp_path, sizes=sizes))


def test_sizes_come_in_ascending_order_and_once(tmp_path):
    assert growing.sizes(plan(tmp_path, sizes=[300, 100, 300])) == [100, 300]
    assert growing.sizes(plan(tmp_path)) == growing.DEFAULT_SIZES


def test_a_part_ends_with_a_bunch_of_files():
    # Two files each are stored together, at 1, 2, 3 and 4 seconds; the second of a pair comes a millisecond later.
    moments = [(second + late / 1000, 10) for second in (1, 2, 3, 4) for late in (0, 1)]
    assert growing.slices(moments, 0.0, count=4) == pytest.approx([20 / 1.001, 20, 20, 20], rel=1e-3)


def test_files_stored_all_at_once_are_one_part():
    assert growing.slices([(2.0, 5), (2.0, 5), (2.0, 10)], 0.0) == [10.0]


def test_recall_is_the_share_of_the_nearest_that_was_found():
    right = [("a", 0), ("a", 1), ("b", 0), ("c", 0)]
    assert growth.recall([("a", 1), ("b", 0), ("x", 0)], right) == 0.5
    assert growth.recall(right[::-1], right) == 1.0
    assert growth.recall([], right) == 0.0
    assert growth.recall([], []) == 1.0


def test_the_95th_percentile_needs_twenty_samples():
    few, enough = (measuring.median("search", "ms", list(range(1, count + 1)), 1) for count in (19, 20))
    assert "p95" not in growth.with_p95(few).summary
    assert growth.with_p95(enough).summary["p95"] == pytest.approx(19.05)


def test_used_space_counts_files_in_folders_below(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "knowledge.db").write_bytes(b"x" * 100)
    (tmp_path / "index" / "graph").write_bytes(b"x" * 11)
    assert growing.used(tmp_path) == 111


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """Two sizes of one knowledge base, each added by a process of its own, with the embedder that comes with the
    package."""
    made = plan(tmp_path_factory.mktemp("growth"), sizes=[20, 40], queries=6)
    return made, growing.steps(made, Variant(""))


def test_each_size_is_grown_out_of_the_one_before_it(grown):
    _, (first, second) = grown
    assert first.passages == first.added.passages
    assert second.passages == first.passages + second.added.passages
    assert second.sections == first.sections + generated.SECTIONS
    assert second.bytes > first.bytes > 0


def test_what_has_grown_already_is_not_grown_again(grown):
    made, before = grown
    assert growing.steps(made, Variant("")) == before


def test_ingest_rows_tell_the_passages_and_a_peak_of_the_adding_process(grown):
    made, (first, _) = grown
    rows = list(growth.measure(made, Variant(""), part="ingest"))
    assert {row.metric for row in rows} == {
        "adding", "whole add", "index after adding", "disk", "peak memory of add",
    }  # fmt: skip
    assert [row.detail["passages"] for row in rows[:5]] == [first.passages] * 5
    peak = next(row for row in rows if row.metric == "peak memory of add")
    assert peak.value > 50  # an embedder was in it


def test_search_rows_have_the_exact_scan_as_the_reference_and_say_which_way_is_used(grown):
    made, steps = grown
    rows = [row for row in growth.measure(made, Variant(""), part="search") if row.metric == "recall@10"]
    assert [row.subset for row in rows] == [
        f"{step.size} passages, {arm}" for step in steps for arm in ("exact", "hnsw")
    ]
    assert [row.detail["used"] for row in rows] == [True, False] * 2
    assert all(row.value == 1.0 for row in rows if row.subset.endswith("exact"))
    assert all(len(row.keys) == len(row.samples) == 6 for row in rows)
    assert any((growing.Path(step.home) / "index").iterdir() for step in steps)


def test_a_step_that_was_killed_is_begun_anew(grown, tmp_path):
    made = msgspec.structs.replace(grown[0], scratch=str(tmp_path), options={"growth": {"sizes": [20]}})
    (made.folder("growth-20") / "knowledge.db").write_bytes(b"half of a database")
    (step,) = growing.steps(made, Variant(""))
    assert step.passages == grown[1][0].passages


def test_an_embedder_that_is_not_there_is_one_sentence(tmp_path):
    made = plan(tmp_path, sizes=[20])
    with pytest.raises(BenchmarkError, match="no-such-embedder"):
        growing.steps(made, Variant("", {"embedder.id": "no-such-embedder"}))
