"""Claims about benchmarks.statistics, against scipy and statistics of the standard library."""

from __future__ import annotations

import statistics as standard

import numpy as np
import pytest

from benchmarks import statistics

SAMPLES = [float(value) for value in np.random.default_rng(7).lognormal(3.0, 0.5, size=61)]
OTHERS = [float(value) for value in np.random.default_rng(8).lognormal(3.1, 0.5, size=61)]


@pytest.mark.parametrize("q", [0, 10, 50, 90, 99, 100])
def test_percentiles_are_those_of_scipy(q):
    mquantiles = pytest.importorskip("scipy.stats.mstats").mquantiles
    expected = mquantiles(SAMPLES, [q / 100], alphap=1, betap=1)[0]
    assert statistics.percentile(SAMPLES, q) == pytest.approx(expected)


def test_median_and_mean_are_those_of_the_standard_library():
    summary = statistics.summarize(SAMPLES)
    assert summary["p50"] == pytest.approx(standard.median(SAMPLES))
    assert summary["mean"] == pytest.approx(standard.fmean(SAMPLES))
    assert (summary["n"], summary["min"], summary["max"]) == (61, min(SAMPLES), max(SAMPLES))


@pytest.mark.parametrize(("count", "given"), [(1, {"p50"}), (9, {"p50"}), (10, {"p50", "p90"}), (99, {"p50", "p90"}),
                                              (100, {"p50", "p90", "p99"})])  # fmt: skip
def test_a_percentile_is_given_only_when_the_samples_support_it(count, given):
    assert {name for name in statistics.summarize([1.0] * count) if name.startswith("p")} == given


def test_a_summary_of_nothing_says_so():
    assert statistics.summarize([]) == {"n": 0}


@pytest.mark.parametrize(("ours", "reference"), [("median_interval", np.median), ("mean_interval", np.mean)])
def test_intervals_agree_with_scipys_percentile_bootstrap(ours, reference):
    bootstrap = pytest.importorskip("scipy.stats").bootstrap
    expected = bootstrap((SAMPLES,), reference, method="percentile", n_resamples=9999, rng=1).confidence_interval
    low, high = getattr(statistics, ours)(SAMPLES, seed=3)
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.15 * width)
    assert high == pytest.approx(expected.high, abs=0.15 * width)


def test_the_interval_of_a_ratio_agrees_with_scipys_paired_bootstrap():
    bootstrap = pytest.importorskip("scipy.stats").bootstrap

    def ratio(above, below, axis=-1):
        return np.median(above, axis=axis) / np.median(below, axis=axis)

    expected = bootstrap(
        (SAMPLES, OTHERS), ratio, paired=True, vectorized=True, method="percentile", n_resamples=9999, rng=1
    ).confidence_interval
    low, high = statistics.ratio_interval(SAMPLES, OTHERS, seed=3)
    assert low == pytest.approx(expected.low, abs=0.15 * (expected.high - expected.low))
    assert high == pytest.approx(expected.high, abs=0.15 * (expected.high - expected.low))


def test_the_ratio_is_that_of_the_medians_and_not_the_median_of_the_ratios():
    assert statistics.ratio_of_percentiles([1.0, 10.0, 100.0], [10.0, 1.0, 20.0]) == 1.0


@pytest.mark.parametrize("name", ["median_interval", "mean_interval"])
def test_the_same_seed_gives_the_same_interval_and_another_seed_another(name):
    interval = getattr(statistics, name)
    assert interval(SAMPLES, seed=5) == interval(SAMPLES, seed=5)
    assert interval(SAMPLES, seed=5) != interval(SAMPLES, seed=6)


def test_an_interval_holds_its_statistic_and_shrinks_to_a_point_when_nothing_varies():
    low, high = statistics.median_interval(SAMPLES, seed=1)
    assert low <= standard.median(SAMPLES) <= high
    assert statistics.mean_interval([2.5] * 20, seed=1) == (2.5, 2.5)


def test_samples_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match="not pairs"):
        statistics.ratio_interval([1.0, 2.0], [1.0], seed=0)


def crossed(samples, blocks, keys, statistic="mean"):
    return statistics.crossed_interval(samples, blocks, keys, statistic, seed=3)


@pytest.mark.parametrize(("statistic", "reference"), [("median", np.median), ("mean", np.mean)])
def test_one_block_of_single_keys_is_scipys_percentile_bootstrap(statistic, reference):
    bootstrap = pytest.importorskip("scipy.stats").bootstrap
    expected = bootstrap((SAMPLES,), reference, method="percentile", n_resamples=9999, rng=1).confidence_interval
    names = [str(number) for number in range(len(SAMPLES))]
    low, high = crossed(SAMPLES, [0] * len(SAMPLES), names, statistic)
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.15 * width)
    assert high == pytest.approx(expected.high, abs=0.15 * width)


