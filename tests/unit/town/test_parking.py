"""Parked vehicles stand clear of every lane, never move, and can be hit."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.config.schema import Config
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.state import NONE
from av_td3_system.town.surface import OFF_ROAD, kind_at
from benchmarks.traffic_hour import overlapping_pairs
from tests.unit.environments.batches import drive, drive_quota, make_batch

TOWNS = ("TownA", "TownB", "TownC", "TownD")
CLEAR = 0.3  # m around a parked vehicle that no lane reaches into
JUNCTION = 12.0  # m around a connecting lane's centre in which nobody parks


def parked_of(world: np.void) -> slice:
    first = int(world["vehicles"])
    return slice(first, first + int(world["parked"]))


def town_with(parked: int, town: str = "TownA", vehicles: int = 0, worlds: int = 8) -> TownVectorEnv:
    return make_batch(worlds, vehicles=vehicles, environment={"town": town}, parked=(parked, parked))


@pytest.mark.parametrize("town", TOWNS)
def test_they_stand_beside_the_lanes_and_not_near_a_junction(town: str) -> None:
    env = town_with(10, town)
    lanes, surface = env.town.network.lanes, env.town.surface
    samples = np.concatenate(
        [
            np.stack([lanes.x[a : a + n], lanes.y[a : a + n]], axis=1)
            for a, n, junction in zip(lanes.first, lanes.count, lanes.junction, strict=True)
            if junction >= 0
        ]
    )
    found = 0
    for world in env.worlds.state:
        for i in range(*parked_of(world).indices(len(world["x"]))):
            found += 1
            place = np.array([world["x"][i], world["y"][i]])
            along = np.array([np.cos(world["heading"][i]), np.sin(world["heading"][i])])
            across = np.array([-along[1], along[0]])
            length, width = world["size"][i, :2]
            for a in np.linspace(-1, 1, 31) * (0.5 * length + CLEAR):
                for b in np.linspace(-1, 1, 5) * (0.5 * width + CLEAR):
                    assert kind_at(surface, *(place + a * along + b * across)) == OFF_ROAD
            assert np.hypot(*(samples - place).T).min() > JUNCTION
            assert world["lane"][i] == NONE
    assert found > 40, "there is room for most of the 80"
    assert overlapping_pairs(env.worlds.state) == 0


def test_they_never_move_and_traffic_does_not_mind_them() -> None:
    def moving(parked: int) -> tuple[np.ndarray, np.ndarray]:
        env = town_with(parked, vehicles=12, worlds=4)
        at_rest = [world["x"][parked_of(world)].copy() for world in env.worlds.state]
        drive(env, "parked", 100)
        for world, x in zip(env.worlds.state, at_rest, strict=True):
            assert np.array_equal(world["x"][parked_of(world)], x)
        return env.worlds.state["x"][:, :12].copy(), env.worlds.state["parked"].copy()

    without, none = moving(0)
    beside, some = moving(8)  # in the same records: both fit into twenty slots
    assert none.sum() == 0 and some.sum() > 10
    assert np.array_equal(without[:, :12] < -1e5, beside[:, :12] < -1e5)


def test_who_stays_in_its_lane_passes_them_all() -> None:
    env = TownVectorEnv(
        Config.model_validate(
            {
                "environment": {"blank_image": True},
                "camera": {"width": 32, "height": 32},
                "traffic": {"vehicles": (0, 0, 0), "parked": (20, 20)},
            }
        ),
        8,
    )
    records = drive_quota(env, "privileged", [[w] for w in range(8)])
    assert [record.outcome for record in records] == ["goal_reached"] * 8


def test_hitting_one_is_a_collision() -> None:
    env = town_with(8, worlds=4)
    state = env.worlds.state
    for world in state:
        i = parked_of(world).start
        world["ego_x"], world["ego_y"], world["ego_heading"] = world["x"][i], world["y"][i], world["heading"][i]
    env.worlds.advance(np.zeros((4, 2)), np.ones(4, bool))
    assert np.all(state["collided"] == 1)


def test_their_number_is_drawn_from_the_range_set() -> None:
    env = make_batch(64, vehicles=0, parked=(1, 3))
    assert set(env.worlds.state["parked"].tolist()) == {1, 2, 3}
