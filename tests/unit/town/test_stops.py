"""Short stops: where, how long, and more of them ahead of the ego."""

from __future__ import annotations

import numpy as np

from av_td3_system.town.state import NONE
from tests.unit.environments.batches import drive, make_batch


def pauses(hazard_rate: float, decisions: int = 400) -> tuple[int, float]:
    """Stops begun while the ego was driven about, and the longest duration drawn."""
    env = make_batch(4, vehicles=20, pause_rate=0.0, hazard_rate=hazard_rate)
    begun, longest = 0, 0.0
    for _ in range(decisions):
        before = env.worlds.state["pause"].copy()
        drive(env, "privileged", 1)
        after = env.worlds.state["pause"]
        begun += int(((before <= 0.0) & (after > 0.0)).sum())
        longest = max(longest, float(after.max()))
    return begun, longest


def test_vehicles_stop_ahead_of_the_ego_for_as_long_as_set() -> None:
    begun, longest = pauses(hazard_rate=0.5)
    assert begun >= 3 and 5.0 < longest <= 16.0


def test_nobody_stops_where_the_rates_are_zero() -> None:
    assert pauses(hazard_rate=0.0, decisions=200) == (0, 0.0)


def test_stops_lie_off_junctions_and_without_a_follower() -> None:
    env = make_batch(4, vehicles=20, pause_rate=0.1)
    roads = env.worlds.roads
    seen = 0
    for _ in range(150):
        before = env.worlds.state["pause"].copy()
        drive(env, "parked", 1)
        state = env.worlds.state
        for w, i in np.argwhere((before <= 0.0) & (state["pause"] > 0.0)):
            seen += 1
            lane = state["lane"][w, i]
            assert roads.lane["junction"][lane] < 0 and state["granted"][w, i] == NONE
            assert state["s"][w, i] > 11.0 and roads.lane["length"][lane] - state["s"][w, i] > 18.0
    assert seen > 10
