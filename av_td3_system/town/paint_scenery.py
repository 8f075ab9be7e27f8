"""Numba kernel that finds the scenery in view through its grid of cells and draws it."""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.camera_types import Canvas, Footprint, Work
from av_td3_system.town.kernel import painter
from av_td3_system.town.occlusion import is_hidden
from av_td3_system.town.paint_boxes import FLAT, LIT_WINDOWS, WINDOWS, box
from av_td3_system.town.paint_queue import enqueue
from av_td3_system.town.scene_types import HOUSE, SceneryArrays

THIN = 2.5  # pixels; anything thinner is blended by coverage instead of sampled
FAINT = 0.12  # pixels; anything thinner is left out
LARGEST = 15.0  # m from a box's middle to its corners


@painter(forceinline=True)
def in_view(work: Work, forward: float, left: float, radius: float, reach: float) -> bool:
    """Whether a circle in the ground plan may show: not behind, not beside, not beyond `reach` m."""
    return (
        forward > -radius
        and forward * work.side_sin - abs(left) * work.side_cos > -radius
        and forward * forward + left * left < (reach + radius) ** 2
    )


@painter(forceinline=True)
def draw_box(
    canvas: Canvas,
    work: Work,
    scenery: SceneryArrays,
    index: int,
    reach: float,
    waiting: int,
) -> int:
    """Draw or queue one box, if it shows. Arguments and result as `draw_scenery`."""
    boxes = scenery.boxes
    dx = boxes[index, 0] - work.eye_x
    dy = boxes[index, 1] - work.eye_y
    half_length = np.float64(boxes[index, 3])
    half_width = np.float64(boxes[index, 4])
    forward = dx * work.eye_cos + dy * work.eye_sin
    left = dy * work.eye_cos - dx * work.eye_sin
    radius = math.sqrt(half_length * half_length + half_width * half_width)
    if not in_view(work, forward, left, radius, reach):
        return waiting
    low = boxes[index, 5] - work.z
    high = boxes[index, 6] - work.z
    nearest = forward * work.cos_pitch + min(low * work.sin_pitch, high * work.sin_pitch)
    if is_hidden(work, forward, left, radius, high):
        return waiting
    diameter = 2 * work.focal * radius
    if diameter < THIN * nearest:
        if diameter > FAINT * nearest:
            return enqueue(work, waiting, -1 - index, 1.0 / nearest)
        return waiting
    c, s = scenery.axis[index, 0], scenery.axis[index, 1]
    place = Footprint(
        forward, left, c * work.eye_cos + s * work.eye_sin, s * work.eye_cos - c * work.eye_sin, half_length, half_width
    )  # fmt: skip
    walls = FLAT
    if scenery.kind[index] == HOUSE:
        walls = LIT_WINDOWS if index % 3 == 0 else WINDOWS  # people live in every third house
    box(canvas, work, place, low, high, float(scenery.albedo[work.dressing, work.plane, index]), walls)
    return waiting


@painter()
def draw_scenery(canvas: Canvas, work: Work, scenery: SceneryArrays, reach: float, waiting: int) -> int:
    """Draw the boxes within `reach` m; queue the thin ones.

    Args:
        canvas, work, scenery: what to draw on, with, and what.
        reach: m. waiting: entries in the queue of `paint_queue.enqueue`.

    Returns:
        The new number of entries in the queue.
    """
    # The corners of the field of view bound the cells that can hold something visible. A box is listed where its
    # middle lies and may reach out of its cell.
    spread = reach * work.side_sin / max(work.side_cos, 0.2)
    ahead_x, ahead_y = work.eye_x + reach * work.eye_cos, work.eye_y + reach * work.eye_sin
    side_x, side_y = spread * work.eye_sin, spread * work.eye_cos
    low_x = min(work.eye_x, ahead_x - abs(side_x)) - LARGEST - scenery.x0
    high_x = max(work.eye_x, ahead_x + abs(side_x)) + LARGEST - scenery.x0
    low_y = min(work.eye_y, ahead_y - abs(side_y)) - LARGEST - scenery.y0
    high_y = max(work.eye_y, ahead_y + abs(side_y)) + LARGEST - scenery.y0
    radius = 0.71 * scenery.cell + LARGEST
    first_row, last_row = max(int(low_y / scenery.cell), 0), min(int(high_y / scenery.cell), scenery.rows - 1)
    first_column = max(int(low_x / scenery.cell), 0)
    last_column = min(int(high_x / scenery.cell), scenery.columns - 1)
    # From near to far, so that near houses are there first and hide the rest.
    by_columns = abs(work.eye_cos) > abs(work.eye_sin)
    rows, columns = last_row - first_row + 1, last_column - first_column + 1
    outer, inner = (columns, rows) if by_columns else (rows, columns)
    for a in range(outer):
        for b in range(inner):
            down, across = (b, a) if by_columns else (a, b)
            row = first_row + down if work.eye_sin > 0.0 else last_row - down
            column = first_column + across if work.eye_cos > 0.0 else last_column - across
            cell = row * scenery.columns + column
            if scenery.cell_count[cell] == 0:
                continue
            dx = scenery.x0 + (column + 0.5) * scenery.cell - work.eye_x
            dy = scenery.y0 + (row + 0.5) * scenery.cell - work.eye_y
            if not in_view(
                work, dx * work.eye_cos + dy * work.eye_sin, dy * work.eye_cos - dx * work.eye_sin, radius, reach
            ):
                continue
            first = scenery.cell_first[cell]
            for item in range(first, first + scenery.cell_count[cell]):
                waiting = draw_box(canvas, work, scenery, scenery.cell_items[item], reach, waiting)
    return waiting
