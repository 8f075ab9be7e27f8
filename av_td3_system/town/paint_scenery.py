"""Numba kernel that finds the scenery in view through its grid of cells and draws it."""

from __future__ import annotations

import math

from numba import njit

from av_td3_system.town.camera_types import Air, CameraModel, Canvas, Eye, Footprint
from av_td3_system.town.paint_boxes import FLAT, WINDOWS, box
from av_td3_system.town.paint_distant import enqueue
from av_td3_system.town.scene_types import SceneryArrays

THIN = 2.5  # pixels; anything thinner is blended by coverage instead of sampled
FAINT = 0.12  # pixels; anything thinner is left out
LARGEST = 15.0  # m from a box's middle to its corners


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def in_view(camera: CameraModel, forward: float, left: float, radius: float, reach: float) -> bool:
    """Whether a circle in the ground plan may show: not behind, not beside, not beyond `reach` m."""
    return (
        forward > -radius
        and forward * camera.side_sin - abs(left) * camera.side_cos > -radius
        and forward * forward + left * left < (reach + radius) ** 2
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_box(
    canvas: Canvas,
    camera: CameraModel,
    scenery: SceneryArrays,
    eye: Eye,
    air: Air,
    index: int,
    reach: float,
    waiting: int,
) -> int:
    """Draw or queue one box, if it shows. Arguments and result as `draw_scenery`."""
    boxes = scenery.boxes
    dx = boxes[index, 0] - eye.x
    dy = boxes[index, 1] - eye.y
    half_length = float(boxes[index, 3])
    half_width = float(boxes[index, 4])
    forward = dx * eye.cos + dy * eye.sin
    left = dy * eye.cos - dx * eye.sin
    radius = math.sqrt(half_length * half_length + half_width * half_width)
    if not in_view(camera, forward, left, radius, reach):
        return waiting
    low = boxes[index, 5] - camera.z
    high = boxes[index, 6] - camera.z
    nearest = forward * camera.cos_pitch + min(low * camera.sin_pitch, high * camera.sin_pitch)
    diameter = 2 * camera.focal * radius
    if diameter < THIN * nearest:
        if diameter > FAINT * nearest:
            return enqueue(canvas, waiting, -1 - index, 1.0 / nearest)
        return waiting
    yaw = boxes[index, 2]
    c, s = math.cos(yaw), math.sin(yaw)
    place = Footprint(
        forward, left, c * eye.cos + s * eye.sin, s * eye.cos - c * eye.sin, half_length, half_width
    )  # fmt: skip
    house = boxes[index, 5] < 0.5 and high - low > 4.0 and min(half_length, half_width) > 1.5
    box(canvas, camera, air, place, low, high, float(boxes[index, 7]), WINDOWS if house else FLAT)
    return waiting


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_scenery(
    canvas: Canvas, camera: CameraModel, scenery: SceneryArrays, eye: Eye, air: Air, reach: float, waiting: int
) -> int:
    """Draw the boxes within `reach` m; queue the thin ones.

    Args:
        canvas, camera, scenery, eye, air: what to draw on, with, what, from where and through.
        reach: m. waiting: entries in the queue of `paint_distant.enqueue`.

    Returns:
        The new number of entries in the queue.
    """
    # The corners of the field of view bound the cells that can hold something visible. A box is listed where its
    # middle lies and may reach out of its cell.
    spread = reach * camera.side_sin / max(camera.side_cos, 0.2)
    ahead_x, ahead_y = eye.x + reach * eye.cos, eye.y + reach * eye.sin
    side_x, side_y = spread * eye.sin, spread * eye.cos
    low_x = min(eye.x, ahead_x - abs(side_x)) - LARGEST - scenery.x0
    high_x = max(eye.x, ahead_x + abs(side_x)) + LARGEST - scenery.x0
    low_y = min(eye.y, ahead_y - abs(side_y)) - LARGEST - scenery.y0
    high_y = max(eye.y, ahead_y + abs(side_y)) + LARGEST - scenery.y0
    radius = 0.71 * scenery.cell + LARGEST
    for row in range(max(int(low_y / scenery.cell), 0), min(int(high_y / scenery.cell) + 1, scenery.rows)):
        for column in range(max(int(low_x / scenery.cell), 0), min(int(high_x / scenery.cell) + 1, scenery.columns)):
            cell = row * scenery.columns + column
            if scenery.cell_count[cell] == 0:
                continue
            dx = scenery.x0 + (column + 0.5) * scenery.cell - eye.x
            dy = scenery.y0 + (row + 0.5) * scenery.cell - eye.y
            if not in_view(camera, dx * eye.cos + dy * eye.sin, dy * eye.cos - dx * eye.sin, radius, reach):
                continue
            first = scenery.cell_first[cell]
            for item in range(first, first + scenery.cell_count[cell]):
                waiting = draw_box(canvas, camera, scenery, eye, air, scenery.cell_items[item], reach, waiting)
    return waiting
