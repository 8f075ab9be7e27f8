"""The measures of hand-made episodes."""

from __future__ import annotations

import json

import pytest

from av_td3_system.environments.episode import OUTCOMES
from av_td3_system.evaluation.metrics import summarise
from tests.records import make_episode, success


def test_rates_are_pooled_over_all_kilometres() -> None:
    # One crash after 10 m and 9.99 km without: 0.1 per km, though the mean of the two rates is 50.
    crash = make_episode(distance=10.0, collisions=1)
    long = success(distance=9990.0, lane_invasions=5, off_road=2)
    summary = summarise([crash, long])
    assert summary["collisions_per_km"] == pytest.approx(0.1)
    assert summary["lane_invasions_per_km"] == pytest.approx(0.5)
    assert summary["off_road_per_km"] == pytest.approx(0.2)
    assert summary["distance_km"] == pytest.approx(10.0)
    assert summary["collisions_per_km_upper"] == pytest.approx(0.5572, abs=1e-4)


def test_shares_and_means() -> None:
    summary = summarise([success(episode_reward=600.0), success(episode_reward=500.0), make_episode()])
    assert summary["n_episodes"] == 3
    assert summary["success_rate"] == pytest.approx(2 / 3)
    low, high = summary["success_rate_interval"]
    assert (low, high) == pytest.approx((0.2077, 0.9385), abs=1e-4)
    assert summary["episode_reward"] == pytest.approx(1300 / 3)
    assert summary["episode_reward_std"] == pytest.approx(208.1666, abs=1e-3)
    assert (summary["episode_reward_min"], summary["episode_reward_max"]) == (200.0, 600.0)
    assert summary["route_completion"] == pytest.approx(2.5 / 3)


def test_completion_time_is_over_successes_and_speed_over_everything() -> None:
    summary = summarise([success(time=80.0), success(time=100.0), make_episode(time=20.0, distance=100.0)])
    assert summary["completion_time"] == 90.0
    assert summary["average_speed"] == pytest.approx(3.6 * 1100 / 200)


def test_a_simulator_failure_counts_as_a_failed_episode() -> None:
    lost = make_episode(outcome="simulator_failure", route_completion=0.0, distance=0.0, time=0.0, length=0)
    summary = summarise([success(), lost])
    assert summary["success_rate"] == 0.5
    assert summary["outcomes"]["simulator_failure"] == 1
    assert list(summary["outcomes"]) == list(OUTCOMES)
    assert sum(summary["outcomes"].values()) == 2


def test_a_parked_car_has_no_rate_and_no_time_and_stays_valid_json() -> None:
    parked = make_episode(outcome="stuck", route_completion=0.0, distance=0.0, mean_speed=0.0, time=0.0)
    summary = summarise([parked])
    assert summary["collisions_per_km"] is None
    assert summary["average_speed"] is None
    assert summary["completion_time"] is None
    json.dumps(summary, allow_nan=False)


def test_lateral_deviation_is_weighted_by_distance() -> None:
    summary = summarise(
        [
            make_episode(distance=900.0, mean_lateral_deviation=0.1),
            make_episode(distance=100.0, mean_lateral_deviation=1.1),
        ]
    )
    assert summary["lateral_deviation"] == pytest.approx(0.2)


def test_reward_terms_are_means_of_sums() -> None:
    summary = summarise([make_episode(reward_terms={"safety": -20.0}), make_episode(reward_terms={"safety": 0.0})])
    assert summary["reward_terms"] == {"safety": -10.0}


def test_nothing_cannot_be_summarised() -> None:
    with pytest.raises(ValueError, match="no episode"):
        summarise([])


def test_terms_are_means_over_all_episodes() -> None:
    one, other = {"progress": 10.0, "safety": -20.0}, {"progress": 30.0}
    summary = summarise([make_episode(reward_terms=one), make_episode(reward_terms=other)])
    assert summary["reward_terms"] == {"progress": 20.0, "safety": -10.0}
