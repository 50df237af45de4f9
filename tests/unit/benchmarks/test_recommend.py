"""Claims about recommending: the best of what fits, from measured rows only, with its costs and the reasons."""

from __future__ import annotations

import json

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks.cli.main import main
from benchmarks.errors import BenchmarkError
from benchmarks.merging import joined
from benchmarks.recommend import Budget, recommend
from tests.unit.benchmarks.made_rows import HOSTILE, costs, full_rows, row, scores, times, write

SMALL, LARGE, MIDDLE = "small", "large", "middle"


def measured(name, factor, memory, file, quality):
    values = [quality + 0.1 * (number % 3 - 1) for number in range(24)]
    return [*times(name, factor, blocks=2), *costs(name, memory, file), *scores(name, values)]


ROWS = [
    *measured(SMALL, 0.3, 330, 145, 0.30),
    *measured(MIDDLE, 0.7, 500, 300, 0.45),
    *measured(LARGE, 1.5, 690, 398, 0.60),
]


def choose(rows=ROWS, first_token=None, memory=None, disk=None, **more):
    return recommend(joined(rows), Budget.parse(first_token, memory, disk), **more)


@pytest.mark.parametrize(("limits", "best"), [
    ({"first_token": "5s"}, LARGE), ({"first_token": "600ms"}, MIDDLE), ({"first_token": "0.3s"}, SMALL),
    ({"memory": "600MB"}, MIDDLE), ({"memory": "330MB"}, SMALL), ({"disk": "0.4GB"}, LARGE),
    ({"disk": "300 mb"}, MIDDLE),
    ({"first_token": "5s", "memory": "1GB", "disk": "200MB"}, SMALL), ({"memory": "600MiB"}, MIDDLE),
])  # fmt: skip
def test_the_best_that_fits_is_named(limits, best):
    assert choose(**limits).merits.name == best


def test_it_says_what_it_costs_and_what_it_left_out():
    text = choose(memory="600MB").text()
    assert text.startswith("middle: word F1 0.450 [")
    assert "500 MB of memory, 300 MB of disk" in text
    assert "on 24 questions" in text
    assert "Example CPU, 4 cores" in text
    assert "Not large: 690 MB of memory is 1.15 times the limit." in text
    assert "Not small: word F1 0.300 is not better." in text


def test_nothing_fits_says_which_budget_is_missed_by_how_much():
    with pytest.raises(BenchmarkError, match=r"is small: 330 MB of memory is 3\.30 times the limit; 2 other") as info:
        choose(memory="100MB")
    assert str(info.value).endswith("measure a smaller variant.")


def test_a_variant_that_was_not_measured_whole_is_left_out_with_the_reason():
    rows = [*ROWS, *times("quick", 0.1), *scores("clever", [1.0] * 24)]
    choice = choose(rows, memory="1GB")
    assert choice.merits.name == LARGE
    assert choice.left_out["quick"] == "not measured: memory, quality"
    assert choice.left_out["clever"] == "not measured: memory"
    with pytest.raises(BenchmarkError, match="clever lacks memory: measure ask_memory as well"):
        choose(scores("clever", [1.0] * 24), memory="1GB")


def test_a_failed_measurement_is_no_measurement():
    killed = row(scenario="ask_memory", variant="killed", job="x", status="failed", reason="It was ended by signal 9.")
    assert "memory" in choose([*ROWS, killed], memory="1GB").left_out["killed"]


def test_quality_is_compared_on_the_questions_that_all_were_asked():
    few = [each for each in measured(SMALL, 0.3, 330, 145, 0.3) if not each.metric.startswith("word")]
    easy = scores(SMALL, [0.0] * 6 + [1.0] * 2)  # of its own 8 questions; the others were asked 24
    choice = choose([*few, *easy, *measured(LARGE, 1.5, 690, 398, 0.6)], memory="1GB")
    assert choice.quality.questions == 8


def test_variants_that_share_no_question_are_not_ranked():
    answered = scores(LARGE, [0.5] * 8)
    others = [msgspec.structs.replace(each, keys=[f"other-{key}" for key in each.keys]) for each in answered]
    rows = [each for each in ROWS if each.variant == SMALL] + [*times(LARGE), *costs(LARGE, 690, 398), *others]
    with pytest.raises(BenchmarkError, match="share no question"):
        choose(rows, memory="1GB")


def test_what_the_questions_do_not_tell_apart_is_said():
    rows = [*measured("one", 1.0, 500, 300, 0.50), *measured("two", 0.5, 400, 200, 0.50)]
    choice = choose(rows, memory="1GB")
    assert choice.merits.name == "two"  # of equals the one that waits less
    assert "do not tell it from one" in choice.caution
    assert choose(memory="1GB").caution == ""


def test_the_percentile_is_the_one_that_was_asked_for():
    half, most = (choose(first_token="5s", percentile=name).to_dict()["first_token_ms"] for name in ("p50", "p90"))
    assert most > half


def test_another_score_may_decide():
    rows = [*ROWS, *scores(SMALL, [0.9] * 8, metric="ROUGE-L"), *scores(LARGE, [0.1] * 8, metric="ROUGE-L")]
    choice = choose(rows, memory="1GB", quality="ROUGE-L")
    assert choice.merits.name == SMALL
    assert choice.left_out[MIDDLE] == "not measured: quality"


@pytest.mark.parametrize(
    "text", ["", "700", "ms", "-5ms", "0ms", "1e3ms", "700 parsecs", "7OOms", "700MB", "nan ms", "٣ms"]
)
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(BenchmarkError, match="is no limit; write it like 700ms"):
        Budget.parse(text, None, None)


def test_no_budget_and_no_rows_are_refused():
    with pytest.raises(BenchmarkError, match="No budget"):
        Budget.parse(None, None, None)
    with pytest.raises(BenchmarkError, match="no complete rows"):
        choose([], memory="1GB")


def test_rows_of_two_machines_are_refused():
    with pytest.raises(BenchmarkError, match=r"different machines \(cpu"):
        choose([*ROWS, *times("x", run="20261122T120000Z", cpu="Other CPU")], memory="1GB")


def call(*arguments):
    return CliRunner().invoke(main, ["recommend", *map(str, arguments)])


def test_the_command_takes_speed_and_quality_from_two_files(tmp_path):
    speed = write(tmp_path / "speed.jsonl", [each for each in ROWS if each.unit != "score"])
    quality = write(tmp_path / "quality.jsonl", [each for each in ROWS if each.unit == "score"])
    result = call(speed, quality, "--max-memory", "600MB", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["variant"], told["memory_mb"], told["disk_mb"]) == (MIDDLE, 500.0, 300.0)
    assert set(told["left_out"]) == {SMALL, LARGE}


@pytest.mark.parametrize("arguments", [[], ["--max-memory", "9"], ["--max-memory", "1KB"]])
def test_the_command_ends_with_three_and_one_sentence(tmp_path, arguments):
    result = call(write(tmp_path / "rows.jsonl", ROWS), *arguments)
    assert (result.exit_code, result.output.count("\n")) == (3, 1)


def test_a_hostile_name_is_printed_in_one_piece(tmp_path):
    rows = [*full_rows(), *costs("red\x1b[31m\nNot small: fine.", 10, 10)]
    result = call(write(tmp_path / "rows.jsonl", rows), "--max-memory", "1GB")
    assert HOSTILE in result.output
    assert "\x1b" not in result.output
