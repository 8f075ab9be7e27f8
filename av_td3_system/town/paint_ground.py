"""Numba kernels that draw sky and flat ground: every row of a camera without roll sees one distance ahead."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from av_td3_system.town.camera_types import CameraModel, Canvas, Lights, Work
from av_td3_system.town.head_lamps import BEAM
from av_td3_system.town.kernel import painter
from av_td3_system.town.scene_types import GroundArrays

ONE = 65536.0  # raster coordinates have 16 bits after the point
HIGH, LOW, MASK = np.uint64(48), np.uint64(16), np.uint64(0xFFFF)


@painter(forceinline=True)
def place_word(column: float, row: float) -> np.uint64:
    """Row and column (cells, 0 or more, or a step of either sign) with 16 bits after the point each in one word.

    One addition moves both.
    """
    return np.uint64((np.int64(math.floor(row * ONE + 0.5)) << 32) + np.int64(math.floor(column * ONE + 0.5)))


@painter(forceinline=True)
def gather(
    sums: NDArray[np.int32],
    add: bool,
    raster: NDArray[np.uint8],
    stride: int,
    at: np.uint64,
    move: np.uint64,
    other: np.uint64,
    other_move: np.uint64,
    pair: bool,
) -> None:
    """Put raster values along a line into `sums`, or add them, or those along two lines at once.

    Args:
        sums: (W,). add: keep what is there.
        raster: (T,), rows of `stride` columns one after the other; the lines lie inside of it.
        at, move: start and step of the line, see `place_word`. other, other_move: of the second line.
        pair: whether there is a second line.
    """
    width = np.uint64(stride)
    if pair and add:
        for k in range(sums.shape[0]):
            one = raster[(at >> HIGH) * width + ((at >> LOW) & MASK)]
            two = raster[(other >> HIGH) * width + ((other >> LOW) & MASK)]
            sums[k] += np.int32(one) + np.int32(two)
            at += move
            other += other_move
    elif pair:
        for k in range(sums.shape[0]):
            one = raster[(at >> HIGH) * width + ((at >> LOW) & MASK)]
            two = raster[(other >> HIGH) * width + ((other >> LOW) & MASK)]
            sums[k] = np.int32(one) + np.int32(two)
            at += move
            other += other_move
    elif add:
        for k in range(sums.shape[0]):
            sums[k] += raster[(at >> HIGH) * width + ((at >> LOW) & MASK)]
            at += move
    else:
        for k in range(sums.shape[0]):
            sums[k] = raster[(at >> HIGH) * width + ((at >> LOW) & MASK)]
            at += move


@painter()
def gather_clipped(
    sums: NDArray[np.int32],
    add: bool,
    cells: NDArray[np.uint8],
    first: int,
    rows: int,
    columns: int,
    column: float,
    row: float,
    column_step: float,
    row_step: float,
    outside: int,
) -> None:
    """As `gather` for a line that leaves the raster, where everything has the value `outside`."""
    for k in range(sums.shape[0]):
        i = int(math.floor(row + k * row_step))
        j = int(math.floor(column + k * column_step))
        value = cells[first + i * columns + j] if 0 <= i < rows and 0 <= j < columns else outside
        sums[k] = sums[k] + value if add else value


@painter(forceinline=True)
def inside(rows: int, columns: int, column: float, row: float, column_step: float, row_step: float, count: int) -> bool:
    """Whether a line of `count` steps stays in the raster, with a cell to spare for rounding."""
    end_column = column + column_step * (count - 1)
    end_row = row + row_step * (count - 1)
    return (
        min(column, end_column) >= 1.0
        and max(column, end_column) < columns - 1.0
        and min(row, end_row) >= 1.0
        and max(row, end_row) < rows - 1.0
    )


@painter(forceinline=True)
def sum_row(
    sums: NDArray[np.int32],
    cells: NDArray[np.uint8],
    outside: int,
    row: int,
    camera: CameraModel,
    ground: GroundArrays,
    work: Work,
) -> None:
    """Set `sums` (W,) to the sums of one row's samples of a pyramid `cells` (T,)."""
    level = camera.level[row]
    first, rows, columns = ground.first[level], ground.rows[level], ground.columns[level]
    scale = 1.0 / (ground.resolution * (1 << level))
    raster = cells[first:]
    start = camera.tap_first[row]
    filled, waiting = False, False
    held, held_move = np.uint64(0), np.uint64(0)
    for tap in range(start, start + camera.tap_count[row]):
        ahead = camera.tap_forward[tap]
        aside = camera.tap_left[tap]
        step = camera.tap_step[tap] * scale
        column = (work.eye_x + ahead * work.eye_cos - aside * work.eye_sin - ground.x0) * scale
        line = (work.eye_y + ahead * work.eye_sin + aside * work.eye_cos - ground.y0) * scale
        column_step = step * work.eye_sin
        row_step = -step * work.eye_cos
        if not inside(rows, columns, column, line, column_step, row_step, sums.shape[0]):
            gather_clipped(sums, filled, cells, first, rows, columns, column, line, column_step, row_step, outside)
            filled = True
            continue
        at, move = place_word(column, line), place_word(column_step, row_step)
        if waiting:
            gather(sums, filled, raster, columns, at, move, held, held_move, True)
            filled, waiting = True, False
        else:
            held, held_move, waiting = at, move, True
    if waiting:
        gather(sums, filled, raster, columns, held, held_move, held, held_move, False)


