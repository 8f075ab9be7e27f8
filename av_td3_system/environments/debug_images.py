"""What one world looks like to somebody who may know everything: camera, depth, semantic, instance, from above.

For people who look for a fault, and for data sets. Nothing that learns or acts may import it; the import linter sees
to that.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from av_td3_system.environments.map_view import paint_map
from av_td3_system.environments.vector_env import TownVectorEnv
from av_td3_system.town.camera import build_camera
from av_td3_system.town.camera_types import Vehicles
from av_td3_system.town.ray_caster import cast_rays
from av_td3_system.town.semantic_tags import GroundTags, paint_tags
from av_td3_system.town.town import load_town


@functools.lru_cache(maxsize=4)
def _tags_of(town: str) -> GroundTags:
    return paint_tags(load_town(town).network)


def debug_images(env: TownVectorEnv, world: int) -> dict[str, NDArray[np.generic]]:
    """All views of one world of a batch at this moment.

    The first call in a town paints its ground anew, which takes seconds.

    Args:
        env: the batch. world: index of the world, 0 <= world < num_envs.

    Returns:
        camera: uint8 (H, W) in grey or (H, W, 3), the newest frame that observations hold; late by `camera.delay`,
            and without the vehicle ahead where `environment.erase_leader` says so. All other views show it.
        depth: float32 (H, W) m along the optical axis, 1000 for the sky.
        semantic: uint8 (H, W) CARLA's tags (`semantic_tags.Tag`).
        instance: int32 (H, W) index of the vehicle in the world's record, -1 where there is none.
        birdseye: uint8 (420, 420, 3) from above, the ego in the middle and facing up.

    Raises:
        IndexError: no such world.
    """
    if not 0 <= world < env.num_envs:
        raise IndexError(f"world {world} of {env.num_envs}")
    record, config = env.worlds.state[world], env.config.camera
    pose = (float(record["ego_x"]), float(record["ego_y"]), float(record["ego_heading"]))
    camera = np.moveaxis(env.view.newest[world], 0, -1)
    rays = cast_rays(build_camera(config), _tags_of(env.town.name), env.town.scenery, pose, _vehicles_of(record))
    return {
        "camera": camera[..., 0] if config.color == "grey" else camera,
        "depth": rays.depth,
        "semantic": rays.semantic,
        "instance": rays.instance,
        "birdseye": paint_map(env, world),
    }


def _vehicles_of(record: np.void) -> Vehicles:
    """The vehicles of one world for the rays: where and how large; paint and lamps do not matter."""
    count = int(record["vehicles"] + record["parked"])
    x, y, heading, size = (np.ascontiguousarray(record[name][None, :count]) for name in ("x", "y", "heading", "size"))
    kind, brake = np.ascontiguousarray(record["kind"][None, :count]), np.zeros((1, count), np.uint8)
    return Vehicles(x, y, heading, size, kind, np.zeros((1, 1, count), np.float32), brake)
