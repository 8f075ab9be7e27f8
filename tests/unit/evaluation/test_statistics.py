"""Intervals against published or hand-computed figures, and against what they promise: coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av_td3_system.evaluation.statistics import (
    bootstrap_clustered_mean,
    bootstrap_difference,
    bootstrap_iqm,
    bootstrap_mean,
    bootstrap_paired_difference,
    bootstrap_ratio,
    bootstrap_statistic,
    interquartile_mean,
    lower_bound,
    probability_of_improvement,
    rate_per_km,
    wilson_interval,
)


def test_wilson_reproduces_newcombe_1998() -> None:
    # Table I of Newcombe (1998), method 3: 81/263 and 15/148.
    assert wilson_interval(81, 263) == pytest.approx((81 / 263, 0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((15 / 148, 0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.0, 0.1611), abs=5e-5)


def test_wilson_at_the_ends_and_without_episodes() -> None:
    low = wilson_interval(0, 50)
    high = wilson_interval(50, 50)
    assert low.low == 0.0
    assert high.high == 1.0
    assert high.low == pytest.approx(1 - low.high)
    nothing = wilson_interval(0, 0)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson_interval(3, 2)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_stays_inside_and_around_the_share(counts: tuple[int, int]) -> None:
    value, low, high = wilson_interval(*counts)
    assert 0.0 <= low <= value <= high <= 1.0
    assert low < high


def test_bootstrap_mean_agrees_with_the_normal_interval() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(10.0, 2.0, 400)
    interval = bootstrap_mean(values, rng, samples=20_000)
    half = 1.96 * values.std(ddof=1) / 20
    assert interval.value == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)


def test_bootstrap_mean_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        interval = bootstrap_mean(rng.exponential(1.0, 60), rng, samples=500, confidence=0.9)
        covered += interval.low <= 1.0 <= interval.high
    assert 0.82 <= covered / 300 <= 0.95


def test_pairing_removes_what_pairs_share() -> None:
    rng = np.random.default_rng(2)
    routes = rng.normal(0.0, 100.0, 50)  # easy and hard routes
    before, after = routes, routes + 5.0 + rng.normal(0.0, 1.0, 50)
    paired = bootstrap_paired_difference(before, after, rng)
    unpaired = bootstrap_difference(before, after, rng)
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.low > 4.0
    assert paired.high < 6.0
    assert unpaired.low < 0.0 < unpaired.high


def test_lower_bound_is_one_sided() -> None:
    rng = np.random.default_rng(3)
    before = np.zeros(200)
    after = rng.normal(1.0, 1.0, 200)
    bound = lower_bound(before, after, rng, samples=20_000, confidence=0.9)
    assert bound == pytest.approx(after.mean() - 1.2816 * after.std(ddof=1) / math.sqrt(200), abs=0.01)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_values_that_are_none_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        bootstrap_mean(values, np.random.default_rng(0))


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        bootstrap_paired_difference([1.0], [1.0, 2.0], np.random.default_rng(0))


def test_interquartile_mean_ignores_both_tails() -> None:
    assert interquartile_mean([-1000, 2, 3, 4, 5, 6, 7, 1e6]) == 4.5


def test_iqm_bootstrap_keeps_clusters_together() -> None:
    rng = np.random.default_rng(4)
    seeds = {f"seed{k}": list(level + rng.normal(0, 0.01, 40)) for k, level in enumerate((0.0, 1.0, 2.0, 3.0, 4.0))}
    clustered = bootstrap_iqm({"scenario0": seeds}, rng, samples=1000)
    alone = {f"{name}-{i}": [value] for name, values in seeds.items() for i, value in enumerate(values)}
    independent = bootstrap_iqm({"scenario0": alone}, rng, samples=1000)
    assert clustered.value == pytest.approx(independent.value)
    assert clustered.high - clustered.low > 3 * (independent.high - independent.low)


def test_iqm_bootstrap_keeps_strata_in_proportion() -> None:
    easy, hard = {f"s{k}": [1.0] for k in range(10)}, {f"s{k}": [0.0] for k in range(10)}
    interval = bootstrap_iqm({"easy": easy, "hard": hard}, np.random.default_rng(5), samples=200)
    assert (interval.low, interval.value, interval.high) == (0.5, 0.5, 0.5), "always ten of each"
    with pytest.raises(ValueError, match="stratum"):
        bootstrap_iqm({"easy": {}}, np.random.default_rng(0))


def test_rates_are_pooled_with_garwoods_interval() -> None:
    # Garwood (1936): 0 events -> (0, 3.689), 10 events -> (4.795, 18.390).
    assert rate_per_km(0, 1000.0) == pytest.approx((0.0, 0.0, 3.6889), abs=1e-4)
    assert rate_per_km(10, 2000.0) == pytest.approx((5.0, 4.7954 / 2, 18.3904 / 2), abs=1e-4)
    nothing = rate_per_km(0, 0.0)
    assert math.isnan(nothing.value)
    assert nothing.high == math.inf


def test_a_clustered_mean_is_less_certain_than_its_values_are_many() -> None:
    rng = np.random.default_rng(0)
    clusters = [[float(k % 2)] * 20 for k in range(10)]
    clustered = bootstrap_clustered_mean(clusters, rng)
    alone = bootstrap_mean(np.concatenate(clusters), rng)
    assert clustered.value == alone.value == 0.5
    assert clustered.high - clustered.low > 3 * (alone.high - alone.low)
    assert bootstrap_clustered_mean([[1.0], [1.0, 1.0]], rng) == (1.0, 1.0, 1.0)
    for wrong in ([], [[]], [[float("nan")]]):
        with pytest.raises(ValueError):
            bootstrap_clustered_mean(wrong, rng)


def test_clusters_of_many_values_weigh_more() -> None:
    assert bootstrap_clustered_mean([[0.0], [1.0] * 3], np.random.default_rng(0)).value == 0.75


def test_probability_of_improvement() -> None:
    assert probability_of_improvement([2.0, 3.0], [0.0, 1.0]) == 1.0
    assert probability_of_improvement([1.0], [1.0]) == 0.5
    assert probability_of_improvement([0.0, 2.0], [1.0]) == 0.5
    assert probability_of_improvement([0.0, 2.0, 3.0], [1.0, 2.0]) == pytest.approx((0 + 0 + 1 + 0.5 + 1 + 1) / 6)


def test_a_statistic_of_groups_resamples_runs_and_shared_columns() -> None:
    rng = np.random.default_rng(0)
    column = np.arange(10.0)[None, :]
    paired = bootstrap_statistic([column + 1.0, column], lambda groups: float((groups[0] - groups[1]).mean()), rng)
    assert paired == (1.0, 1.0, 1.0), "columns are drawn alike, so what they share cancels"
    spread = bootstrap_statistic([column], lambda groups: float(groups[0].mean()), rng)
    assert spread.value == 4.5 and spread.low < 3.5 < 5.5 < spread.high
    nothing = bootstrap_statistic([column], lambda groups: float("nan"), rng)
    assert np.isnan(nothing.low) and np.isnan(nothing.high)


def test_a_ratio_of_sums_is_resampled_as_one_group_of_a_statistic() -> None:
    rng = np.random.default_rng(1)
    above, below = rng.uniform(0, 5, (4, 12)), rng.uniform(5, 10, (4, 12))
    found = bootstrap_ratio(above, below, np.random.default_rng(0), 20_000)
    both = np.stack([above, below], axis=2)
    slow = bootstrap_statistic(
        [both], lambda g: g[0][..., 0].sum() / g[0][..., 1].sum(), np.random.default_rng(0), 4000
    )
    assert found.value == pytest.approx(above.sum() / below.sum())
    assert found == pytest.approx(slow, abs=0.01)


def test_a_ratio_to_nothing_is_not_known() -> None:
    nothing = bootstrap_ratio(np.ones((1, 3)), np.zeros((1, 3)), np.random.default_rng(0))
    assert all(math.isnan(value) for value in nothing)
    # A route without any of it may be all that is drawn; such resamples say nothing.
    some = bootstrap_ratio(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0]]), np.random.default_rng(0))
    assert some == (0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="must be"):
        bootstrap_ratio(np.ones(3), np.ones(3), np.random.default_rng(0))
    with pytest.raises(ValueError, match="finite"):
        bootstrap_ratio(np.full((1, 1), np.nan), np.ones((1, 1)), np.random.default_rng(0))