@painter()
def draw_sky(canvas: Canvas, work: Work, camera: CameraModel, lights: Lights, look: int) -> None:
    """Fill the rows above the horizon from the strip that lies around the town."""
    width = work.width
    sky = lights.sky[look, work.plane]
    angle = -math.atan2(work.eye_sin, work.eye_cos) / (2.0 * math.pi)
    start = int((angle - math.floor(angle)) * (sky.shape[1] - width))
    for row in range(work.height):
        if camera.elevation[row] >= 0:
            line, strip = canvas.image[row], sky[row, start : start + width]
            for k in range(line.shape[0]):
                line[k] = strip[k]


@painter()
def draw_ground(
    canvas: Canvas,
    gloss: NDArray[np.uint8],
    work: Work,
    camera: CameraModel,
    ground: GroundArrays,
    lights: Lights,
    look: int,
) -> None:
    """Fill the rows below the horizon with the lit ground; on wet ground put into `gloss` (H, W) how far it mirrors."""
    image = canvas.image
    height, width = image.shape
    sums = work.sums[:width]
    cells = ground.cells[look, work.plane]
    wet = lights.wet[look] > 0.0
    # The corner of the coarsest level is off-road by construction: the grey of the land around the town.
    outside = cells[ground.first[-1]]
    for row in range(height):
        if camera.elevation[row] >= 0:
            continue
        clear = float(lights.clear[look, row])
        base = np.float32(work.haze * (1.0 - clear) + 0.5)
        if camera.tap_count[row] == 0:
            image[row, :] = np.uint8(base + outside * clear)
            if wet:
                gloss[row, :] = 0
            continue
        sum_row(sums, cells, outside, row, camera, ground, work)
        gain = np.float32(clear / camera.tap_count[row])
        if work.dark > 0.0:
            beam, boost = camera.beam[row], np.float32(BEAM * work.dark / max(work.ambient, 0.05))
            for k in range(width):
                value = base + gain * np.float32(sums[k]) * (np.float32(1.0) + boost * beam[k])
                image[row, k] = np.uint8(min(value, np.float32(255.0)))
        else:
            for k in range(width):
                image[row, k] = np.uint8(base + gain * np.float32(sums[k]))
        if wet:
            sum_row(sums, ground.gloss[look], 0, row, camera, ground, work)
            # Water mirrors by Fresnel's law (Schlick's approximation): far ahead nearly all, at one's feet little.
            slant = 1.0 + camera.elevation[row]
            share = np.float32((0.02 + 0.98 * slant**5) * clear / camera.tap_count[row])
            for k in range(width):
                gloss[row, k] = np.uint8(share * np.float32(sums[k]))
