"""Geometry of the embedded town's front camera: a pinhole in CARLA's convention.

The focal length follows from the horizontal field of view as in CARLA, f = width / (2 tan(fov / 2)), pixels are square
and the optical axis meets the middle of the picture. The camera has no roll, so each row of the ground lies at one
distance ahead: the rows' ground distances, raster levels and sample points are worked out once per camera.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera_types import WORK, CameraModel, Scratch
from av_td3_system.town.head_lamps import beam_at
from av_td3_system.town.scene_types import LEVELS

GROUND_REACH = 120.0  # m, the ground beyond is one grey in the haze
WORLDS_PER_THREAD = 4
GROUND_RESOLUTION = 0.125  # m, finest cells of GroundArrays, sets which level a row reads
MOST_TAPS = 4  # samples of a pixel along the depth
COARSEST = 1.4  # cells may be so many times as wide as a pixel
REACH_OF_TAP = (1.1, 2.2)  # cells that one sample stands for along the depth: of the finest level, of a smoothed one
SQUARE = 0.35  # cells; a pixel that covers less of the depth has one sample


class _Rows:
    """What each row of the picture sees: `ray` for z = 1, the ground's distance, the samples to read."""

    def __init__(self, config: CameraConfig) -> None:
        self.config = config
        self.focal = config.width / (2 * math.tan(math.radians(config.fov) / 2))
        self.cos, self.sin = math.cos(math.radians(config.pitch)), math.sin(math.radians(config.pitch))

    def ray(self, v: float) -> tuple[float, float]:
        """Forward and upward part of the ray through row coordinate v, for z = 1."""
        down = (v - self.config.height / 2) / self.focal
        return self.cos + down * self.sin, self.sin - down * self.cos

    def taps(self, row: int, distance: float) -> tuple[int, list[tuple[float, float, float]]]:
        """Level of the pyramid and samples (m ahead, m left at column 0, m right per column) of a row on the ground.

        A pixel far ahead covers a strip of ground that is much longer than wide. Its level has cells about as wide as
        the pixel, and up to `MOST_TAPS` samples lie along the strip: thin lane lines stay sharp and do not flicker.
        """
        z_camera = self.config.z
        upper = self.ray(row)[1]
        far = min(-z_camera / upper, GROUND_REACH) if upper < -1e-6 else GROUND_REACH
        near = -z_camera / self.ray(row + 1)[1]
        wide, long = distance / self.focal, far - near
        level = min(max(math.floor(math.log2(COARSEST * wide / GROUND_RESOLUTION)), 0), LEVELS - 1)
        cell = GROUND_RESOLUTION * 2.0**level
        reach = REACH_OF_TAP[min(level, 1)] * cell
        count = min(max(math.ceil(long / reach), 1 if long < SQUARE * cell else 2), MOST_TAPS)
        found = []
        for k in range(count):
            forward, up = self.ray(row + (k + 0.5) / count)
            if up >= -z_camera / GROUND_REACH:
                forward, up = self.cos, -z_camera / GROUND_REACH
            z = -z_camera / up
            found.append((z * forward, z * (self.config.width / 2 - 0.5) / self.focal, z / self.focal))
        return level, found


def build_camera(config: CameraConfig) -> CameraModel:
    """Work out a camera's geometry and which ground samples each of its rows averages."""
    rows = _Rows(config)
    width, height, focal = config.width, config.height, rows.focal
    cx, cy = width / 2, height / 2
    elevation, distance = np.zeros(height), np.full(height, 1e6)
    level = np.zeros(height, dtype=np.uint8)
    first, count = np.zeros(height, dtype=np.int32), np.zeros(height, dtype=np.int32)
    beam = np.zeros((height, width), dtype=np.float32)
    taps: list[tuple[float, float, float]] = []
    widest = 0.0
    for row in range(height):
        forward, up = rows.ray(row + 0.5)
        elevation[row] = up / math.hypot(forward, up)
        widest = max(widest, cx / focal / max(forward, 0.2))
        first[row] = len(taps)
        if up >= -1e-6:
            continue
        distance[row] = -config.z / up
        ahead = distance[row] * forward
        beam[row] = [beam_at(ahead, distance[row] * (cx - column - 0.5) / focal) for column in range(width)]
        if ahead > GROUND_REACH:
            continue
        level[row], found = rows.taps(row, float(distance[row]))
        taps += found
        count[row] = len(found)
    columns = np.array(taps, dtype=np.float64).reshape(-1, 3)
    side = math.atan(widest)
    return CameraModel(
        width, height, focal, cx, cy, config.x, -config.y, config.z, rows.cos, rows.sin, math.cos(side), math.sin(side),
        elevation, distance, _mirror(elevation), beam, level, first, count,
        np.ascontiguousarray(columns[:, 0]), np.ascontiguousarray(columns[:, 1]), np.ascontiguousarray(columns[:, 2]),
    )  # fmt: skip


def _mirror(elevation: NDArray[np.float64]) -> NDArray[np.int32]:
    """For each row (H,) that looks down, the row that looks up as steeply: what lies far away is mirrored there."""
    found = np.full(len(elevation), -1, dtype=np.int32)
    for row in np.flatnonzero(elevation < 0):
        found[row] = int(np.argmin(np.abs(elevation + elevation[row])))
    return found


def make_scratch(camera: CameraModel, num_worlds: int) -> Scratch:
    """Allocate the working memory for rendering up to `num_worlds` worlds with one camera.

    There is a slot for each thread that Numba may start, not for each world: a slot stays in the processor's cache.
    A thread gets at least `WORLDS_PER_THREAD` worlds: a few are drawn without waking any.
    """
    slots = max(min(num_worlds // WORLDS_PER_THREAD, int(numba.config.NUMBA_NUM_THREADS)), 1)
    picture = (slots, camera.height, camera.width)
    work = np.zeros(slots, WORK)
    for name in ("width", "height", "focal", "cx", "cy", "z", "cos_pitch", "sin_pitch", "side_cos", "side_sin"):
        work[name] = getattr(camera, name)
    return Scratch(
        work=work,
        depth=np.zeros(picture, dtype=np.float32),
        colour=np.zeros(picture, dtype=np.float32),
        coverage=np.zeros(picture, dtype=np.float32),
        gloss=np.zeros(picture, dtype=np.uint8),
    )


def project(camera: CameraModel, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project points by the pinhole formula alone, apart from the renderer, to test and to annotate.

    Args:
        points: (..., 3) forward, left, up in m in the car's frame (origin: vehicle's centre on the ground).

    Returns:
        u, v (...): pixel coordinates, pixel (i, j) covers i <= v < i + 1 and j <= u < j + 1; NaN behind the camera.
    """
    place = np.asarray(points, dtype=np.float64)
    ahead, aside, up = place[..., 0] - camera.x, place[..., 1] - camera.y, place[..., 2] - camera.z
    z = ahead * camera.cos_pitch + up * camera.sin_pitch
    z = np.where(z > 1e-6, z, np.nan)
    down = ahead * camera.sin_pitch - up * camera.cos_pitch
    return camera.cx - camera.focal * aside / z, camera.cy + camera.focal * down / z
