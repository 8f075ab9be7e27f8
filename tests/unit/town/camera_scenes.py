"""Random places in a town with random traffic, drawn by the camera and cast by rays, to hold one against the other."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from av_td3_system.town.camera import make_scratch
from av_td3_system.town.camera_types import CameraModel, Vehicles
from av_td3_system.town.lights import light_camera
from av_td3_system.town.paint_vehicles import NEAR_HEIGHT
from av_td3_system.town.ray_caster import RayImages
from av_td3_system.town.render import SCENERY_REACH, VEHICLE_REACH, render
from av_td3_system.town.road_network import RoadNetwork
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays
from av_td3_system.town.semantic_tags import Tag
from tests.unit.town.synthetic_street import CLEAR

Pose = tuple[float, float, float]
SIZES = np.array([[4.5, 1.85, 1.5], [5.3, 2.0, 2.3], [8.0, 2.4, 3.2]])  # m, car, van, truck
WIDEST_THIN = 0.75  # m, half a diagonal of what is drawn as thin is at most this in these pictures


class Drawn(NamedTuple):
    """What the camera drew."""

    picture: NDArray[np.uint8]  # (H, W)
    depth: NDArray[np.float64]  # (H, W) m along the optical axis to what stands there, inf for ground and sky


class Disagreement(NamedTuple):
    """Pixels (n, 2) where camera and rays differ by more than a pixel at the edges."""

    missing: NDArray[np.intp]  # rays meet a thing there and all around; the camera has nothing, or other, there
    surplus: NDArray[np.intp]  # the camera has a thing there; rays meet nothing there nor around


def shoot(camera: CameraModel, ground: GroundArrays, scenery: SceneryArrays, pose: Pose, vehicles: Vehicles) -> Drawn:
    """Draw one world without fog, and keep the depth buffer."""
    scratch, none = make_scratch(camera, 1), np.zeros(1, np.int64)
    out = np.zeros((1, 1, 1, camera.height, camera.width), np.uint8)
    place = [np.array([value], dtype=np.float64) for value in pose]
    render(
        camera, ground, scenery, light_camera(camera, [CLEAR], 1), none, *place, vehicles, none, np.ones(1, np.bool_),
        out, none, scratch,
    )  # fmt: skip
    with np.errstate(divide="ignore"):
        return Drawn(out[0, 0, 0], 1.0 / scratch.depth[0].astype(np.float64))


def random_pose(network: RoadNetwork, rng: np.random.Generator) -> Pose:
    """Somewhere on a lane, roughly along it."""
    lanes = network.lanes
    i = rng.integers(len(lanes.x))
    return (
        float(lanes.x[i] + rng.normal(0.0, 0.5)),
        float(lanes.y[i] + rng.normal(0.0, 0.5)),
        float(lanes.heading[i] + rng.normal(0.0, 0.5)),
    )


def random_traffic(network: RoadNetwork, pose: Pose, rng: np.random.Generator, count: int = 30) -> Vehicles:
    """Cars, vans and trucks on the lanes within 120 m of a pose, none on the spot itself, none in another."""
    lanes = network.lanes
    distance = np.hypot(lanes.x - pose[0], lanes.y - pose[1])
    places: list[tuple[float, float, float]] = [pose]
    for i in rng.permutation(np.flatnonzero(distance < 120.0)):
        x, y = lanes.x[i] + rng.normal(0.0, 0.3), lanes.y[i] + rng.normal(0.0, 0.3)
        if all(math.hypot(x - other[0], y - other[1]) > 9.0 for other in places):
            places.append((float(x), float(y), float(lanes.heading[i] + rng.normal(0.0, 0.2))))
        if len(places) > count:
            break
    table = np.array(places[1:])[None]
    kind = rng.integers(0, 3, table.shape[:2]).astype(np.int8)
    x, y, heading = (np.ascontiguousarray(table[..., k]) for k in range(3))
    paint = rng.uniform(20.0, 230.0, (1, *kind.shape)).astype(np.float32)
    return Vehicles(x, y, heading, SIZES[kind], kind, paint, rng.integers(0, 2, kind.shape).astype(np.uint8))


def without_vehicle(vehicles: Vehicles, index: int) -> Vehicles:
    """The same vehicles of one world, with one of them far away."""
    x = vehicles.x.copy()
    x[0, index] += 1e6
    return vehicles._replace(x=x)


def only_vehicle(vehicles: Vehicles, index: int) -> Vehicles:
    """The same vehicles of one world, with all but one of them far away."""
    x = vehicles.x + 1e6
    x[0, index] = vehicles.x[0, index]
    return vehicles._replace(x=x)


def plan_distance(camera: CameraModel, depth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Metres (H, W) in the ground plan from the camera to what lies at `depth` (H, W) along the optical axis."""
    aside = (camera.cx - np.arange(camera.width) - 0.5) / camera.focal
    down = (np.arange(camera.height) + 0.5 - camera.cy) / camera.focal
    ahead = camera.cos_pitch + down * camera.sin_pitch
    return np.asarray(depth, np.float64) * np.hypot(ahead[:, None], aside[None])


def things(rays: RayImages) -> NDArray[np.int64]:
    """A number (H, W) for what each pixel shows: the tag, or which vehicle."""
    return np.where(rays.instance >= 0, 1000 + rays.instance.astype(np.int64), rays.semantic)


def disagreement(camera: CameraModel, drawn: Drawn, rays: RayImages, vehicles: Vehicles) -> Disagreement:
    """Where the depth buffer of the camera does not show what the rays meet, apart from one pixel at the edges.

    Poles and trunks are left out of `missing`: they may be thinner than a pixel. So are thin edges of one thing, where
    its depth jumps from one part to another. What is small is blended and has one depth, that of its middle.
    """
    shown = things(rays)
    inner = minimum_filter(shown, 3) == maximum_filter(shown, 3)
    smooth = maximum_filter(rays.depth, 3) - minimum_filter(rays.depth, 3) < 0.2 * rays.depth
    solid = np.isin(rays.semantic, (Tag.BUILDING, Tag.VEGETATION, Tag.CAR, Tag.TRUCK))
    reach = np.where(rays.instance >= 0, VEHICLE_REACH, SCENERY_REACH) - 1.0
    solid &= plan_distance(camera, rays.depth) < reach
    size = vehicles.size[0][rays.instance]  # that of any vehicle where there is none
    half = 0.5 * (size[..., 0] + size[..., 1])
    blended = (rays.instance >= 0) & (camera.focal * size[..., 2] < NEAR_HEIGHT * (rays.depth + half + 1.0))
    thin = rays.semantic == Tag.VEGETATION
    slack = 0.02 + 0.005 * rays.depth + np.where(blended, half + 0.1, 0.0) + np.where(thin, 2.0 * WIDEST_THIN, 0.0)
    error = np.abs(drawn.depth - rays.depth)
    error = np.where(blended, minimum_filter(error, 3), error)
    stands = ~np.isin(rays.semantic, (Tag.SKY, Tag.TERRAIN, Tag.ROADS, Tag.SIDEWALKS, Tag.ROAD_LINE))
    empty = maximum_filter(stands.astype(np.uint8), 3) == 0
    return Disagreement(
        np.argwhere(solid & inner & smooth & (error > slack)), np.argwhere(np.isfinite(drawn.depth) & empty)
    )
