"""Claims about joining blocks: all samples count, intervals are made again, and different figures stay apart."""

from __future__ import annotations

import statistics as standard

import msgspec
import pytest

from benchmarks import measuring, report
from benchmarks.merging import blocks, joined
from tests.unit.benchmarks.made_rows import HOSTILE, KEYS, RUN, full_rows, job, row, times


def block(number, measured, run=RUN):
    return job("s", "v", measured, block=number, run=run)


def median(samples, **more):
    return measuring.median("m", "ms", samples, 1, keys=KEYS[: len(samples)], **more)


def test_a_single_block_is_left_as_it_was_measured():
    rows = block(0, [median([3.0, 1.0, 2.0])])
    assert joined(rows) == rows


def test_blocks_are_one_figure_of_all_samples():
    found = joined([*block(0, [median([1.0, 2.0, 3.0])]), *block(1, [median([10.0, 11.0, 12.0])])])
    assert len(found) == 1
    samples = [1.0, 2.0, 3.0, 10.0, 11.0, 12.0]
    assert (found[0].samples, found[0].value) == (samples, standard.median(samples))
    assert found[0].keys == [*KEYS[:3], *KEYS[:3]]
    assert found[0].summary["n"] == 6
    assert blocks(found[0]) == 2
    assert found[0].interval[0] < 3.0 < 10.0 < found[0].interval[1]  # the blocks differ, and the interval says so


def test_the_same_scores_twice_are_not_twice_the_evidence():
    marks = [float(number % 3 == 0) for number in range(24)]
    one = measuring.mean("hit", "score", marks, 1, keys=KEYS)
    twice = joined([*block(0, [one]), *block(1, [one]), *block(2, [one])])[0]
    width, before = (item.interval[1] - item.interval[0] for item in (twice, one))
    assert twice.value == pytest.approx(one.value)
    assert width == pytest.approx(before, rel=0.15)


@pytest.mark.parametrize(
    ("make", "statistic", "value"),
    [
        (lambda low: measuring.largest("m", "MB", [low, low + 1]), "largest", 11.0),
        (lambda low: measuring.mean("m", "score", [low, low + 1], 1), "mean", 6.0),
        (lambda low: measuring.ratio("m", [low, low], [1.0, 1.0], 1), "median of ratios", 5.5),
        (lambda low: msgspec.structs.replace(measuring.largest("m", "q/s", [low]), statistic="highest rate"),
         "median of blocks, highest rate", 5.5),
    ],
)  # fmt: skip
def test_each_statistic_is_made_again_in_its_own_way(make, statistic, value):
    found = joined([*block(0, [make(1.0)]), *block(1, [make(10.0)])])[0]
    assert (found.statistic, found.value) == (statistic, pytest.approx(value))


def test_runs_states_subsets_and_sizes_stay_apart():
    one = [median([1.0]), median([1.0], state="cold"), median([1.0], subset="x"), median([1.0], detail={"passages": 9}),
           median([1.0], detail={"passages": 99})]  # fmt: skip
    rows = [*block(0, one), *block(1, one), *block(0, one, run="20261122T120000Z")]
    found = joined(rows)
    assert len(found) == 10
    assert [blocks(item) for item in found] == [2] * 5 + [1] * 5


def test_two_rows_of_one_job_under_one_name_stay_two():
    found = joined([*block(0, [median([1.0]), median([2.0])]), *block(1, [median([3.0]), median([4.0])])])
    assert [item.samples for item in found] == [[1.0, 3.0], [2.0, 4.0]]


def test_a_job_whose_writing_was_cut_is_left_out_and_the_others_are_shown():
    rows = [*block(0, [median([1.0]), median([2.0], subset="x")])[:1], *block(1, [median([5.0])])]
    assert [item.samples for item in joined(rows)] == [[5.0]]


def test_a_failure_in_every_block_is_said_once_and_other_reasons_as_well():
    rows = [row(scenario="s", variant="v", job=f"{number}/s/v", block=number, status="failed", reason=reason)
            for number, reason in enumerate(["It broke.", "It broke.", "It was late."])]  # fmt: skip
    text = report.render(rows)
    assert (text.count("It broke."), text.count("It was late.")) == (1, 1)


def test_keys_that_only_some_blocks_have_are_given_up():
    bare = measuring.median("m", "ms", [5.0], 1)
    assert joined([*block(0, [median([1.0])]), *block(1, [bare])])[0].keys == []


def test_states_are_columns_side_by_side():
    text = report.render([*block(0, [median([100.0] * 12, state="cold"), median([50.0] * 12, state="warm")])])
    line = next(each for each in text.splitlines() if each.startswith("v "))
    assert "100 [100 to 100]" in line
    assert "50 [50 to 50]" in line
    assert "stored" not in text


def test_nothing_that_was_measured_is_hidden_behind_another_row():
    text = report.render(block(0, [median([1.0], state="warm"), median([2.0], state="warm")]))
    assert "1 [1 to 1]" in text
    assert "2 [2 to 2]" in text


def test_sizes_of_the_knowledge_base_are_a_column():
    text = report.render(block(0, [median([1.0], detail={"passages": size}) for size in (1000, 10000)]))
    assert "passages" in text
    assert "10,000" in text


def test_hostile_names_stay_in_their_cell():
    rows = [*times(HOSTILE, blocks=1), *times("a\nb\x1b[31m|c", blocks=1)]
    plain, markdown = report.render(rows), report.render(rows, markdown=True)
    assert "\x1b" not in plain + markdown
    assert r"a\nb\x1b[31m|c" in plain
    assert r"a\nb\x1b[31m\|c" in markdown
    assert "<script>" not in markdown


def test_a_machine_that_was_busy_is_called_so():
    assert "Above the number of cores, times are too long." in report.render(times("v", blocks=1, load_average=9.0))
    assert "too long" not in report.render(times("v", blocks=1))


def test_rows_without_an_environment_or_samples_are_shown():
    bare = [row(scenario="s", variant="v", metric="m", unit="ms", statistic="median", value=1.0, environment={})]
    assert "unknown CPU" in report.render(bare)


def test_everything_of_a_full_run_is_in_the_report():
    text = report.render(full_rows())
    for words in ("single_stream", "stages", "answers/samples", "growth/search", "Failed", "Skipped", "signal 9"):
        assert words in text