def test_repeated_questions_are_scipys_bootstrap_over_questions():
    bootstrap = pytest.importorskip("scipy.stats").bootstrap
    keys = [f"q{number}" for number in range(61)] * 4
    expected = bootstrap((SAMPLES,), np.mean, method="percentile", n_resamples=9999, rng=1).confidence_interval
    blocks = [number for number in range(4) for _ in range(61)]
    low, high = crossed(SAMPLES * 4, blocks, keys)  # the same answer in every block: no more is known than from one
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.15 * width)
    assert high == pytest.approx(expected.high, abs=0.15 * width)


def test_what_a_block_has_in_common_widens_the_interval():
    calm = [10.0, 11.0, 12.0, 13.0] * 5
    busy = [value * (1 + block) for block in range(5) for value in (10.0, 11.0, 12.0, 13.0)]
    blocks, keys = [block for block in range(5) for _ in range(4)], [str(number) for number in range(4)] * 5
    narrow, wide = (np.ptp(crossed(samples, blocks, keys)) for samples in (calm, busy))
    assert wide > 5 * narrow


def test_the_weighted_median_is_that_of_the_repeated_values():
    ordered = np.array([1.0, 2.0, 5.0, 9.0])
    weights = np.array([[1, 1, 1, 1], [3, 1, 0, 0], [0, 1, 2, 3], [2, 0, 0, 2], [0, 0, 0, 4]], dtype=float)
    expected = [standard.median(np.repeat(ordered, row.astype(int))) for row in weights]
    assert statistics._weighted_medians(ordered, weights).tolist() == expected


def test_paired_draws_of_one_block_are_scipys_bootstrap_of_the_mean_difference():
    bootstrap = pytest.importorskip("scipy.stats").bootstrap
    apart = np.subtract(OTHERS, SAMPLES)
    expected = bootstrap((apart,), np.mean, method="percentile", n_resamples=9999, rng=1).confidence_interval
    draws = statistics.paired_draws(np.array([SAMPLES]), np.array([OTHERS]), statistics.best_of_blocks, seed=3)
    low, high = statistics.bounds(draws)
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.1 * width)
    assert high == pytest.approx(expected.high, abs=0.1 * width)


def test_paired_draws_hold_the_estimate_and_pass_over_what_is_not_there():
    generator = np.random.default_rng(5)
    first = generator.normal(5, 1, (6, 24))
    second = first + 2 + generator.normal(0, 0.1, first.shape)
    second[0, 0] = first[1, 1] = np.nan
    second[:, 7] = np.nan  # never measured
    draws = statistics.paired_draws(first, second, statistics.best_of_blocks, seed=1, resamples=500)
    low, high = statistics.bounds(draws)
    assert low < 2 < high
    assert not np.isnan(draws).any()


def test_pooled_draws_of_one_block_are_scipys_bootstrap_of_the_median():
    bootstrap = pytest.importorskip("scipy.stats").bootstrap
    expected = bootstrap((SAMPLES,), np.median, method="percentile", n_resamples=9999, rng=1).confidence_interval
    low, high = statistics.bounds(statistics.pooled_draws(np.array([SAMPLES]), seed=3))
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.15 * width)
    assert high == pytest.approx(expected.high, abs=0.15 * width)


def test_pooled_draws_pass_over_what_is_not_there():
    table = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, 3.0]])
    draws = statistics.pooled_draws(table, seed=1, resamples=500)
    assert not np.isnan(draws).any()
    assert set(draws) <= {1.0, 2.0, 3.0}


def test_two_looks_need_wider_bounds():
    draws = np.arange(1001.0)
    assert statistics.bounds(draws) == pytest.approx((25.0, 975.0))
    assert statistics.bounds(draws, looks=2) == pytest.approx((12.5, 987.5))


def test_the_best_of_blocks_ignores_what_is_not_there():
    table = np.array([[3.0, np.nan, np.nan], [1.0, 5.0, np.nan]])
    np.testing.assert_array_equal(statistics.best_of_blocks(table), [1.0, 5.0, np.nan])
    np.testing.assert_array_equal(statistics.best_of_blocks(table, largest=True), [3.0, 5.0, np.nan])


@pytest.mark.parametrize(
    ("chances", "fallen"),
    [
        ([0.01, 0.04, 0.03, 0.005], [True, False, False, True]),  # .005 < .05/4, .01 < .05/3, .03 > .05/2: stop
        ([0.06], [False]),
        ([0.05], [True]),
        ([0.02, 0.02], [True, True]),
        ([0.03, 0.03], [False, False]),
        ([], []),
    ],
)
def test_holms_procedure_by_hand(chances, fallen):
    assert statistics.holm(chances, 0.05) == fallen
