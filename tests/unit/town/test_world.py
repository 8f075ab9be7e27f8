"""A batch of worlds: events, determinism, exact restoring."""

from __future__ import annotations

import math

import numpy as np
import pytest

from av_td3_system.config.errors import UserError
from av_td3_system.config.schema import Config
from av_td3_system.town.routes import locate_ego, route_pose
from av_td3_system.town.town import load_town
from av_td3_system.town.world import TownWorlds
from tests.unit.environments.batches import same_worlds, town_config

N = 3
ALL = np.ones(N, np.bool_)
STILL = np.zeros((N, 2))


def make(vehicles: int = 0, seed: int = 11) -> TownWorlds:
    worlds = TownWorlds(load_town("TownA"), town_config(vehicles), N, "train")
    for w in range(N):
        worlds.begin(w, seed + w)
    return worlds


def put_ego(worlds: TownWorlds, s: float, lateral: float = 0.0, turn: float = 0.0, speed: float = 0.0) -> None:
    """Every ego at arc length `s` of its route, shifted to the left and turned."""
    for world in worlds.state:
        x, y, heading = route_pose(world, s)
        world["route_s"] = s
        world["ego_x"], world["ego_y"] = x - lateral * math.sin(heading), y + lateral * math.cos(heading)
        world["ego_heading"], world["ego_speed"] = heading + turn, speed
        locate_ego(world, 6.0, 8.0)


def test_the_same_seed_gives_the_same_world_to_the_bit() -> None:
    a, b = make(20), make(20)
    actions = np.random.default_rng(0).uniform(-1, 1, (40, N, 2))
    for action in actions:
        a.advance(action, ALL)
        b.advance(action, ALL)
    assert same_worlds(a.state, b.state)
    assert not same_worlds(make(20, seed=12).state, make(20).state)


def test_state_dict_restores_to_the_bit() -> None:
    worlds = make(20)
    actions = np.random.default_rng(1).uniform(-1, 1, (60, N, 2))
    for action in actions[:10]:
        worlds.advance(action, ALL)
    kept = worlds.state_dict()
    for action in actions[10:]:
        worlds.advance(action, ALL)
    other = make(20, seed=99)
    other.load_state_dict(kept)
    for action in actions[10:]:
        other.advance(action, ALL)
    for name, column in worlds.state_dict().items():
        assert np.array_equal(column, other.state[name], equal_nan=True), name


def test_a_decision_is_its_ticks_and_idle_worlds_stand_still() -> None:
    worlds = make()
    before = worlds.state.copy()
    worlds.advance(np.tile([0.0, 1.0], (N, 1)), np.array([True, False, True]))
    assert worlds.state["tick"].tolist() == [2, 0, 2]
    assert worlds.state["time"].tolist() == pytest.approx([0.1, 0.0, 0.1])
    before["invasions"] = 0
    assert same_worlds(worlds.state[1], before[1])


def test_driving_off_the_road_is_noticed_and_the_lane_is_not_off_road() -> None:
    worlds = make()
    put_ego(worlds, 10.0)
    worlds.advance(STILL, ALL)
    assert not worlds.state["off_road"].any() and not worlds.state["wrong_way"].any()
    put_ego(worlds, 10.0, lateral=-1.75)  # to the right: the pavement
    worlds.advance(STILL, ALL)
    assert worlds.state["off_road"].all()


def test_facing_the_oncoming_traffic_or_leaving_the_route_is_the_wrong_way() -> None:
    worlds = make()
    put_ego(worlds, 10.0, turn=math.pi)
    worlds.advance(STILL, ALL)
    assert worlds.state["wrong_way"].all()
    worlds = make()
    put_ego(worlds, 10.0, lateral=3.5)  # in the oncoming lane
    worlds.advance(STILL, ALL)
    assert worlds.state["wrong_way"].all()


def test_lane_invasion_is_an_edge() -> None:
    """Lesson: events were read on the last step only; an event is a rising edge, counted once."""
    worlds = make()
    counts = []
    for lateral in (0.0, 1.2, 1.2, 1.2, 0.0, 1.2):
        put_ego(worlds, 8.0, lateral=lateral)
        worlds.advance(STILL, ALL)
        counts.append(worlds.state["invasions"].tolist())
    assert counts == [[0] * N, [1] * N, [0] * N, [0] * N, [0] * N, [1] * N]


def test_touching_another_vehicle_is_a_collision_and_passing_by_is_not() -> None:
    worlds = make(20)
    for offset, expected in ((10.0, 0), (3.0, 1)):
        for world in worlds.state:
            world["ego_speed"], world["collided"] = 0.0, 0
            world["x"][0] = world["ego_x"] + offset * math.cos(world["ego_heading"])
            world["y"][0] = world["ego_y"] + offset * math.sin(world["ego_heading"])
            world["heading"][0] = world["ego_heading"]
            world["lane"][0], world["s"][0] = world["route_lane"][0], -world["route_lane_start"][0] + offset
            world["speed"][0], world["pause"][0] = 0.0, 50.0
        worlds.advance(STILL, ALL)
        assert worlds.state["collided"].tolist() == [expected] * N


def test_a_route_pays_its_progress_once() -> None:
    """Lesson: going back and forth must not earn the same metres again."""
    worlds = make()
    put_ego(worlds, 20.0)
    worlds.advance(STILL, ALL)
    best = worlds.state["route_best"].copy()
    for s in (10.0, 14.0, 20.0):
        put_ego(worlds, s)
        worlds.advance(STILL, ALL)
        assert np.allclose(worlds.state["route_best"], best, atol=0.02)


def test_impossible_route_lengths_are_refused() -> None:
    config = Config.model_validate({"environment": {"route_length": (9000.0, 9500.0)}})
    worlds = TownWorlds(load_town("TownA"), config, 1, "train")
    with pytest.raises(UserError, match="route_length"):
        worlds.begin(0, 1)
