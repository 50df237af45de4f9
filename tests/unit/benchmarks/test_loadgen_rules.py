"""Claims about what LoadGen is told, about the search for a rate, and about the reading of LoadGen's logs."""

from __future__ import annotations

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.loadgen import logs, rates, stopping
from benchmarks.loadgen.rules import Rules, mode_of
from benchmarks.loadgen.server import Options
from benchmarks.plan import Plan, Variant


def planned(**options):
    variants = [Variant.of_generator("one")]
    return Plan(command=[], scratch="", models="", variants=variants, default_generator="one", options=options)


# Rules


@pytest.mark.parametrize("scenario", ["SingleStream", "Server", "Offline"])
@pytest.mark.parametrize("mode", ["short", "full"])
def test_loadgen_is_told_its_official_minimum_duration_whatever_the_mode(scenario, mode):
    assert Rules(scenario, 16, seed=1, mode=mode).settings()["min_duration_ms"] == 600_000


def test_a_short_run_asks_each_question_once_and_a_full_one_has_no_end_but_the_rules():
    short = Rules("SingleStream", 16, seed=1).settings()
    full = Rules("SingleStream", 16, seed=1, mode="full").settings()
    assert (short["max_query_count"], full["max_query_count"]) == (16, 0)
    assert short["min_query_count"] == full["min_query_count"] == 64


def test_a_short_offline_run_expects_so_little_that_no_question_is_added():
    settings = Rules("Offline", 16, seed=1, expected_ms=1.0).settings()
    assert settings["min_query_count"] == 16
    assert 1.1 * 600 * settings["offline_expected_qps"] < 1


def test_a_full_single_stream_is_planned_longer_than_the_minimum():
    # LoadGen issues 2 x 600 s / expected latency questions: at the real latency that has to take more than 600 s.
    settings = Rules("SingleStream", 16, 1, "full", expected_ms=1000.0).settings()
    assert 2 * 600e9 / settings["single_stream_expected_latency_ns"] * 1.0 == pytest.approx(900)


@pytest.mark.parametrize("mode", ["short", "full"])
@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
def test_a_system_that_answers_at_once_does_not_make_loadgen_fill_the_memory(scenario, mode):
    """Found with a null system: 24 million questions were made in advance for sixteen."""
    settings = Rules(scenario, 16, 1, mode, expected_ms=0.01).settings()
    if scenario == "Offline":
        assert 1.1 * 600 * settings["offline_expected_qps"] <= 1e6
    else:
        made = 2 * 600e9 / settings["single_stream_expected_latency_ns"]
        assert 16 <= made <= 1.5e6


@pytest.mark.parametrize("seed", [-1, 0, 2**64 + 5])
def test_any_seed_fits_loadgens_unsigned_numbers(seed):
    settings = Rules("Server", 4, seed).settings()
    seeds = {settings[f"{name}_rng_seed"] for name in ("qsl", "sample_index", "schedule")}
    assert seeds == {seed % 2**64}


def test_the_queue_has_room_for_what_the_limit_allows_and_ends():
    assert Rules("Server", 4, 1, rate=10.0, limit_ms=5000.0).queue == 100
    assert Rules("Server", 4, 1, rate=0.001, limit_ms=1.0).queue == 16


def test_an_unknown_mode_is_refused_in_a_sentence():
    assert mode_of(planned(), "offline") == "short"
    assert mode_of(planned(offline={"mode": "full"}), "offline") == "full"
    with pytest.raises(BenchmarkError, match=r"mode of \[scenario.offline\] is 'fast'; give"):
        mode_of(planned(offline={"mode": "fast"}), "offline")
    with pytest.raises(BenchmarkError, match="mode of"):
        mode_of(planned(offline={"mode": 3}), "offline")


@pytest.mark.parametrize(
    ("option", "value"),
    [("rate", -1.0), ("rate", float("nan")), ("rate", float("inf")), ("limit_ms", 0), ("limit_ms", -5.0),
     ("patience_s", 0.0), ("rate", 1e6), ("rates", 0), ("rates", 1000), ("rates", 2.5), ("rate", "much")],
)  # fmt: skip
def test_options_of_the_server_that_make_no_sense_are_refused(option, value):
    with pytest.raises(BenchmarkError, match=rf"{option} of \[scenario.server\]"):
        Options.of(planned(server={option: value}))


def test_whole_numbers_are_good_rates():
    assert Options.of(planned(server={"rate": 2, "limit_ms": 500})).rate == 2.0


# The search for the highest rate


