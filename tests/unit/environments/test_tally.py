"""Sums of an episode and the record made of them."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.environments.tally import EpisodeTally
from av_td3_system.rewards import TERMS


def test_sums_of_active_worlds_become_a_record() -> None:
    tally = EpisodeTally(2)
    terms = np.tile([-0.1, 0.0, 0.0, 0.0, 1.0], (2, 1))
    active = np.array([True, False])
    for invasions in (1, 0, 2):
        tally.add(active, terms.sum(1), terms, np.array([invasions, 5]), np.array([-0.5, 9.0]))
    record = tally.record(
        0,
        outcome="collision",
        episode_seed=3,
        scenario=1,
        town="T",
        weather="W",
        route_length=100.0,
        route_best=50.0,
        distance=51.0,
        time=10.0,
        vehicles=20,
    )
    assert record.episode_reward == pytest.approx(2.7) and record.length == 3
    assert record.lane_invasions == 3 and record.collisions == 1 and not record.success
    assert record.mean_lateral_deviation == pytest.approx(0.5) and record.route_completion == 0.5
    assert record.mean_speed == pytest.approx(5.1)
    assert list(record.reward_terms) == list(TERMS) and record.reward_terms["progress"] == pytest.approx(3.0)
    assert not any(array[1].any() for array in tally.arrays().values())
    tally.clear(0)
    assert not any(array.any() for array in tally.arrays().values())
