"""The beginning of an episode: the number of vehicles, free room, some of them ahead of the ego."""

from __future__ import annotations

import math

import numpy as np
import pytest

from av_td3_system.town.state import CAR, TRUCK, VAN
from benchmarks.traffic_hour import overlapping_pairs
from tests.unit.environments.batches import make_batch


@pytest.mark.parametrize("vehicles", [0, 20, 100])
def test_as_many_vehicles_as_asked_and_none_overlap(vehicles: int) -> None:
    env = make_batch(6, vehicles=vehicles)
    state = env.worlds.state
    assert (state["vehicles"] == vehicles).all()
    assert overlapping_pairs(state) == 0
    for world in state:
        near = np.hypot(world["x"] - world["ego_x"], world["y"] - world["ego_y"])
        same_way = np.cos(world["heading"] - world["ego_heading"]) > 0.5
        ahead = (world["x"] - world["ego_x"]) * math.cos(world["ego_heading"]) + (
            world["y"] - world["ego_y"]
        ) * math.sin(world["ego_heading"])
        in_lane = same_way & (np.abs(near**2 - ahead**2) < 1.0)
        assert not (in_lane & (near < 8.0)).any()


def test_vehicles_lie_on_roads_within_the_ranges_set() -> None:
    env = make_batch(4, vehicles=20)
    traffic, state, roads = env.config.traffic, env.worlds.state, env.worlds.roads
    for world in state:
        n = int(world["vehicles"])
        assert (roads.lane["junction"][world["lane"][:n]] < 0).all()
        assert (world["s"][:n] <= roads.lane["length"][world["lane"][:n]]).all()
        for kind, prefix in ((CAR, ""), (VAN, "van_"), (TRUCK, "truck_")):
            sizes = world["size"][:n][world["kind"][:n] == kind]
            for column, name in enumerate(("length", "width", "height")):
                low, high = getattr(traffic, prefix + name)
                assert np.all(sizes[:, column] >= low) and np.all(sizes[:, column] <= high)
        slowest = traffic.speed_factor[0] * min(traffic.kind_speed) * min(traffic.driver_speed)
        assert world["speed_factor"][:n].min() >= slowest and world["speed_factor"][:n].max() <= 1.0
        assert (np.diff(np.sort(world["shade"][:n])) > 0).all()


def test_some_begin_ahead_of_the_ego_and_go_its_way() -> None:
    env = make_batch(6, vehicles=20, on_route=4)
    for world in env.worlds.state:
        route = world["route_lane"][: world["route_lanes"]].tolist()
        for i in range(4):
            path = world["path"][i].tolist()
            k = route.index(path[0])
            assert path[: len(route) - k] == route[k : k + 4]


def test_the_ego_stands_on_its_route_at_the_start() -> None:
    state = make_batch(6, vehicles=5).worlds.state
    assert np.allclose(state["lateral"], 0.0, atol=1e-9) and np.allclose(state["heading_error"], 0.0, atol=1e-9)
    assert (state["ego_speed"] == 0.0).all() and (state["route_s"] == 0.0).all() and (state["tick"] == 0).all()
