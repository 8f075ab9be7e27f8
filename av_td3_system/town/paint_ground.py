"""Numba kernel that draws sky and flat ground: every row of a camera without roll sees one distance ahead."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from av_td3_system.town.camera_types import Air, CameraModel, Canvas, Eye
from av_td3_system.town.scene_types import GroundArrays

FRACTION = 16  # bits after the point in raster coordinates


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def gather(
    sums: NDArray[np.int32],
    raster: NDArray[np.uint8],
    column: float,
    row: float,
    column_step: float,
    row_step: float,
) -> None:
    """Add raster values along a line to `sums`; the whole line lies inside the raster.

    Args:
        sums: (W,) int32. raster: (H, W) uint8.
        column, row, column_step, row_step: start and step in cells, real numbers.
    """
    one = 1 << FRACTION
    i = np.int64(row * one)
    j = np.int64(column * one)
    di = np.int64(math.floor(row_step * one + 0.5))
    dj = np.int64(math.floor(column_step * one + 0.5))
    for k in range(sums.shape[0]):
        # Unsigned, so that Numba leaves out its test for indices counted from the end.
        sums[k] += raster[np.uint64(i >> FRACTION), np.uint64(j >> FRACTION)]
        i += di
        j += dj


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def gather_clipped(
    sums: NDArray[np.int32],
    raster: NDArray[np.uint8],
    column: float,
    row: float,
    column_step: float,
    row_step: float,
    outside: int,
) -> None:
    """As `gather` for a line that leaves the raster, where everything has the grey `outside`."""
    height, width = raster.shape
    for k in range(sums.shape[0]):
        i = int(math.floor(row + k * row_step))
        j = int(math.floor(column + k * column_step))
        if 0 <= i < height and 0 <= j < width:
            sums[k] += raster[i, j]
        else:
            sums[k] += outside


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def inside(
    raster: NDArray[np.uint8], column: float, row: float, column_step: float, row_step: float, count: int
) -> bool:
    """Whether a line of `count` steps stays in the raster, with a cell to spare for rounding."""
    height, width = raster.shape
    end_column = column + column_step * (count - 1)
    end_row = row + row_step * (count - 1)
    return (
        min(column, end_column) >= 1.0
        and max(column, end_column) < width - 1.0
        and min(row, end_row) >= 1.0
        and max(row, end_row) < height - 1.0
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_ground(canvas: Canvas, camera: CameraModel, ground: GroundArrays, eye: Eye, air: Air) -> None:
    """Fill the whole picture with sky and ground."""
    image, sums = canvas.image, canvas.sums
    cos, sin, haze = eye.cos, eye.sin, air.haze
    height, width = image.shape
    # The corner of the coarsest level is off-road by construction: the grey of the land around the town.
    outside = ground.albedo2[0, 0]
    for row in range(height):
        if camera.tap_count[row] == 0:
            if camera.elevation[row] >= 0:
                image[row, :] = np.uint8(haze * (1.0 - 0.5 * air.clearness * camera.elevation[row]) + 0.5)
            else:
                clear = math.exp(-air.fog * camera.range[row])
                image[row, :] = np.uint8(haze + (outside * air.level - haze) * clear + 0.5)
            continue
        sums[:] = 0
        level = camera.level[row]
        if level == 0:
            raster = ground.albedo0
            scale = 1.0 / ground.resolution
        elif level == 1:
            raster = ground.albedo1
            scale = 0.25 / ground.resolution
        else:
            raster = ground.albedo2
            scale = 0.0625 / ground.resolution
        first = camera.tap_first[row]
        for tap in range(first, first + camera.tap_count[row]):
            ahead = camera.tap_forward[tap]
            aside = camera.tap_left[tap]
            step = -camera.tap_step[tap]
            column = (eye.x + ahead * cos - aside * sin - ground.x0) * scale
            line = (eye.y + ahead * sin + aside * cos - ground.y0) * scale
            column_step = -step * sin * scale
            row_step = step * cos * scale
            if inside(raster, column, line, column_step, row_step, width):
                gather(sums, raster, column, line, column_step, row_step)
            else:
                gather_clipped(sums, raster, column, line, column_step, row_step, outside)
        clear = math.exp(-air.fog * camera.range[row])
        gain = np.float32(air.level * clear / camera.tap_count[row])
        base = np.float32(haze * (1.0 - clear) + 0.5)
        for column_index in range(width):
            image[row, column_index] = np.uint8(base + gain * np.float32(sums[column_index]))
