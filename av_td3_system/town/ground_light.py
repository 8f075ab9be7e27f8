"""Light on the ground: shadows of what stands, pools of light under street lamps, and the pyramid the camera reads."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from av_td3_system.town.scene_types import LEVELS, POLE, GroundArrays, SceneryArrays
from av_td3_system.town.strips import Frame

LOWEST_SUN = math.radians(8)  # lower suns cast no longer shadows
LAMP_REACH = 14.0  # m around a street lamp that it lights
LAMP_LIGHT = 0.55  # at its foot, in units of full light


@njit(cache=True)
def cast_shadows(
    shadow: NDArray[np.uint8], frame: Frame, boxes: NDArray[np.float32], axis: NDArray[np.float32], dx: float, dy: float
) -> None:
    """Mark the cells from which a box hides the sun.

    Args:
        shadow: (rows, columns) of the frame, is set to 255 in the shadow.
        frame: of `shadow`. boxes, axis: `SceneryArrays`.
        dx, dy: m towards the sun by which a ray moves for each metre of height.
    """
    for b in range(boxes.shape[0]):
        x, y, half_length, half_width = boxes[b, 0], boxes[b, 1], boxes[b, 3], boxes[b, 4]
        low, high = boxes[b, 5], boxes[b, 6]
        cos, sin = axis[b, 0], axis[b, 1]
        wide = abs(cos) * half_length + abs(sin) * half_width
        deep = abs(sin) * half_length + abs(cos) * half_width
        left, right = x - wide - max(low * dx, high * dx), x + wide - min(low * dx, high * dx)
        lower, upper = y - deep - max(low * dy, high * dy), y + deep - min(low * dy, high * dy)
        h = frame.resolution
        du, dv = dx * cos + dy * sin, dy * cos - dx * sin
        for r in range(max(int((lower - frame.y0) / h), 0), min(int((upper - frame.y0) / h) + 1, frame.rows)):
            for c in range(max(int((left - frame.x0) / h), 0), min(int((right - frame.x0) / h) + 1, frame.columns)):
                px, py = frame.x0 + (c + 0.5) * h - x, frame.y0 + (r + 0.5) * h - y
                u, v = px * cos + py * sin, py * cos - px * sin
                # Heights at which the ray to the sun is over the box's plan.
                first, last = low, high
                if abs(du) > 1e-6:
                    first = max(first, min((-half_length - u) / du, (half_length - u) / du))
                    last = min(last, max((-half_length - u) / du, (half_length - u) / du))
                elif abs(u) > half_length:
                    continue
                if abs(dv) > 1e-6:
                    first = max(first, min((-half_width - v) / dv, (half_width - v) / dv))
                    last = min(last, max((-half_width - v) / dv, (half_width - v) / dv))
                elif abs(v) > half_width:
                    continue
                if first <= last:
                    shadow[r, c] = 255


@njit(cache=True)
def add_lamps(light: NDArray[np.float32], frame: Frame, boxes: NDArray[np.float32], kind: NDArray[np.uint8]) -> None:
    """Add the pool of light of every street lamp to `light` (rows, columns), in units of full light."""
    h = frame.resolution
    for b in range(boxes.shape[0]):
        if kind[b] != POLE:
            continue
        x, y, height = boxes[b, 0], boxes[b, 1], boxes[b, 6]
        for r in range(
            max(int((y - LAMP_REACH - frame.y0) / h), 0), min(int((y + LAMP_REACH - frame.y0) / h) + 1, frame.rows)
        ):
            for c in range(
                max(int((x - LAMP_REACH - frame.x0) / h), 0),
                min(int((x + LAMP_REACH - frame.x0) / h) + 1, frame.columns),
            ):
                px, py = frame.x0 + (c + 0.5) * h - x, frame.y0 + (r + 0.5) * h - y
                squared = (px * px + py * py) / (height * height)
                edge = max(1.0 - (px * px + py * py) / (LAMP_REACH * LAMP_REACH), 0.0)
                light[r, c] += LAMP_LIGHT * edge / (1.0 + squared) ** 1.5


@njit(cache=True)
def lay_light(
    out: NDArray[np.uint8],
    albedo: NDArray[np.uint8],
    gloss: NDArray[np.uint8],
    shadow: NDArray[np.uint8],
    lamps: NDArray[np.float32],
    ambient: float,
    sun: float,
    dark: float,
    wetness: float,
) -> None:
    """Brightness of the ground: albedo times light; wet ground is darker. All arrays (rows, columns)."""
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            light = ambient + sun * (1.0 - shadow[r, c] / 255.0) + dark * lamps[r, c]
            damp = 1.0 - 0.35 * wetness * gloss[r, c] / 255.0
            out[r, c] = np.uint8(min(albedo[r, c] * light * damp, 255.0) + 0.5)


@njit(cache=True)
def _halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 2 x 2 cells, (ceil(H / 2), ceil(W / 2)); a cell at an odd edge counts twice."""
    rows, columns = image.shape
    out = np.empty(((rows + 1) // 2, (columns + 1) // 2), dtype=np.uint8)
    for r in range(out.shape[0]):
        lower = min(2 * r + 1, rows - 1)
        for c in range(out.shape[1]):
            right = min(2 * c + 1, columns - 1)
            total = np.int32(image[2 * r, 2 * c]) + image[2 * r, right] + image[lower, 2 * c] + image[lower, right]
            out[r, c] = (total + 2) >> 2
    return out


@njit(cache=True)
def _smooth(image: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write `image` (H, W), smoothed by the binomial 1 2 1 along both sides, to `out` (H * W,)."""
    rows, columns = image.shape
    for r in range(rows):
        up, down = max(r - 1, 0), min(r + 1, rows - 1)
        for c in range(columns):
            left, right = max(c - 1, 0), min(c + 1, columns - 1)
            total = np.int32(image[up, left]) + image[up, right] + image[down, left] + image[down, right]
            total += 2 * (np.int32(image[up, c]) + image[down, c] + image[r, left] + image[r, right])
            out[r * columns + c] = (total + 4 * np.int32(image[r, c]) + 8) >> 4


def level_sizes(rows: int, columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Where each level of a pyramid begins, its rows and its columns, (LEVELS,) each, and the cells of all."""
    r = np.array([-(-rows // 2**k) for k in range(LEVELS)], dtype=np.int64)
    c = np.array([-(-columns // 2**k) for k in range(LEVELS)], dtype=np.int64)
    return np.cumsum(r * c) - r * c, r, c, int((r * c).sum())


def pyramid(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All levels of a picture (H, W) in one row (T,): the picture itself, then means of 2^k x 2^k cells.

    The coarser levels are smoothed, so that one sample stands for about two cells each way and nothing thinner than a
    cell flickers when the samples move over it.
    """
    first, _, _, total = level_sizes(*image.shape)
    cells = np.empty(total, dtype=np.uint8)
    cells[: image.size] = image.ravel()
    level = image
    for k in range(1, LEVELS):
        level = _halve(level)
        _smooth(level, cells[first[k] : first[k] + level.size])
    return cells


def ground_of(cells: NDArray[np.uint8], frame: Frame, gloss: NDArray[np.uint8] | None = None) -> GroundArrays:
    """Pyramids (V, P, T) over the raster of a frame as the camera takes them; gloss (V, T) where a look is wet."""
    gloss = np.zeros((len(cells), 0), dtype=np.uint8) if gloss is None else gloss
    return GroundArrays(cells, gloss, *level_sizes(frame.rows, frame.columns)[:3], frame.x0, frame.y0, frame.resolution)


def shadow_of(scenery: SceneryArrays, frame: Frame, azimuth: float, altitude: float) -> NDArray[np.uint8]:
    """Share of the sun, 0..255, that scenery takes from each cell of the frame; angles in rad."""
    shadow = np.zeros((frame.rows, frame.columns), dtype=np.uint8)
    if altitude > 0.0:
        length = 1.0 / math.tan(max(altitude, LOWEST_SUN))
        dx, dy = length * math.cos(azimuth), length * math.sin(azimuth)
        cast_shadows(shadow, frame, scenery.boxes, scenery.axis, dx, dy)
    return shadow


def lamps_of(scenery: SceneryArrays, frame: Frame) -> NDArray[np.float32]:
    """Light of the street lamps on each cell of the frame, in units of full light."""
    light = np.zeros((frame.rows, frame.columns), dtype=np.float32)
    add_lamps(light, frame, scenery.boxes, scenery.kind)
    return light
