"""Depth, semantic and instance images: one ray through the centre of every pixel, to the nearest thing that it meets.

It shares nothing with the renderer but the camera's numbers and the shapes: rays against boxes by the slab method (Kay
and Kajiya 1986), no projection, no depth buffer, no culling of what is hidden. It is slower and says where the
renderer is wrong. For people, tests and data sets; no policy sees it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from av_td3_system.town import vehicle_shape as shape
from av_td3_system.town.camera_types import CameraModel, Vehicles
from av_td3_system.town.scene_types import SceneryArrays
from av_td3_system.town.semantic_tags import GroundTags, Tag, tags_of_scenery, tags_of_vehicles

FAR = 1000.0  # m, CARLA's depth of the sky and of whatever is farther
SKY, TERRAIN = int(Tag.SKY), int(Tag.TERRAIN)
NONE = -1


class RayImages(NamedTuple):
    """What the rays of one picture meet, pixel by pixel."""

    depth: NDArray[np.float32]  # (H, W) m along the optical axis, not along the ray, up to FAR
    semantic: NDArray[np.uint8]  # (H, W) `semantic_tags.Tag`
    instance: NDArray[np.int32]  # (H, W) index of the vehicle, NONE where there is none


class Solids(NamedTuple):
    """Upright boxes (K) around an eye, the nearest first."""

    box: NDArray[np.float64]  # (K, 8) x, y, cos and sin of the yaw, half length, half width, low, high; m
    near: NDArray[np.float64]  # (K,) m in the plan from the eye to the box, or less
    tag: NDArray[np.uint8]
    instance: NDArray[np.int32]


def cast_rays(
    camera: CameraModel,
    ground: GroundTags,
    scenery: SceneryArrays,
    pose: tuple[float, float, float],
    vehicles: Vehicles,
    world: int = 0,
) -> RayImages:
    """Depth, semantic tag and vehicle for every pixel of one world's front camera.

    A box with the camera inside is not seen. Depth is CARLA's: the distance along the optical axis (z), so a wall
    across the axis has one depth all over.

    Args:
        camera: from `build_camera`. ground: from `paint_tags`. scenery: the town's.
        pose: x, y (m) and heading (rad) of the vehicle that carries the camera.
        vehicles: the others, of all worlds. world: whose to look at.
    """
    x, y, heading = pose
    cos, sin = math.cos(heading), math.sin(heading)
    eye = (x + camera.x * cos - camera.y * sin, y + camera.x * sin + camera.y * cos)
    size = (camera.height, camera.width)
    images = RayImages(np.empty(size, np.float32), np.empty(size, np.uint8), np.empty(size, np.int32))
    _cast(camera, ground, gather_solids(scenery, vehicles, world, eye), eye[0], eye[1], cos, sin, images)
    return images


def gather_solids(scenery: SceneryArrays, vehicles: Vehicles, world: int, eye: tuple[float, float]) -> Solids:
    """All boxes of a town and of one world's vehicles (`vehicle_shape`), by their distance from the eye (x, y)."""
    boxes = scenery.boxes.astype(np.float64)
    table = np.column_stack((boxes[:, :2], np.cos(boxes[:, 2]), np.sin(boxes[:, 2]), boxes[:, 3:7]))
    tags, kinds = tags_of_scenery(scenery.kind), vehicles.kind[world]
    parts, owners = [table], [np.full(len(table), NONE)]
    for index in np.flatnonzero(vehicles.size[world].min(axis=-1) > 0.0):
        place = (vehicles.x[world, index], vehicles.y[world, index], vehicles.heading[world, index])
        own = _vehicle_boxes(place, vehicles.size[world, index], int(kinds[index]), eye)
        parts.append(own)
        owners.append(np.full(len(own), index))
    box, instance = np.concatenate(parts), np.concatenate(owners).astype(np.int32)
    tag = np.concatenate((tags, tags_of_vehicles(kinds)[instance[len(table) :]]))
    near = np.hypot(box[:, 0] - eye[0], box[:, 1] - eye[1]) - np.hypot(box[:, 4], box[:, 5])
    order = np.argsort(near, kind="stable")
    return Solids(*(np.ascontiguousarray(part[order]) for part in (box, near, tag, instance)))


