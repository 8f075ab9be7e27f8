"""Routes: one curve with one arc-length coordinate, signed deviations, disjoint splits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from av_td3_system.config.schema import Config
from av_td3_system.town.routes import SPLITS, locate_ego, route_pose, split_of
from av_td3_system.town.state import ROUTE_STEP
from av_td3_system.town.town import load_town
from av_td3_system.town.world import TownWorlds
from tests.unit.environments.batches import same_worlds

EMPTY = Config.model_validate({"traffic": {"vehicles": (0, 0, 0)}})
WORLDS = 24


@pytest.fixture(scope="module", params=list(SPLITS))
def worlds(request: pytest.FixtureRequest) -> TownWorlds:
    batch = TownWorlds(load_town("TownA"), EMPTY, WORLDS, request.param)
    for w in range(WORLDS):
        batch.begin(w, 700 + w)
    return batch


def lanes_to_goal(world: np.void) -> list[int]:
    count = int(np.searchsorted(world["route_lane_start"][: world["route_lanes"]], world["route_length"]))
    return [int(lane) for lane in world["route_lane"][:count]]


def test_splits_share_no_route(worlds: TownWorlds) -> None:
    for world in worlds.state:
        lanes = lanes_to_goal(world)
        assert split_of(np.array(lanes, np.int32), len(lanes)) == worlds.split
        assert len(set(lanes)) == len(lanes)  # no lane twice


def test_every_lane_follows_from_the_one_before(worlds: TownWorlds) -> None:
    lanes = worlds.town.network.lanes
    for world in worlds.state:
        route = world["route_lane"][: world["route_lanes"]]
        for a, b in itertools.pairwise(route):
            first = lanes.successor_first[a]
            assert b in lanes.successors[first : first + lanes.successor_count[a]]


def test_length_is_as_asked_and_the_curve_goes_on_past_the_goal(worlds: TownWorlds) -> None:
    low, high = EMPTY.environment.route_length
    for world in worlds.state:
        assert low <= world["route_length"] <= high
        assert (world["route_points"] - 1) * ROUTE_STEP >= world["route_length"] + 40.0


def test_arc_length_is_continuous_along_the_curve(worlds: TownWorlds) -> None:
    for world in worlds.state:
        n = int(world["route_points"])
        steps = np.hypot(np.diff(world["route_x"][:n]), np.diff(world["route_y"][:n]))
        # small steps are seams between sampled lanes, never jumps
        assert steps.max() < 1.1 * ROUTE_STEP and abs(steps.sum() / ((n - 1) * ROUTE_STEP) - 1.0) < 0.01
        turns = np.abs(np.angle(np.exp(1j * np.diff(world["route_heading"][:n]))))
        assert turns.max() < 0.12  # rad in half a metre: a bend of 4 m radius


def test_waypoints_are_ahead_for_every_pose_along_a_route(worlds: TownWorlds) -> None:
    """Lesson: one list index for two spacings left every waypoint at zero after 0.9 m."""
    environment = EMPTY.environment
    for world in worlds.state[:8]:
        for s in np.arange(0.0, world["route_length"], 1.3):
            x, y, _ = route_pose(world, s)
            before = 0.0
            for k in range(1, environment.waypoints + 1):
                px, py, _ = route_pose(world, s + k * environment.waypoint_spacing)
                distance = math.hypot(px - x, py - y)
                assert distance > 0.8 * environment.waypoint_spacing
                if k <= 3:
                    assert distance > before
                before = distance


@pytest.mark.parametrize("offset", [-3.5, -1.2, 0.4, 1.0, 3.5])
def test_lateral_deviation_is_signed_and_the_oncoming_lane_is_a_lane_width_away(
    worlds: TownWorlds, offset: float
) -> None:
    """Lesson: an unsigned distance to the nearest lane made the oncoming lane a deviation of 0."""
    for world in worlds.state[:8]:
        for s in (15.0, 40.0, 222.0, 333.3):
            x, y, heading = route_pose(world, s)
            world["route_s"] = s
            world["ego_x"], world["ego_y"] = x - offset * math.sin(heading), y + offset * math.cos(heading)
            world["ego_heading"] = heading + 0.2
            locate_ego(world, 6.0, 8.0)
            assert world["lateral"] == pytest.approx(offset, abs=0.06)
            assert world["route_s"] == pytest.approx(s, abs=0.5)
            assert world["heading_error"] == pytest.approx(0.2, abs=0.1)


def test_oncoming_lane_lies_a_lane_width_to_the_left() -> None:
    lanes = load_town("TownA").network.lanes
    for lane in np.flatnonzero(lanes.opposite >= 0):
        other = int(lanes.opposite[lane])
        i, j = (
            lanes.first[lane] + lanes.count[lane] // 2,
            slice(lanes.first[other], lanes.first[other] + lanes.count[other]),
        )
        dx, dy = lanes.x[j] - lanes.x[i], lanes.y[j] - lanes.y[i]
        left = dy * math.cos(lanes.heading[i]) - dx * math.sin(lanes.heading[i])
        nearest = int(np.argmin(dx**2 + dy**2))
        assert left[nearest] == pytest.approx(lanes.width[lane], rel=0.02)


def test_projection_does_not_jump_to_another_part_of_the_route(worlds: TownWorlds) -> None:
    for world in worlds.state[:8]:
        x, y, _ = route_pose(world, 200.0)
        world["route_s"] = 30.0
        world["ego_x"], world["ego_y"] = x, y
        locate_ego(world, 6.0, 8.0)
        assert 23.0 <= world["route_s"] <= 39.0


def test_the_same_seed_draws_the_same_route_and_another_seed_another() -> None:
    batch = TownWorlds(load_town("TownA"), EMPTY, 3, "train")
    for w, seed in enumerate((5, 5, 6)):
        batch.begin(w, seed)
    assert same_worlds(batch.state[0], batch.state[1])
    assert not np.array_equal(batch.state["route_x"][0], batch.state["route_x"][2])
