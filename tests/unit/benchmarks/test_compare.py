"""Claims about comparing: what is worse is found, what is not is not called so, and unfit input is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import measuring, pairing
from benchmarks.cli.main import main
from benchmarks.compare import Margins, compare
from benchmarks.errors import BenchmarkError
from benchmarks.units import worse
from tests.unit.benchmarks.made_rows import CARD, HOSTILE, KEYS, RUN, job, row, scores, times, write

OTHER = "20261122T120000Z"


def verdicts(first, second, **margins):
    return [item.verdict for item in compare([(first, second)], Margins(**margins)).compared]


def call(*arguments):
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def one(metric, samples, *, unit="ms", keys=None, block=0, variant="v", statistic="median", **more):
    keys = KEYS[: len(samples)] if keys is None else keys
    make = measuring.median if statistic == "median" else measuring.mean
    measured = make(metric, unit, [float(each) for each in samples], 1, keys=keys, **more)
    return job("s", variant, [measured], block=block)


def blocks_of(table):
    return [each for block, samples in enumerate(table) for each in one("m", samples, block=block)]


@pytest.mark.parametrize("noise", [0.01, 0.04])
def test_the_same_variant_ten_times_is_no_regression_and_ten_percent_is_found_every_time(noise):
    for seed in range(10):
        first, again = times("a", seed=seed, noise=noise), times("b", seed=100 + seed, noise=noise)
        slow = times("slow", 1.1, seed=200 + seed, noise=noise)
        assert not compare([(first, again)], Margins()).regressed
        found = compare([(first, slow)], Margins())
        assert found.regressed
        assert found.compared[0].ratio == pytest.approx(1.1, abs=0.05)
        assert found.compared[0].interval[0] > 1.05


def test_whichever_look_is_sharper_speaks():
    generator = np.random.default_rng(2)
    base = np.exp(generator.normal(6, 0.3, 24))
    # What disturbs hits both sides of a pair alike: only pairs see through it.
    shared = np.exp(generator.normal(0, 0.8, (8, 24)))
    first, second = (blocks_of(base * factor * shared) for factor in (1.0, 1.1))
    found = compare([(first, second)], Margins()).compared[0]
    assert (found.look, found.verdict) == ("pairs", "worse")
    # Most blocks of either side are disturbed by themselves: only the undisturbed ones say anything.
    busy = [np.exp(generator.choice([0.0, 1.0, 1.5], size=(8, 1), p=[0.5, 0.25, 0.25])) for _ in range(2)]
    first, second = (blocks_of(base * factor * slow) for factor, slow in zip((1.0, 1.1), busy, strict=True))
    found = compare([(first, second)], Margins()).compared[0]
    assert (found.look, found.ratio) == ("best", pytest.approx(1.1))


def test_a_rate_that_falls_is_worse_and_one_that_rises_is_better():
    rate = {"metric": "adding", "unit": "passages/s"}
    first = times("a", **rate)
    assert verdicts(first, times("b", 1.3, **rate)) == ["worse"]
    assert verdicts(first, times("b", 0.7, **rate)) == ["better"]


def test_a_change_within_the_margin_is_the_same_and_the_margin_can_be_moved():
    first, second = times("a", noise=0.01), times("b", 1.03, noise=0.01, seed=5)
    assert verdicts(first, second) == ["same"]
    assert verdicts(first, second, ratio=0.005) == ["worse"]


@pytest.mark.parametrize("blocks", [1, 2])
def test_too_few_blocks_decide_nothing_about_time_and_say_what_to_do(blocks):
    found = compare([(times("a", blocks=blocks), times("b", 2.0, blocks=blocks))], Margins())
    assert [item.verdict for item in found.compared] == ["undecided"]
    assert "at least 3 blocks; give --blocks" in found.compared[0].note
    assert not found.regressed


def test_noise_leaves_it_undecided_and_says_how_many_samples_would_do():
    found = compare([(times("a", noise=0.6, blocks=3), times("b", 1.1, noise=0.6, blocks=3, seed=9))], Margins())
    assert found.compared[0].verdict == "undecided"
    assert "would decide" in found.compared[0].note or "noisy" in found.compared[0].note


def test_scores_are_compared_by_their_difference_and_need_one_block_only():
    good, bad = [1.0, 0.0] * 40, [0.0, 0.0, 1.0, 0.0] * 20
    found = compare([(scores("a", good), scores("b", bad))], Margins()).compared[0]
    assert (found.ratio, found.difference, found.verdict) == (None, -0.25, "worse")
    assert verdicts(scores("a", bad), scores("b", good)) == ["better"]
    assert verdicts(scores("a", good), scores("b", good)) == ["same"]


def test_few_samples_decide_nothing():
    assert verdicts(scores("a", [1.0] * 5), scores("b", [0.0] * 5)) == ["undecided"]


def test_pairs_are_of_the_same_key_whatever_the_order():
    first = one("m", [10, 20, 30, 40, 50, 60], keys=list("abcdef"))
    second = one("m", [60, 50, 40, 30, 20, 10], keys=list("fedcba"))
    pair = next(pairing.paired(first, second))
    assert pair.pairs == 6
    np.testing.assert_array_equal(pair.first, pair.second)


def test_only_common_keys_and_blocks_are_paired():
    first = [*one("m", [1, 2, 3], keys=list("abc")), *one("m", [1, 2], keys=list("ab"), block=1)]
    second = [*one("m", [5, 6], keys=list("bc")), *one("m", [7], keys=["b"], block=2)]
    pair = next(pairing.paired(first, second))
    assert (pair.blocks, pair.pairs) == (1, 2)


def test_a_question_that_a_block_repeats_counts_once_by_its_best():
    first = one("m", [9, 4, 7], keys=["a", "a", "b"])
    pair = next(pairing.paired(first, first))
    assert pair.first.tolist() == [[4.0, 7.0]]
    rates = one("m", [9, 4, 7], keys=["a", "a", "b"], unit="q/s")
    assert next(pairing.paired(rates, rates)).first.tolist() == [[9.0, 7.0]]
    marks = one("m", [1, 0, 1], keys=["a", "a", "b"], unit="score", statistic="mean")
    assert next(pairing.paired(marks, marks)).first.tolist() == [[0.5, 1.0]]


def test_samples_without_keys_are_paired_by_their_order():
    first, second = (one("m", [value, value + 1], keys=()) for value in (1, 5))
    pair = next(pairing.paired(first, second))
    assert (pair.first.tolist(), pair.second.tolist()) == ([[1.0, 2.0]], [[5.0, 6.0]])


def test_states_subsets_and_sizes_are_never_mixed():
    cold, warm = one("m", [1.0], state="cold"), one("m", [1.0], state="warm")
    assert list(pairing.paired(cold, warm)) == []
    small, large = (one("m", [1.0], detail={"passages": size}) for size in (1000, 10000))
    both = [*small, *large]
    assert [pair.figure.passages for pair in pairing.paired(both, both)] == [1000, 10000]
    assert [pair.figure.passages for pair in pairing.paired(both, small)] == [1000]
    assert [pair.figure.passages for pair in pairing.paired(small, large)] == [None]


def test_stages_explain_and_do_not_decide():
    first = times("a", metric="stage embed")
    found = compare([(first, times("b", 2.0, metric="stage embed"))], Margins())
    assert not found.regressed
    assert found.compared[0].verdict == "not judged"


def test_many_figures_do_not_raise_the_chance_of_a_false_alarm():
    # One figure lies a little beyond the margin, with a chance of one in a hundred that this is luck.
    first, second = times("a", seed=7, blocks=4), times("b", 1.07, seed=8, blocks=4)
    alone = compare([(first, second)], Margins())
    assert alone.compared[0].verdict == "worse"
    others = [[each for number in range(9) for each in times(name, metric=f"figure {number}", seed=number, blocks=4)]
              for name in ("a", "b")]  # fmt: skip
    among = compare([(first + others[0], second + others[1])], Margins())
    assert not among.regressed
    assert "may be luck" in among.compared[0].note


def test_a_share_has_no_better_side_unless_its_target_says_so():
    refused = [1.0] * 12
    first = one("refused", [0.0] * 12, unit="share", statistic="mean")
    assert verdicts(first, one("refused", refused, unit="share", statistic="mean")) == ["not judged"]
    limited = {"unit": "share", "statistic": "mean", "target": measuring.at_most(0.1)}
    assert verdicts(one("wrong", [0.0] * 12, **limited), one("wrong", refused, **limited)) == ["worse"]


@pytest.mark.parametrize(("unit", "expected"), [
    ("ms", 1), ("s", 1), ("MB", 1), ("bytes/passage", 1), ("J", 1), ("passages/s", -1), ("passages/CPU s", -1),
    ("tokens/s", -1), ("GB/s", -1), ("score", -1), ("share", 0), ("ratio", 0), ("tokens", 0), ("", 0),
])  # fmt: skip
def test_what_is_worse_follows_from_the_unit(unit, expected):
    assert worse(unit) == expected


def test_memory_is_compared_by_its_largest_and_needs_no_blocks():
    keys = KEYS[:8]
    first, second = (
        job("m", name, [measuring.largest("peak", "MB", [float(base + step) for step in range(8)], keys=keys)])
        for name, base in (("a", 500), ("b", 600))
    )
    assert verdicts(first, second) == ["worse"]


def test_samples_of_zero_have_no_ratio_and_end_nothing():
    found = compare([(one("m", [0.0] * 8), one("m", [1.0] * 8))], Margins()).compared[0]
    assert (found.verdict, found.note) == ("not judged", "a sample of zero has no ratio")
    some = [0.0, *[2.0] * 7]
    assert compare([(one("m", some), one("m", some))], Margins()).compared[0].ratio == 1.0


def test_the_same_rows_give_the_same_figures():
    first, second = times("a"), times("b", seed=3)
    assert compare([(first, second)], Margins()) == compare([(first, second)], Margins())


@pytest.mark.parametrize(("name", "value"), [("cpu", "Other CPU"), ("cores", 8), ("memory_mb", 4000),
                                             ("governor", "powersave"), ("governor", None)])  # fmt: skip
def test_different_machines_are_refused_and_can_be_insisted_on(name, value):
    first, second = times("a", run=RUN), times("a", run=OTHER, **{name: value})
    with pytest.raises(BenchmarkError, match=f"different machines.*{name}.*--other-machine"):
        compare([(first, second)], Margins())
    found = compare([(first, second)], Margins(), other_machine=True)
    assert any(name in warning for warning in found.warnings)


@pytest.mark.parametrize(("card", "said"), [
    ({"load_average": 9.0}, "not quiet"),
    ({"load_average": 2.5}, "load averages differ"),
    ({"models": {"m": "11"}}, "models.m"),
    ({"versions": {"llama-cpp-python": "9"}}, "versions.llama-cpp-python"),
    ({"settings": {"generator": {"id": "m", "threads": 1}}}, "settings.generator.threads"),
    ({"source_sha256": "0"}, "source differs"),
    ({"suite_sha256": "0"}, "suite differs"),
    ({}, "two runs, one after the other"),
])  # fmt: skip
def test_what_else_differs_is_said(card, said):
    found = compare([(times("a"), times("a", run=OTHER, **card))], Margins())
    assert any(said in warning for warning in found.warnings), found.warnings


def test_two_variants_of_one_run_need_no_warning():
    assert compare([(times("a"), times("b"))], Margins()).warnings == ()


def test_what_failed_for_the_candidate_alone_is_a_regression():
    failed = row(scenario="single_stream", variant="b", job="x", status="failed", reason="It was ended by signal 9.")
    found = compare([(times("a"), [failed])], Margins())
    assert found.regressed
    assert found.broken == ("single_stream failed: It was ended by signal 9.",)


def test_a_figure_that_only_the_baseline_has_is_named():
    both = [*times("a"), *times("a", metric="total")]
    assert any("only the baseline has single_stream: total" in each
               for each in compare([(both, times("b"))], Margins()).warnings)  # fmt: skip


@pytest.mark.parametrize("margins", [{"ratio": 0}, {"ratio": -1}, {"ratio": math.nan}, {"score": 0}, {"score": 2}])
def test_a_margin_that_is_none_is_refused(margins):
    with pytest.raises(BenchmarkError, match="margin"):
        Margins(**margins)


# The command: exit codes and selections.


def test_one_file_with_two_variants(tmp_path):
    rows = [*times("a"), *times("b", 1.0, seed=2), *times(HOSTILE, 1.2)]
    path = write(tmp_path / "rows.jsonl", rows)
    same = call(path, "--baseline", "a", "--candidate", "b")
    assert (same.exit_code, "No regression shown: 1 same" in same.output) == (0, True), same.output
    slower = call(path, "--baseline", "a", "--candidate", HOSTILE)
    assert (slower.exit_code, "WORSE" in slower.output) == (1, True), slower.output
    assert call(path, "--baseline", "a", "--candidate", HOSTILE, "--margin", "0.5").exit_code == 0


def test_two_files_by_the_variants_that_both_have(tmp_path):
    first = write(tmp_path / "a.jsonl", [*times("x"), *times("y")])
    second = write(tmp_path / "b.jsonl", [*times("y", 1.3, run=OTHER), *times("z", run=OTHER)])
    result = call(first, second, "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert [item["variant"] for item in told["compared"]] == ["y"]
    assert told["regressed"] is True
    assert told["compared"][0]["ratio"] == pytest.approx(1.3, abs=0.05)


def test_a_variant_of_each_file(tmp_path):
    path = write(tmp_path / "a:b.jsonl", [*times("x:1"), *times("y", 1.3)])  # colons belong to names as well
    assert call(f"{path}:x:1", f"{path}:y").exit_code == 1
    assert call(f"{path}:y", f"{path}:x:1").exit_code == 0


def test_the_last_run_counts(tmp_path):
    first = write(tmp_path / "a.jsonl", times("x"))
    second = write(tmp_path / "b.jsonl", [*times("x", 2.0, run=RUN), *times("x", run=OTHER)])
    assert call(first, second).exit_code == 0


def test_what_a_cut_left_half_written_does_not_count(tmp_path):
    cut = times("b", 1.5)
    halves = [each for each in cut if each.block < 4]
    partial = [row(scenario=each.scenario, variant="b", job=f"{each.block}/cut", of=2, block=each.block, metric="total",
                   unit="ms", value=1.0, samples=[1.0]) for each in halves]  # fmt: skip
    path = write(tmp_path / "rows.jsonl", [*times("a"), *times("a", metric="total"), *halves, *partial])
    told = json.loads(call(path, "--baseline", "a", "--candidate", "b", "--json").stdout)
    assert [(item["metric"], item["blocks"]) for item in told["compared"]] == [("first token", 4)]


@pytest.mark.parametrize(("arguments", "said"), [
    (["{a}"], "--baseline VARIANT and --candidate VARIANT"),
    (["{a}:x"], "--baseline VARIANT and --candidate VARIANT"),
    (["{a}", "--baseline", "x", "--candidate", "none"], "no variant none; it has x"),
    (["{a}", "{none}"], "cannot be read"),
    (["{a}", "{none}:x"], "cannot be read"),
    (["{a}", "{a}", "{a}"], "one file or two"),
    (["{a}", "{a}:none"], "no variant none"),
    (["{a}", "{b}"], "no variant in common"),
    (["{a}:x", "{c}"], "no figure in common"),
    (["{a}", "{empty}"], "no complete row"),
    (["{a}", "{rubbish}"], "Line 1 of"),
    (["{a}", "{other}"], "different machines"),
    (["{a}", "{a}", "--margin", "0"], "A margin is"),
])  # fmt: skip
def test_what_cannot_be_compared_ends_with_three_and_one_sentence(tmp_path, arguments, said):
    files = {
        "a": write(tmp_path / "a.jsonl", times("x")), "b": write(tmp_path / "b.jsonl", times("y")),
        "c": write(tmp_path / "c.jsonl", times("x", metric="other")), "empty": tmp_path / "empty.jsonl",
        "rubbish": tmp_path / "rubbish.jsonl", "none": tmp_path / "none.jsonl",
        "other": write(tmp_path / "other.jsonl", times("x", cpu="Other CPU")),
    }  # fmt: skip
    files["empty"].write_text("")
    files["rubbish"].write_text("no rows\n")
    result = call(*(argument.format(**files) for argument in arguments))
    assert result.exit_code == 3, result.output
    assert said in result.output
    assert result.output.count("\n") == 1
    assert "Traceback" not in result.output


def test_the_same_file_twice_differs_in_nothing(tmp_path):
    path = write(tmp_path / "a.jsonl", [*times("x"), *scores("x", [0.5] * 8)])
    told = json.loads(call(path, path, "--json").stdout)
    assert {item["verdict"] for item in told["compared"]} == {"same"}


def test_the_card_of_the_tests_is_whole():
    assert {"cpu", "cores", "memory_mb", "governor", "architecture"} <= CARD.keys()