def _vehicle_boxes(
    place: tuple[float, float, float], size: NDArray[np.float64], kind: int, eye: tuple[float, float]
) -> NDArray[np.float64]:
    """The parts of a vehicle (n, 8) as in `Solids.box`; its wheels are flat, on the side towards the eye."""
    x, y, heading = place
    cos, sin = math.cos(heading), math.sin(heading)
    half_length, half_width, tall = 0.5 * size[0], 0.5 * size[1], size[2]
    rows = []

    def add(rear: float, front: float, aside: float, half: float, low: float, high: float) -> None:
        ahead = 0.5 * (rear + front)
        middle = (x + ahead * cos - aside * sin, y + ahead * sin + aside * cos)
        rows.append((*middle, cos, sin, 0.5 * (front - rear), half, low, high))

    for rear, front, width, low, high, _ in shape.PARTS[kind, : shape.COUNT[kind]]:
        add(rear * half_length, front * half_length, 0.0, width * half_width, low * tall, high * tall)
    across = (eye[1] - y) * cos - (eye[0] - x) * sin
    if abs(across) > half_width:
        radius = shape.WHEEL_RADIUS[kind]
        for middle in (shape.WHEEL_PLACE[kind] * half_length, -shape.WHEEL_PLACE[kind] * half_length):
            add(middle - radius, middle + radius, math.copysign(half_width, across), 0.0, 0.0, 2 * radius)
    return np.array(rows)


@njit(cache=True, error_model="numpy", nogil=True)
def _cast(
    camera: CameraModel,
    ground: GroundTags,
    solids: Solids,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    images: RayImages,
) -> None:
    """Fill `images`; the eye's place in m, cos and sin of the heading."""
    for row in range(camera.height):
        down = (row + 0.5 - camera.cy) / camera.focal
        forward = camera.cos_pitch + down * camera.sin_pitch
        up = camera.sin_pitch - down * camera.cos_pitch
        for column in range(camera.width):
            # The ray's direction for one metre along the optical axis, so that its parameter is the depth.
            left = (camera.cx - column - 0.5) / camera.focal
            dx, dy = forward * cos - left * sin, forward * sin + left * cos
            depth, tag, instance = FAR, SKY, NONE
            if up < 0.0 and -camera.z / up < FAR:
                depth = -camera.z / up
                tag = _tag_at(ground, eye_x + depth * dx, eye_y + depth * dy)
            level = math.sqrt(dx * dx + dy * dy)
            for k in range(solids.near.shape[0]):
                if solids.near[k] > depth * level:
                    break
                met = _meets(solids.box, k, eye_x, eye_y, camera.z, dx, dy, up)
                if 0.0 < met < depth:
                    depth, tag, instance = met, solids.tag[k], solids.instance[k]
            images.depth[row, column] = depth
            images.semantic[row, column] = tag
            images.instance[row, column] = instance


@njit(cache=True, error_model="numpy", nogil=True)
def _tag_at(ground: GroundTags, x: float, y: float) -> int:
    rows, columns = ground.tags.shape
    row = int(math.floor((y - ground.y0) / ground.resolution))
    column = int(math.floor((x - ground.x0) / ground.resolution))
    if 0 <= row < rows and 0 <= column < columns:
        return int(ground.tags[row, column])
    return TERRAIN


@njit(cache=True, error_model="numpy", nogil=True)
def _meets(box: NDArray[np.float64], k: int, x: float, y: float, z: float, dx: float, dy: float, dz: float) -> float:
    """The parameter at which the ray from (x, y, z) along (dx, dy, dz) enters box k of (K, 8), -1 where it misses it.

    It is below zero too where the ray starts inside or leaves the box behind.
    """
    ox, oy = x - box[k, 0], y - box[k, 1]
    half_length, half_width = box[k, 4], box[k, 5]
    # Most boxes are out of question in the plan already: by the ray's distance from the middle.
    across, square = ox * dy - oy * dx, half_length * half_length + half_width * half_width
    if across * across > square * (dx * dx + dy * dy) * (1.0 + 1e-9):
        return -1.0
    cos, sin, middle = box[k, 2], box[k, 3], 0.5 * (box[k, 6] + box[k, 7])
    enter, leave = -math.inf, math.inf
    for axis in range(3):
        if axis == 0:
            start, move, half = ox * cos + oy * sin, dx * cos + dy * sin, half_length
        elif axis == 1:
            start, move, half = oy * cos - ox * sin, dy * cos - dx * sin, half_width
        else:
            start, move, half = z - middle, dz, 0.5 * (box[k, 7] - box[k, 6])
        if move == 0.0:
            if abs(start) > half:
                return -1.0
            continue
        first, second = (-half - start) / move, (half - start) / move
        enter, leave = max(enter, min(first, second)), min(leave, max(first, second))
    return enter if enter <= leave else -1.0
