"""What the privileged drivers see: the leader along the route and the line they must wait at."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.perception import arrival_conflict, find_leader, leader_on_route, line_ahead
from av_td3_system.town.right_of_way import ego_connector
from av_td3_system.town.routes import route_pose
from av_td3_system.town.state import NONE
from av_td3_system.town.world import TownWorlds
from tests.unit.environments.batches import make_batch

EGO = (4.5, 1.9)


@pytest.fixture
def worlds() -> TownWorlds:
    return make_batch(4, vehicles=1).worlds


def put_ahead(world: np.void, gap: float, speed: float, turned: float = 0.0, who: int = 0) -> None:
    """Another vehicle with its rear `gap` m ahead of the ego's front, along the route."""
    length = world["size"][who, 0]
    x, y, heading = route_pose(world, world["route_s"] + 0.5 * EGO[0] + gap + 0.5 * length)
    world["x"][who], world["y"][who], world["heading"][who], world["speed"][who] = x, y, heading + turned, speed


@pytest.mark.parametrize("gap", [1.0, 6.0, 20.0, 38.0])
def test_gap_and_speed_of_the_leader(worlds: TownWorlds, gap: float) -> None:
    for world in worlds.state:
        put_ahead(world, gap, 4.0)
        find_leader(world, *EGO)
        assert world["lead_gap"] == pytest.approx(gap, abs=0.8)
        assert world["lead_speed"] == pytest.approx(4.0, rel=0.05)


def test_gap_and_speed_are_those_of_the_vehicle_that_is_named() -> None:
    worlds = make_batch(4, vehicles=4).worlds
    for world in worlds.state:
        for who, gap in enumerate((30.0, 20.0, 8.0, 14.0)):
            put_ahead(world, gap, 1.0 + who, who=who)
        for expected in (2, 3, 1, 0):
            gap, speed, who = leader_on_route(world, *EGO)
            find_leader(world, *EGO)
            assert who == expected and (gap, speed) == (world["lead_gap"], world["lead_speed"])
            assert speed == pytest.approx(1.0 + who, rel=0.05)
            world["x"][who] = 1e6
        assert leader_on_route(world, *EGO) == (np.inf, 0.0, NONE)


def test_no_leader_behind_beside_or_far_away(worlds: TownWorlds) -> None:
    for world in worlds.state:
        put_ahead(world, 60.0, 4.0)
        find_leader(world, *EGO)
        assert world["lead_gap"] == np.inf
        world["x"][0] = world["ego_x"] - 8.0 * np.cos(world["ego_heading"])
        world["y"][0] = world["ego_y"] - 8.0 * np.sin(world["ego_heading"])
        find_leader(world, *EGO)
        assert world["lead_gap"] == np.inf
        world["x"][0] = world["ego_x"] - 3.5 * np.sin(world["ego_heading"])
        world["y"][0] = world["ego_y"] + 3.5 * np.cos(world["ego_heading"])
        world["heading"][0] = world["ego_heading"] + np.pi
        find_leader(world, *EGO)
        assert world["lead_gap"] == np.inf


def test_an_oncoming_vehicle_on_the_route_is_taken_to_stand(worlds: TownWorlds) -> None:
    for world in worlds.state:
        put_ahead(world, 10.0, 4.0, turned=np.pi)
        find_leader(world, *EGO)
        assert world["lead_speed"] == 0.0


def test_line_is_seen_until_the_way_is_granted(worlds: TownWorlds) -> None:
    for world in worlds.state:
        k = ego_connector(worlds.roads, world, EGO[0])
        expected = world["route_lane_start"][k] - world["route_s"] - 0.5 * EGO[0]
        assert line_ahead(worlds.roads, world, EGO[0]) == pytest.approx(expected)
        world["ego_granted"] = k
        assert line_ahead(worlds.roads, world, EGO[0]) == np.inf


def test_arrival_conflict_needs_somebody_to_arrive(worlds: TownWorlds) -> None:
    for world in worlds.state:
        world["speed"][0] = 0.0
        assert arrival_conflict(worlds.roads, world, EGO[0], 4.0, 1.5) == np.inf or world["lane"][0] >= 0
        world["vehicles"] = 0
        assert arrival_conflict(worlds.roads, world, EGO[0], 4.0, 1.5) == np.inf