@pytest.mark.parametrize("limit", [0.3, 1.0, 3.7, 100.0])
@pytest.mark.parametrize("tries", [1, 2, 6, 20])
def test_the_search_is_bounded_and_finds_a_rate_that_is_held(limit, tries):
    asked = []
    tried = rates.highest(1.0, 1e6, tries, lambda rate: asked.append(rate) or rate <= limit)
    assert len(asked) == len(tried) <= tries
    assert rates.best(tried) <= limit
    if tries == 20:
        assert rates.best(tried) >= 0.94 * limit


def test_a_server_that_holds_nothing_ends_the_search_with_zero():
    tried = rates.highest(1.0, 1e6, 5, lambda _: False)
    assert [each.rate for each in tried] == [1.0, 0.5, 0.25, 0.125, 0.0625]
    assert rates.best(tried) == 0.0


def test_a_server_that_holds_everything_is_tried_with_ever_more():
    assert [each.rate for each in rates.highest(1.0, 1e6, 4, lambda _: True)] == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(("first", "expected"), [(1.0, [1.0, 2.0, 3.0]), (3.0, [3.0]), (5.0, [5.0])])
def test_no_rate_above_the_most_is_tried_but_for_the_first(first, expected):
    assert [each.rate for each in rates.highest(first, 3.0, 20, lambda _: True)] == expected


def test_no_rate_is_tried_twice():
    tried = [each.rate for each in rates.highest(1.0, 1e6, 20, lambda rate: rate <= 1.7)]
    assert len(tried) == len(set(tried))


# Early stopping


@pytest.mark.parametrize(
    ("count", "percentile", "given"),
    [(63, 90, False), (64, 90, True), (661, 99, False), (662, 99, True), (0, 90, False), (1, 99, False)],
)
def test_early_stopping_needs_as_many_samples_as_loadgen_says(count, percentile, given):
    assert (stopping.estimate([1.0] * count, percentile) is not None) is given


@pytest.mark.parametrize("count", [64, 100, 500, 5000])
def test_the_estimate_is_the_rank_that_the_binomial_distribution_gives(count):
    binomial = pytest.importorskip("scipy.stats").binom(count, 0.1)
    rank = max(above for above in range(count) if binomial.cdf(above) < 0.01)
    samples = [float(value) for value in range(count)]
    assert stopping.estimate(samples, 90) == samples[-rank]


# Logs


def detail(folder, *lines):
    (folder / "mlperf_log_detail.txt").write_text("\n".join(lines))


def entry(key, value):
    return f':::MLLOG {{"key": "{key}", "value": {value}, "time_ms": 0.1}}'


def test_what_is_no_json_in_the_detailed_log_does_not_hide_the_result(tmp_path):
    detail(tmp_path, entry("broken", '"say "no""'), "noise", entry("result_validity", '"INVALID"'),
           entry("early_stopping_met", "false"), entry("result_min_queries_met", "true"))  # fmt: skip
    verdict = logs.verdict(tmp_path)
    assert verdict.values["result_validity"] == "INVALID"
    assert verdict.not_met == ["early stopping"]
    assert verdict.percentiles_ms == {}
    with pytest.raises(BenchmarkError, match="no result_samples_per_second"):
        verdict.number("result_samples_per_second")


@pytest.mark.parametrize("lines", [(), ("",), (entry("effective_scenario", '"Server"'),)])
def test_a_log_without_a_result_is_told(tmp_path, lines):
    detail(tmp_path, *lines)
    with pytest.raises(BenchmarkError, match="left no result"):
        logs.verdict(tmp_path)


@pytest.mark.parametrize("read", [logs.verdict, logs.samples, logs.digests])
def test_a_log_that_is_not_there_is_told(tmp_path, read):
    with pytest.raises(BenchmarkError, match=r"LoadGen left no mlperf_log_\w+\.\w+ \("):
        read(tmp_path)


def test_a_trace_whose_samples_have_changed_is_told(tmp_path):
    (tmp_path / "mlperf_log_trace.json").write_text('{"name":"Sample","ph":"b","args":{"sample_seq":0}},\n')
    with pytest.raises(BenchmarkError, match="a sample that cannot be read"):
        logs.samples(tmp_path)


@pytest.mark.parametrize("text", ["", "[", '[{"seq_id": 0}]', '{"a": 1}'])
def test_an_accuracy_log_that_was_cut_is_told(tmp_path, text):
    (tmp_path / "mlperf_log_accuracy.json").write_text(text)
    with pytest.raises(BenchmarkError, match="accuracy log cannot be read"):
        logs.digests(tmp_path)


def test_a_rate_is_not_held_when_loadgen_stopped_before_its_questions_were_issued():
    met = {"result_perf_constraints_met": True}
    assert logs.Verdict(met).within_limit
    assert not logs.Verdict(met | {"error_runtime": "Ending early: Too many outstanding queries."}).within_limit
    assert not logs.Verdict({}).within_limit
