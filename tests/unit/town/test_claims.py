"""Grants: first come, first served, the ego among the others, and none that is kept for ever."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.town.claims import BLOCKED_AFTER, room_beyond
from av_td3_system.town.right_of_way import ego_connector, find_conflict
from av_td3_system.town.routes import locate_ego, route_pose
from av_td3_system.town.state import NONE
from av_td3_system.town.world import TownWorlds
from tests.unit.town.crossroads import CROSSING, DT, conflicting_pairs, listed, make_worlds, put_before, tick


def ego_before_line(worlds: TownWorlds, distance: float) -> int:
    """Put the ego `distance` m before its first junction; returns the connecting lane it will take."""
    world = worlds.state[0]
    k = ego_connector(worlds.roads, world, worlds.vehicle.length)
    s = world["route_lane_start"][k] - distance - 0.5 * worlds.vehicle.length
    world["route_s"] = s
    world["ego_x"], world["ego_y"], world["ego_heading"] = route_pose(world, s)
    locate_ego(world, 1.0, 1.0)
    return int(world["route_lane"][k])


def rival_of(worlds: TownWorlds, own: int) -> int:
    """A connecting lane that crosses `own` and starts from another road."""
    roads = worlds.roads
    first, count = roads.lane["conflict_first"][own], roads.lane["conflict_count"][own]
    return next(int(c["other"]) for c in roads.conflict[first : first + count] if c["kind"] in (0, 1))


def granted_ego(worlds: TownWorlds, distance: float) -> tuple[int, int]:
    """Have the ego granted its connecting lane `distance` m before it, with a rival far off; returns both lanes."""
    wanted = ego_before_line(worlds, distance)
    rival = rival_of(worlds, wanted)
    put_before(worlds, 0, rival, 60.0, 0.0)
    tick(worlds, ego_speed=3.0)
    assert worlds.state[0]["ego_granted"] != NONE
    return wanted, rival


@pytest.fixture
def one() -> TownWorlds:
    return make_worlds(1)


def test_a_vehicle_that_comes_alone_does_not_stop(one: TownWorlds) -> None:
    connector = conflicting_pairs(one, CROSSING, 1)[0][0]
    put_before(one, 0, connector, 30.0, 5.0)
    slowest = 10.0
    for _ in range(300):
        tick(one)
        slowest = min(slowest, float(one.state[0]["speed"][0]))
        if one.state[0]["leaving"][0] == connector:
            break
    assert one.state[0]["leaving"][0] == connector and slowest > 2.0


def test_an_ego_that_was_granted_first_is_waited_for(one: TownWorlds) -> None:
    wanted, rival = granted_ego(one, 5.0)
    world = one.state[0]
    put_before(one, 0, rival, 10.0, 5.0)
    for _ in range(60):  # the ego dawdles, moving, before its line
        tick(one, ego_speed=0.6)
        world["ego_standing"] = 0.0
        assert (
            world["lane"][0] != rival
            or world["s"][0] + 0.5 * world["size"][0, 0]
            <= (one.roads.conflict["enter"][find_conflict(one.roads, rival, wanted)])
        )


def test_a_claim_of_a_standing_ego_lapses_and_the_others_go(one: TownWorlds) -> None:
    _, rival = granted_ego(one, 3.0)
    world = one.state[0]
    put_before(one, 0, rival, 8.0, 3.0)
    world["ego_standing"] = 0.0
    passed = False
    for _ in range(500):
        tick(one)
        world["ego_standing"] += DT
        passed = passed or world["leaving"][0] == rival
    assert passed


def test_a_driver_that_waited_long_keeps_its_fresh_grant(one: TownWorlds) -> None:
    """A grant lapses by the time it is not used, not by the time that was waited for it."""
    ego_before_line(one, 3.0)
    put_before(one, 0, conflicting_pairs(one, CROSSING, 1)[0][0], 60.0, 0.0)
    world = one.state[0]
    world["ego_standing"] = 30.0
    world["time"] = 30.0
    for _ in range(10):
        tick(one)
        world["ego_standing"] += DT
    assert world["ego_granted"] != NONE


def test_a_vehicle_that_waited_long_keeps_its_fresh_grant(one: TownWorlds) -> None:
    connector = conflicting_pairs(one, CROSSING, 1)[0][0]
    put_before(one, 0, connector, 1.0, 0.0)
    world = one.state[0]
    world["standing"][0] = 2 * BLOCKED_AFTER
    world["time"] = 60.0
    tick(one)
    tick(one)
    assert world["granted"][0] == connector


def test_nobody_enters_without_room_beyond() -> None:
    worlds = make_worlds(2)
    connector = conflicting_pairs(worlds, CROSSING, 1)[0][0]
    roads, world = worlds.roads, worlds.state[0]
    target = int(roads.successors[roads.lane["successor_first"][connector]])
    put_before(worlds, 0, connector, 8.0, 3.0)
    world["lane"][1] = world["path"][1, 0] = target
    world["path"][1, 1:] = roads.successors[roads.lane["successor_first"][target]]
    for _ in range(80):
        world["s"][1], world["speed"][1], world["pause"][1] = 4.0, 0.0, 100.0
        tick(worlds)
        assert world["granted"][0] == NONE and world["lane"][0] != connector
    length = worlds.vehicle.length
    assert not room_beyond(roads, worlds.traffic, world, listed(worlds), target, 4.5, 0, length)
    world["s"][1] = 30.0
    assert room_beyond(roads, worlds.traffic, world, listed(worlds), target, 4.5, 0, length)


def test_orders_of_grants_are_unique() -> None:
    worlds = make_worlds(20)
    orders: dict[int, tuple[int, float]] = {}
    for _ in range(800):
        tick(worlds)
        world = worlds.state[0]
        for i in np.flatnonzero(world["granted"][: world["vehicles"]] != NONE):
            key = (int(i), float(world["granted_at"][i]))
            assert orders.setdefault(int(world["order"][i]), key) == key
    assert len(orders) > 20
