"""When the car's way meets a crossing vehicle's: placed by hand, and against plain geometry in traffic."""

from __future__ import annotations

import numpy as np
import pytest

from av_td3_system.environments.crossings import crossing_times
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.routes import route_pose
from tests.unit.environments.batches import drive, make_batch, town_config

HORIZON, LENGTH, WIDTH = 2.5, 4.5, 1.9


def crossing(angle: float = 90.0, meets_after: float = 1.5, own_speed: float = 8.0, speed: float = 6.0) -> float:
    """Time told of one vehicle whose centre meets the car's after so many seconds, coming at so many degrees."""
    env = make_batch(1, vehicles=1)
    world = env.worlds.state[0]
    world["route_s"], world["ego_speed"] = 20.0, own_speed
    world["ego_x"], world["ego_y"], world["ego_heading"] = route_pose(world, 20.0)
    x, y, _ = route_pose(world, 20.0 + own_speed * meets_after)
    heading = world["ego_heading"] + np.radians(angle)
    world["speed"][0], world["heading"][0], world["size"][0] = speed, heading, (4.5, 1.8, 1.5)
    world["x"][0] = x - speed * meets_after * np.cos(heading)
    world["y"][0] = y - speed * meets_after * np.sin(heading)
    return float(crossing_times(env.worlds.state, HORIZON, LENGTH, WIDTH)[0])


def test_a_vehicle_across_the_way_is_met_a_little_before_the_centres_meet() -> None:
    near = 0.5 * (LENGTH + 1.8)
    relative = float(np.hypot(8.0, 6.0))
    for side in (90.0, -90.0):
        assert crossing(side) == pytest.approx(1.5 - near / relative, abs=0.11)


def test_what_braking_would_not_avert_or_what_is_far_does_not_count() -> None:
    assert crossing(own_speed=0.0) == np.inf, "who stands is run into"
    assert crossing(180.0) == np.inf, "head-on"
    assert crossing(angle=10.0, speed=2.0) == np.inf, "a vehicle ahead is the gap's business"
    assert crossing(speed=0.3) == np.inf, "standing"
    assert crossing(meets_after=4.0) == np.inf, "beyond the horizon"


def by_hand(world: np.ndarray) -> float:
    """The same from positions in time, without shortcuts."""
    if world["ego_speed"] <= 0.0:
        return np.inf
    own = np.exp(1j * world["ego_heading"])
    times = np.arange(1, 26) * 0.1
    way = np.array([complex(*route_pose(world, world["route_s"] + world["ego_speed"] * t)[:2]) for t in times])
    found = np.inf
    for j in range(int(world["vehicles"])):
        direction = np.exp(1j * world["heading"][j])
        if world["speed"][j] < 0.5 or (direction * own.conjugate()).real > np.cos(np.radians(30)):
            continue
        near = 0.5 * max(LENGTH + world["size"][j, 1], WIDTH + world["size"][j, 0])
        begin = complex(world["x"][j], world["y"][j])
        fine = np.linspace(0.0, 30.0, 30_000)
        here = complex(world["ego_x"], world["ego_y"])
        if np.abs(begin + direction * 10.0 * fine - here).min() < near:
            continue
        met = np.abs(begin + direction * world["speed"][j] * times - way) < near
        if met.any():
            found = min(found, times[met.argmax()])
    return found


def test_times_in_traffic_are_those_of_plain_geometry() -> None:
    env = TownVectorEnv(town_config(100), 4, seed=3)
    env.reset()
    finite = 0
    for _ in range(60):
        env.step(np.tile(np.array([0.0, 0.5], np.float32), (4, 1)))
        told = crossing_times(env.worlds.state, HORIZON, LENGTH, WIDTH)
        for w in range(4):
            assert told[w] == pytest.approx(by_hand(env.worlds.state[w]), abs=1e-6)
            finite += bool(np.isfinite(told[w]))
    assert finite > 5


def test_it_costs_only_where_it_is_asked_for() -> None:
    def rewards(crossing: float) -> np.ndarray:
        config = town_config(100).model_copy()
        config = config.model_copy(update={"reward": config.reward.model_copy(update={"crossing": crossing})})
        env = TownVectorEnv(config, 4, seed=3)
        env.reset()
        return drive(env, "pid-pursuit", 150)[0]

    free, dear = rewards(0.0), rewards(0.5)
    assert (dear <= free + 1e-12).all() and (dear < free).any()
    assert (free - dear).max() <= 0.5
