"""What CARLA's cameras show is what the town's own show from the same place."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from av_td3_system.carla_server.cameras import Eyes
from av_td3_system.carla_server.conventions import Pose, attached
from av_td3_system.carla_server.session import Session
from av_td3_system.config.load import load_config
from av_td3_system.environments.debug_images import debug_images
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.weather import WEATHERS

SIZE, FOV = (84, 84), 100.0
MOUNTING = Pose(x=0.8, z=1.6, pitch=-6.0)  # the town's default


@functools.lru_cache(maxsize=1)
def town_env() -> TownVectorEnv:
    env = TownVectorEnv(load_config(overrides=["camera.color=rgb", "environment.weathers=[CloudySunset]"]), 1, seed=5)
    env.reset()
    return env


def place_of_ego(env: TownVectorEnv, session: Session) -> Pose:
    """Puts the town's own vehicles into the episode; CARLA's pose of the ego."""
    record, bodies = env.worlds.state[0], session.episode.bodies
    paint = _paint(env)
    for i in range(int(record["vehicles"] + record["parked"])):
        pose = Pose(record["x"][i], -record["y"][i], 0.0, 0.0, -np.degrees(record["heading"][i]), 0.0)
        size = tuple(float(part) for part in record["size"][i])
        bodies.add(1000 + i, size, pose, kind=int(record["kind"][i]), paint=tuple(paint[i]))  # type: ignore[arg-type]
        bodies.of(1000 + i)["brake"] = record["brake"][i]
    heading = float(record["ego_heading"])
    return Pose(float(record["ego_x"]), -float(record["ego_y"]), 0.0, 0.0, -np.degrees(heading), 0.0)


def _paint(env: TownVectorEnv) -> np.ndarray:
    from av_td3_system.town.colours import vehicle_paint

    return vehicle_paint(env.worlds.state["shade"].astype(np.float32), 3)[:, 0].T


@pytest.mark.parametrize("decisions", [0, 15])
def test_a_picture_equals_the_towns_own(session: Session, decisions: int) -> None:
    env = town_env()
    for _ in range(decisions):
        env.step(np.array([[0.05, 0.6]], np.float32))
    ego = place_of_ego(env, session)
    seen = debug_images(env, 0)
    eyes, pose, bodies = session.episode.eyes, attached(ego, MOUNTING), session.episode.bodies
    weather = WEATHERS["CloudySunset"]
    colour = eyes.color(pose, SIZE, FOV, weather, bodies, None, seed=0)
    np.testing.assert_array_equal(colour[..., 2::-1], seen["camera"])
    assert (colour[..., 3] == 255).all()
    np.testing.assert_array_equal(eyes.tags(pose, SIZE, FOV, bodies, None)[..., 2], seen["semantic"])
    depth = eyes.depth(pose, SIZE, FOV, bodies, None).astype(np.float64)
    meters = 1000.0 * (depth[..., 2] + 256.0 * depth[..., 1] + 65536.0 * depth[..., 0]) / (2**24 - 1)
    np.testing.assert_allclose(meters, seen["depth"], atol=1e-4)


def test_the_carrier_is_not_in_its_own_picture(session: Session) -> None:
    episode = session.episode
    start = episode.place.spawn_points[0]
    car = episode.spawn([0, "vehicle.tesla.model3", []], start)
    other = attached(start, Pose(x=-8.0, z=1.6))
    views = [
        episode.eyes.color(other, SIZE, FOV, episode.weather, episode.bodies, carrier, 0)
        for carrier in (None, car.identifier)
    ]
    assert (views[0] != views[1]).any()
    episode.destroy(car.identifier)
    np.testing.assert_array_equal(
        views[1], episode.eyes.color(other, SIZE, FOV, episode.weather, episode.bodies, None, 0)
    )


def test_memory_for_weathers_and_cameras_is_bounded(session: Session) -> None:
    eyes, pose = Eyes(session.episode.place.town), Pose(z=1.6)
    for k in range(12):
        eyes.color(pose, (16 + k, 16), 90.0, WEATHERS["ClearNoon"], session.episode.bodies, None, 0)
    assert len(eyes._lights) == 8


@pytest.mark.parametrize("pose", [Pose(z=-3.0), Pose(z=60.0, pitch=-90.0), Pose(z=2.0, pitch=170.0, roll=45.0)])
def test_any_pose_gives_a_picture(session: Session, pose: Pose) -> None:
    episode = session.episode
    picture = episode.eyes.color(pose, (20, 10), 90.0, episode.weather, episode.bodies, None, 0)
    assert picture.shape == (10, 20, 4)
