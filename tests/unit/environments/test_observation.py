"""The vector observation: scaled, signed, and never without a way ahead."""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.environments.observation import (
    CAR_NUMBERS,
    COMMAND_NUMBERS,
    LIMIT,
    OWN_NUMBERS,
    observation_scales,
    observe,
    vector_dim,
)
from av_td3_system.environments.town_env import TownEnv
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.passages import FOLLOW, TURNS, next_turn
from av_td3_system.town.routes import locate_ego, route_pose
from tests.unit.environments.batches import drive, make_batch, town_config


def observed(env: TownVectorEnv) -> np.ndarray:
    scales = observation_scales(env.config.environment, env.config.vehicle)
    out = np.zeros((env.num_envs, vector_dim(env.config.environment)), np.float32)
    observe(env.worlds.state, scales, np.zeros((env.num_envs, 2), np.float32), np.ones(env.num_envs, bool), out)
    return out


def commanded(num_envs: int, **environment: object) -> TownVectorEnv:
    return make_batch(num_envs, vehicles=0, environment={"navigation": "command", **environment})


def place(env: TownVectorEnv, s: float, lateral: float, turn: float) -> None:
    for world in env.worlds.state:
        x, y, heading = route_pose(world, s)
        world["route_s"] = s
        world["ego_x"], world["ego_y"] = x - lateral * math.sin(heading), y + lateral * math.cos(heading)
        world["ego_heading"] = heading + turn
        locate_ego(world, 6.0, 8.0)


def test_mirrored_poses_flip_the_signs() -> None:
    """Lesson: an unsigned lateral deviation cannot be steered by."""
    env = make_batch(6, vehicles=0)
    place(env, 12.0, 0.8, 0.1)
    left = observed(env)
    place(env, 12.0, -0.8, -0.1)
    right = observed(env)
    assert np.all(left[:, 5] > 0) and np.allclose(left[:, 5], -right[:, 5], atol=0.1)
    assert np.all(left[:, 6] > 0) and np.allclose(left[:, 6], -right[:, 6], atol=0.1)


def test_waypoints_are_ahead_even_at_the_goal() -> None:
    env = make_batch(6, vehicles=0)
    for s in (0.0, 100.0, 250.0, 399.0, "goal"):
        for world in env.worlds.state:
            at = world["route_length"] if s == "goal" else s
            world["route_s"] = at
            world["ego_x"], world["ego_y"], world["ego_heading"] = route_pose(world, at)
            locate_ego(world, 2.0, 2.0)
        points = observed(env)[:, OWN_NUMBERS:].reshape(6, -1, 2)
        assert np.all(points[:, 0, 0] > 0.0)  # the nearest is in front
        assert np.all(np.abs(points).sum(axis=2) > 0.05)
        apart = np.linalg.norm(np.diff(points, axis=1), axis=2)
        assert np.all(apart > 0.02)


def test_straight_ahead_is_straight_ahead() -> None:
    env = make_batch(1, vehicles=0)
    environment = env.config.environment
    world = env.worlds.state[0]
    n = int(world["route_points"])
    world["route_x"][:n] = np.arange(n) * 0.5
    world["route_y"][:n] = 0.0
    world["route_heading"][:n] = 0.0
    world["route_s"] = world["ego_x"] = 20.0
    world["ego_y"] = world["ego_heading"] = 0.0
    points = observed(env)[0, OWN_NUMBERS:].reshape(-1, 2)
    expected = (np.arange(environment.waypoints) + 1) * environment.waypoint_spacing / environment.waypoint_scale
    assert np.allclose(points[:, 0], expected, atol=1e-5) and np.allclose(points[:, 1], 0.0, atol=1e-6)


def test_numbers_stay_within_the_limit_and_mostly_within_one() -> None:
    env = make_batch(6, vehicles=20)
    seen = []
    for _ in range(60):
        drive(env, "privileged", 3)
        seen.append(observed(env))
    values = np.concatenate(seen)
    assert np.isfinite(values).all() and np.abs(values).max() <= LIMIT
    assert np.mean(np.abs(values) <= 1.5) > 0.95


def test_by_command_the_vector_is_the_cars_own_numbers_and_the_next_turn() -> None:
    env = commanded(8, command_distance=25.0)
    told = set()
    for s in np.arange(0.0, 390.0, 7.0):
        place(env, s, 0.0, 0.0)
        vector = observed(env)
        assert vector.shape == (8, CAR_NUMBERS + COMMAND_NUMBERS)
        for row, world in zip(vector, env.worlds.state, strict=True):
            turn, distance = next_turn(world, 25.0)
            np.testing.assert_array_equal(row[CAR_NUMBERS:-1], np.eye(TURNS)[turn])
            assert row[-1] == np.float32(distance / 25.0) and 0.0 <= row[-1] <= 1.0
            assert (turn == FOLLOW) == (row[-1] == 1.0)
            told.add(turn)
    assert told == set(range(TURNS))


def test_by_command_nothing_tells_where_the_car_is_in_its_lane() -> None:
    env, twin = commanded(6), make_batch(6, vehicles=0)
    drive(env, "privileged", 40)
    for s in (20.0, 111.0, 254.0, 387.0):
        seen = []
        for lateral, turn in ((0.0, 0.0), (0.9, 0.2), (-1.4, -0.3), (3.0, 1.0)):
            place(env, s, lateral, turn)
            env.worlds.state["route_s"] = s  # in a bend another point of the route may be nearest
            seen.append(observed(env))
            assert abs(env.worlds.state["lateral"] - lateral).max() < 0.2
        for other in seen[1:]:
            np.testing.assert_array_equal(seen[0], other)
    place(twin, 20.0, 0.9, 0.2)
    assert observed(twin).shape[1] > seen[0].shape[1] and np.all(observed(twin)[:, 5:7] > 0.3)


def test_by_command_the_first_numbers_are_those_of_waypoints_and_the_space_is_true() -> None:
    env, twin = commanded(3), make_batch(3, vehicles=0)
    for action in np.random.default_rng(0).uniform(-0.2, 1.0, (40, 3, 2)).astype(np.float32):
        by_command, by_waypoints = env.step(action)[0], twin.step(action)[0]
        np.testing.assert_array_equal(by_command["vector"][:, :CAR_NUMBERS], by_waypoints["vector"][:, :CAR_NUMBERS])
        assert env.observation_space.contains(by_command)
    single = TownEnv(town_config(0, environment={"navigation": "command"}))
    first, _ = single.reset(seed=1)
    assert single.observation_space["vector"].shape == first["vector"].shape == (10,)  # type: ignore[index]
    assert single.observation_space.contains(first)
