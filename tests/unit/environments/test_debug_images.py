"""The views for people: shapes, agreement with the camera and the world's record, and nobody who learns sees them."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from av_td3_system.environments.debug_images import debug_images
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.camera import build_camera, project
from av_td3_system.town.semantic_tags import Tag
from av_td3_system.town.state import TRUCK
from tests.unit.environments.batches import make_batch, town_config


def test_every_view_has_its_shape_and_type() -> None:
    env = make_batch(2, vehicles=20, camera=True)
    frames, before = env.view.frames.copy(), env.worlds.state_dict()
    images = debug_images(env, 1)
    assert {name: (image.shape, image.dtype) for name, image in images.items()} == {
        "camera": ((32, 32), np.dtype(np.uint8)),
        "depth": ((32, 32), np.dtype(np.float32)),
        "semantic": ((32, 32), np.dtype(np.uint8)),
        "instance": ((32, 32), np.dtype(np.int32)),
        "birdseye": ((420, 420, 3), np.dtype(np.uint8)),
    }
    assert np.array_equal(images["camera"], frames[1, -1])
    assert not np.array_equal(images["depth"], debug_images(env, 0)["depth"])
    # Looking changes nothing.
    assert np.array_equal(env.view.frames, frames)
    after = env.worlds.state_dict()
    assert all(np.asarray(after[name]).tobytes() == np.asarray(before[name]).tobytes() for name in before)
    with pytest.raises(IndexError, match="world 2 of 2"):
        debug_images(env, 2)


def test_colour_comes_as_colour_and_supersampling_changes_no_size() -> None:
    config = town_config(5, camera=True)
    update = {"color": "rgb", "supersampling": 2}
    env = TownVectorEnv(config.model_copy(update={"camera": config.camera.model_copy(update=update)}), 1, seed=3)
    observation, _ = env.reset()
    images = debug_images(env, 0)
    assert images["camera"].shape == (32, 32, 3) and images["depth"].shape == (32, 32)
    assert np.array_equal(images["camera"], np.moveaxis(observation["image"][0, -3:], 0, -1))


def test_the_ego_stands_on_the_road_and_vehicles_are_where_the_record_says() -> None:
    env = make_batch(12, vehicles=60, camera=True)
    camera, found = build_camera(env.config.camera), 0
    for world in range(env.num_envs):
        record, images = env.worlds.state[world], debug_images(env, world)
        assert np.mean(np.isin(images["semantic"][-1, 12:20], (Tag.ROADS, Tag.ROAD_LINE))) > 0.9
        cos, sin = math.cos(record["ego_heading"]), math.sin(record["ego_heading"])
        for index in np.unique(images["instance"][images["instance"] >= 0]):
            dx, dy = record["x"][index] - record["ego_x"], record["y"][index] - record["ego_y"]
            place = [dx * cos + dy * sin, dy * cos - dx * sin, 0.5 * record["size"][index, 2]]
            if place[0] < 1.5 * record["size"][index, 0]:
                continue  # one beside the camera may show though its middle does not
            u, v = (float(value) for value in project(camera, place))
            rows, columns = np.nonzero(images["instance"] == index)
            reach = camera.focal * record["size"][index, 0] / max(images["depth"][rows, columns].min(), 1.0)
            assert np.all(np.hypot(columns + 0.5 - u, rows + 0.5 - v) < reach + 1.5)
            tag = Tag.TRUCK if record["kind"][index] == TRUCK else Tag.CAR
            assert np.all(images["semantic"][rows, columns] == tag)
            found += 1
    assert found > 5


def test_no_learner_imports_it() -> None:
    code = (
        "import sys; import av_td3_system.agents.policy, av_td3_system.agents.baselines, av_td3_system.networks, "
        "av_td3_system.training.loop; "
        "print([name for name in sys.modules if name.endswith(('debug_images', 'ray_caster', 'semantic_tags'))])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert found.stdout.strip() == "[]"
