"""MOBIL's decisions, and a change of lane as others see it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.car_following import idm_acceleration
from av_td3_system.town.lane_change import (
    CLEAR,
    SIDEWAYS,
    change_advantage,
    maybe_change,
    mobil_advantage,
    position_beside,
)
from av_td3_system.town.leader import leader
from av_td3_system.town.state import NONE, PATH
from av_td3_system.town.town import load_town
from av_td3_system.town.traffic import move_traffic, place_vehicle
from av_td3_system.town.world import TownWorlds
from benchmarks.traffic_hour import overlapping_pairs
from tests.unit.environments.batches import drive
from tests.unit.town.crossroads import ALIKE, listed

DT = 0.05
LEFT, RIGHT = 0, 1
EGO_LENGTH, EGO_WIDTH = 4.5, 1.9


def make_worlds(vehicles: int, **traffic: Any) -> TownWorlds:
    """One world of TownD with so many vehicles that never stop on purpose."""
    settings = {"vehicles": (vehicles,) * 3, "pause_rate": 0.0, "hazard_rate": 0.0, "on_route": 0, **ALIKE, **traffic}
    worlds = TownWorlds(load_town("TownD"), Config.model_validate({"traffic": settings}), 1, "train")
    worlds.begin(0, 3)
    return worlds


def long_pair(worlds: TownWorlds) -> tuple[int, int]:
    """The longest lane with a neighbour to its left, away from the ego, and that neighbour."""
    lane, world = worlds.roads.lane, worlds.state[0]
    ego = set(world["route_lane"][: world["route_lanes"]].tolist())
    pairs = [(i, int(row["beside"][LEFT])) for i, row in enumerate(lane) if row["beside"][LEFT] != NONE]
    pairs = [pair for pair in pairs if not ego & set(pair)]
    return max(pairs, key=lambda pair: float(lane["length"][pair[0]]))


def put(worlds: TownWorlds, i: int, lane: int, s: float, speed: float) -> None:
    roads, world = worlds.roads, worlds.state[0]
    world["lane"][i] = world["path"][i, 0] = lane
    for k in range(1, PATH):
        world["path"][i, k] = roads.successors[roads.lane["successor_first"][world["path"][i, k - 1]]]
    world["s"][i], world["speed"][i] = s, speed
    world["size"][i, :2] = 4.5, 1.8
    world["speed_factor"][i] = 0.9
    world["shift"][i] = world["pause"][i] = world["standing"][i] = 0.0
    world["granted"][i] = world["leaving"][i] = world["from_lane"][i] = NONE
    world["ticket"][i] = -1.0
    place_vehicle(roads, world, i)


def worth(worlds: TownWorlds, i: int, side: int = LEFT) -> float:
    return change_advantage(worlds.roads, worlds.traffic, worlds.state[0], listed(worlds), i, side, EGO_LENGTH, DT)


def tick(worlds: TownWorlds) -> None:
    move_traffic(worlds.roads, worlds.traffic, worlds.state[0], listed(worlds), EGO_LENGTH, EGO_WIDTH, DT)
    worlds.state[0]["tick"] += 1
    worlds.state[0]["time"] += DT


def test_the_criterion_is_the_papers() -> None:
    # Eq. 7 with p = 0.5: own gain 1.0, the new follower loses 0.6, the old one gains 0.2.
    assert mobil_advantage(1.0, -0.6, 0.2, 0.5) == pytest.approx(0.8)
    assert mobil_advantage(1.0, -0.6, 0.2, 0.0) == 1.0, "an egoist"


def test_a_slow_leader_is_overtaken_and_a_free_lane_kept() -> None:
    worlds = make_worlds(2)
    lane, other = long_pair(worlds)
    put(worlds, 0, lane, 30.0, 7.0)
    put(worlds, 1, other, 20.0, 7.0)
    assert worth(worlds, 0) < 0.1, "nothing to be gained on a free road"
    put(worlds, 1, lane, 45.0, 1.0)
    world, traffic = worlds.state[0], worlds.traffic
    desired = 0.9 * worlds.roads.lane["speed_limit"][lane]
    manners = (traffic.time_headway, traffic.minimum_gap, traffic.max_acceleration, traffic.comfortable_deceleration)
    free = idm_acceleration(7.0, desired, np.inf, 0.0, *manners)
    behind = idm_acceleration(7.0, desired, 15.0 - 4.5, 1.0, *manners)
    assert worth(worlds, 0) == pytest.approx(free - behind), "its own gain alone: nobody follows"
    world["tick"] = 0
    maybe_change(worlds.roads, traffic, world, listed(worlds), 0, EGO_LENGTH, DT)
    assert world["lane"][0] == other and world["from_lane"][0] == lane
    assert world["path"][0, 0] == other
    first = worlds.roads.lane["successor_first"][other]
    following = worlds.roads.successors[first : first + worlds.roads.lane["successor_count"][other]]
    assert world["path"][0, 1] in following, "it goes on where the new lane leads"


def test_politeness_weighs_what_others_lose() -> None:
    polite, rude = make_worlds(3, politeness=1.0), make_worlds(3, politeness=0.0)
    for worlds in (polite, rude):
        lane, other = long_pair(worlds)
        put(worlds, 0, lane, 40.0, 6.0)
        put(worlds, 1, lane, 58.0, 4.5)
        put(worlds, 2, other, 24.0, 7.0)
    assert worth(rude, 0) > 0.1 > worth(polite, 0)


def test_nobody_cuts_in_front_of_a_fast_follower() -> None:
    worlds = make_worlds(3)
    lane, other = long_pair(worlds)
    put(worlds, 0, lane, 45.0, 2.0)
    put(worlds, 1, lane, 52.0, 0.0)
    put(worlds, 2, other, 33.0, 8.0)
    assert worth(worlds, 0) == -np.inf
    put(worlds, 2, other, 47.0, 2.0)
    assert worth(worlds, 0) == -np.inf, "somebody is beside it"


def test_near_the_ends_of_a_lane_nobody_changes() -> None:
    worlds = make_worlds(1)
    lane, _ = long_pair(worlds)
    for s in (5.0, float(worlds.roads.lane["length"][lane]) - 30.0):
        put(worlds, 0, lane, s, 5.0)
        assert worth(worlds, 0) == -np.inf


def test_the_ego_counts_on_both_lanes() -> None:
    worlds = make_worlds(1)
    roads, world = worlds.roads, worlds.state[0]
    lane, other = long_pair(worlds)
    put(worlds, 0, lane, 40.0, 7.0)
    world["route_lane"][0], world["route_s"], world["ego_speed"] = lane, 0.0, 0.0
    world["route_lane_start"][0], world["route_lane_start"][1] = -52.0, 1e3
    assert worth(worlds, 0) > 1.0, "the ego stands ahead"
    world["route_lane"][0] = other
    there = position_beside(roads, lane, 40.0, LEFT)
    world["route_lane_start"][0] = -there
    assert worth(worlds, 0) == -np.inf, "the ego is beside"


def test_a_change_is_smooth_and_blocks_both_lanes_meanwhile() -> None:
    worlds = make_worlds(3)
    lane, other = long_pair(worlds)
    roads, world = worlds.roads, worlds.state[0]
    put(worlds, 0, lane, 30.0, 7.0)
    put(worlds, 1, lane, 44.0, 1.0)
    put(worlds, 2, lane, 12.0, 5.0)
    world["speed_factor"][1] = 0.12
    before = np.array([world["x"][0], world["y"][0]])
    seen_behind, ticks = [], 0
    while ticks < 200 and (ticks < 15 or world["shift"][0] != 0.0):
        heading = float(world["heading"][0])
        tick(worlds)
        after = np.array([world["x"][0], world["y"][0]])
        step = after - before
        aside = abs(-np.sin(heading) * step[0] + np.cos(heading) * step[1])
        assert aside < SIDEWAYS * DT + 0.05 and np.hypot(*step) < 9.0 * DT, "it never jumps"
        before = after
        if world["from_lane"][0] == lane:
            assert abs(world["shift"][0]) > CLEAR
            seen_behind.append(leader(roads, world, listed(worlds), 2)[0])
        ticks += 1
    assert world["lane"][0] == other and world["shift"][0] == 0.0 and world["from_lane"][0] == NONE
    assert seen_behind and max(seen_behind) < 20.0, "who follows on the old lane still sees it"
    assert 2.0 < ticks * DT < 8.0


@pytest.mark.parametrize("vehicles", [20, 100])
def test_in_a_town_with_two_lanes_a_side_lanes_are_changed_and_nobody_collides(vehicles: int) -> None:
    config = Config.model_validate(
        {
            "environment": {"town": "TownD", "blank_image": True},
            "traffic": {"vehicles": (vehicles,) * 3},
        }
    )
    env = TownVectorEnv(config, 4, seed=1)
    env.reset()
    changes, longest = 0, 0.0
    was = env.worlds.state["from_lane"].copy()
    for _ in range(200):
        drive(env, "privileged", 3)
        state = env.worlds.state
        changes += int(((state["from_lane"] != NONE) & (was == NONE)).sum())
        was = state["from_lane"].copy()
        assert overlapping_pairs(state) == 0
        longest = max(longest, float(state["standing"].max()))
    assert changes > 10 and longest < 60.0
