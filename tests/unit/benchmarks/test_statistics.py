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
    assert statistics.ratio_of_medians([1.0, 10.0, 100.0], [10.0, 1.0, 20.0]) == 1.0


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
