"""Not drawing what houses hide saves time and must never change the picture."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera import build_camera
from av_td3_system.town.ray_caster import cast_rays
from av_td3_system.town.road_network import RoadNetwork, load_network
from av_td3_system.town.scene_types import POLE, TRUNK, SceneryArrays
from av_td3_system.town.scenery import build_scenery
from av_td3_system.town.semantic_tags import GroundTags, Tag
from av_td3_system.town.town import SCENERY_SEED
from tests.unit.town.camera_scenes import Pose, disagreement, random_pose, random_traffic, shoot
from tests.unit.town.synthetic_street import NOBODY, flat, no_scenery, scenery_of

CONFIGS = (
    CameraConfig(width=48, height=36),
    CameraConfig(width=64, height=40, fov=120, pitch=8, y=0.6),
    CameraConfig(width=40, height=48, fov=60, pitch=-20, z=3.5),
)
MEADOW = GroundTags(np.full((1, 1), Tag.TERRAIN, np.uint8), 0.0, 0.0, 1.0)
POSES = 100  # in each town
towns = pytest.mark.parametrize("town", ["TownA", "TownB", "TownC", "TownD"])


@functools.lru_cache(maxsize=4)
def furnished(town: str) -> tuple[RoadNetwork, SceneryArrays]:
    network = load_network(town)
    return network, build_scenery(network, SCENERY_SEED)


def far_to_near(scenery: SceneryArrays, pose: Pose) -> SceneryArrays:
    """The same boxes in one cell, the farthest first: so a box is drawn before anything that could hide it."""
    distance = np.hypot(scenery.boxes[:, 0] - pose[0], scenery.boxes[:, 1] - pose[1])
    return scenery._replace(
        cell_first=np.zeros(1, np.int32), cell_count=np.array([len(distance)], np.int32),
        cell_items=np.argsort(-distance).astype(np.int32), x0=scenery.x0, y0=scenery.y0, cell=10_000.0,
        columns=1, rows=1,
    )  # fmt: skip


def without_thin(scenery: SceneryArrays) -> SceneryArrays:
    """The same scenery without what is drawn by coverage: it may be thinner than a pixel, and rays pass beside."""
    return scenery_of(scenery.boxes[~np.isin(scenery.kind, (POLE, TRUNK))], 1000.0)


@towns
def test_the_order_of_drawing_does_not_change_the_picture(town: str) -> None:
    network, scenery = furnished(town)
    solid = without_thin(scenery)
    rng = np.random.default_rng(11)
    ground, hidden = flat(), 0
    for k in range(POSES):
        camera = build_camera(CONFIGS[k % len(CONFIGS)])
        pose = random_pose(network, rng)
        others = random_traffic(network, pose, rng)
        drawn = shoot(camera, ground, solid, pose, others)
        assert np.array_equal(drawn.picture, shoot(camera, ground, far_to_near(solid, pose), pose, others).picture)
        # Vehicles come after the houses in either order; alone, nothing hides them. The nearer of both is seen.
        houses = shoot(camera, ground, far_to_near(solid, pose), pose, NOBODY)
        vehicles = shoot(camera, ground, no_scenery(), pose, others)
        assert np.array_equal(drawn.depth, np.minimum(houses.depth, vehicles.depth))
        hidden += bool(np.any(houses.depth < vehicles.depth) and np.any(np.isfinite(vehicles.depth)))
        # The foot of a pole is blended by area and may reach below a wall's, which is sampled: by less than a pixel.
        drawn = shoot(camera, ground, scenery, pose, others)
        other = shoot(camera, ground, far_to_near(scenery, pose), pose, others)
        rows, columns = np.nonzero(drawn.picture != other.picture)
        assert np.all(np.isinf(drawn.depth[rows, columns]) & np.isfinite(drawn.depth[rows - 1, columns]))
    assert hidden > 0.8 * POSES


@towns
def test_nothing_that_rays_meet_is_missing(town: str) -> None:
    network, scenery = furnished(town)
    solid = without_thin(scenery)
    rng = np.random.default_rng(12)
    pixels = 0
    for k in range(POSES):
        camera = build_camera(CONFIGS[k % len(CONFIGS)])
        pose = random_pose(network, rng)
        others = random_traffic(network, pose, rng)
        rays = cast_rays(camera, MEADOW, solid, pose, others)
        missing = disagreement(camera, shoot(camera, flat(), solid, pose, others), rays, others).missing
        assert not len(missing), missing
        pixels += int(np.count_nonzero(np.isin(rays.semantic, (Tag.BUILDING, Tag.CAR, Tag.TRUCK))))
    assert pixels > 100 * POSES
