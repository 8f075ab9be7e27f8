"""Front camera of the embedded town: a pinhole in CARLA's convention, drawn by Numba kernels for many worlds at once.

The focal length follows from the horizontal field of view as in CARLA, f = width / (2 tan(fov / 2)), pixels are square
and the optical axis meets the middle of the picture. The camera has no roll, so each row of the ground lies at one
distance ahead: the rows' ground distances, raster levels and sample points are worked out once per camera.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

from av_td3_system.config.schema import CameraConfig
from av_td3_system.town.camera_types import Air, CameraModel, Canvas, Cars, Eye, Scratch
from av_td3_system.town.paint_distant import blend_queue
from av_td3_system.town.paint_ground import draw_ground
from av_td3_system.town.paint_scenery import draw_scenery
from av_td3_system.town.paint_vehicles import draw_shadows, draw_vehicles
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays

GROUND_REACH = 120.0  # m, the ground beyond is one grey in the haze
SCENERY_REACH = 90.0  # m
VEHICLE_REACH = 150.0  # m
THIN_BOXES = 512  # most poles and trunks blended in one picture
WORLDS_PER_THREAD = 4
GROUND_RESOLUTION = 0.125  # m, finest cells of GroundArrays, sets which level a row reads
MOST_TAPS = 6  # samples of a pixel along the depth


def build_camera(config: CameraConfig) -> CameraModel:
    """Work out a camera's geometry and which ground samples each of its rows averages.

    A pixel far ahead covers a strip of ground that is much longer than wide. Its level is chosen so that up to
    `MOST_TAPS` samples along the strip, and two or three across, cover it without gaps: thin lane lines stay sharp
    and do not flicker.
    """
    focal = config.width / (2 * math.tan(math.radians(config.fov) / 2))
    cx, cy = config.width / 2, config.height / 2
    cos, sin = math.cos(math.radians(config.pitch)), math.sin(math.radians(config.pitch))

    def ray(v: float) -> tuple[float, float]:
        """Forward and upward part of the ray through row coordinate v, for z = 1."""
        down = (v - cy) / focal
        return cos + down * sin, sin - down * cos

    elevation, distance = np.zeros(config.height), np.full(config.height, 1e6)
    level = np.zeros(config.height, dtype=np.uint8)
    first, count = np.zeros(config.height, dtype=np.int32), np.zeros(config.height, dtype=np.int32)
    taps: list[tuple[float, float, float]] = []
    widest = 0.0
    for row in range(config.height):
        forward, up = ray(row + 0.5)
        elevation[row] = up / math.hypot(forward, up)
        widest = max(widest, cx / focal / max(forward, 0.2))
        first[row] = len(taps)
        if up >= -1e-6:
            continue
        distance[row] = -config.z / up
        if distance[row] * forward > GROUND_REACH:
            continue
        upper = ray(row)[1]
        far = min(-config.z / upper, GROUND_REACH) if upper < -1e-6 else GROUND_REACH
        near = -config.z / ray(row + 1)[1]
        wide, long = distance[row] / focal, far - near
        level[row] = 0 if wide < 2.8 * GROUND_RESOLUTION else 1 if wide < 11 * GROUND_RESOLUTION else 2
        cell = GROUND_RESOLUTION * 4.0 ** level[row]
        along = min(max(math.ceil(long / (2.4 * cell)), 1 if long < 0.6 * cell else 2), MOST_TAPS)
        across = 2
        for a in range(along):
            forward, up = ray(row + (a + 0.5) / along)
            if up >= -config.z / GROUND_REACH:
                forward, up = cos, -config.z / GROUND_REACH
            z = -config.z / up
            for b in range(across):
                shift = (b + 0.5) / across
                taps.append((z * forward, z * (cx - shift) / focal, z / focal))
        count[row] = len(taps) - first[row]
    columns = np.array(taps, dtype=np.float64).reshape(-1, 3)
    side = math.atan(widest)
    return CameraModel(
        config.width, config.height, focal, cx, cy, config.x, config.z, cos, sin, math.cos(side), math.sin(side),
        elevation, distance, level, first, count,
        np.ascontiguousarray(columns[:, 0]), np.ascontiguousarray(columns[:, 1]), np.ascontiguousarray(columns[:, 2]),
    )  # fmt: skip


def make_scratch(camera: CameraModel, num_worlds: int, num_vehicles: int = 256) -> Scratch:
    """Allocate the working memory for rendering up to `num_worlds` worlds of up to `num_vehicles` cars each.

    There is a slot for each thread that Numba may start, not for each world: a slot stays in the processor's cache.
    A thread gets at least `WORLDS_PER_THREAD` worlds, as waking it costs about as much as drawing one.
    """
    slots = max(min(num_worlds // WORLDS_PER_THREAD, int(numba.config.NUMBA_NUM_THREADS)), 1)
    picture = (slots, camera.height, camera.width)
    return Scratch(
        depth=np.zeros(picture, dtype=np.float32),
        colour=np.zeros(picture, dtype=np.float32),
        coverage=np.zeros(picture, dtype=np.float32),
        first=np.zeros((slots, camera.height), dtype=np.int32),
        last=np.zeros((slots, camera.height), dtype=np.int32),
        sums=np.zeros((slots, camera.width), dtype=np.int32),
        points=np.zeros((slots, 8, 3)),
        polygon=np.zeros((slots, 16, 2)),
        queue=np.zeros((slots, num_vehicles + THIN_BOXES), dtype=np.int32),
        queue_nearness=np.zeros((slots, num_vehicles + THIN_BOXES)),
    )


def project(camera: CameraModel, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project points by the pinhole formula alone, apart from the renderer, to test and to annotate.

    Args:
        points: (..., 3) forward, left, up in m in the car's frame (origin: vehicle's centre on the ground).

    Returns:
        u, v (...): pixel coordinates, pixel (i, j) covers i <= v < i + 1 and j <= u < j + 1; NaN behind the camera.
    """
    place = np.asarray(points, dtype=np.float64)
    ahead, up = place[..., 0] - camera.x, place[..., 2] - camera.z
    z = ahead * camera.cos_pitch + up * camera.sin_pitch
    z = np.where(z > 1e-6, z, np.nan)
    down = ahead * camera.sin_pitch - up * camera.cos_pitch
    return camera.cx - camera.focal * place[..., 1] / z, camera.cy + camera.focal * down / z


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_world(
    canvas: Canvas,
    camera: CameraModel,
    ground: GroundArrays,
    scenery: SceneryArrays,
    cars: Cars,
    eye: Eye,
    light: NDArray[np.float32],
) -> None:
    """Draw one world; `light` as `weather.light_of` returns it."""
    sun, ambient, fog, haze = float(light[0]), float(light[1]), float(light[2]), float(light[3])
    air = Air(
        min(ambient + sun, 1.0),
        min(0.9 * ambient + 0.75 * sun, 1.0),
        min(0.8 * ambient + 0.45 * sun, 1.0),
        fog,
        haze,
        sun / max(sun + ambient, 1e-6),
    )
    sight = 5.0 / max(fog, 1e-6)  # m, where less than a hundredth of the contrast is left
    draw_ground(canvas, camera, ground, eye, air)
    canvas.depth[:] = 0
    draw_shadows(canvas, camera, cars, eye, air)
    waiting = draw_scenery(canvas, camera, scenery, eye, air, min(SCENERY_REACH, sight), 0)
    waiting = draw_vehicles(canvas, camera, cars, eye, air, min(VEHICLE_REACH, sight), waiting)
    blend_queue(canvas, camera, scenery.boxes, cars, eye, air, waiting)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, parallel=True)
def render(
    camera: CameraModel,
    ground: GroundArrays,
    scenery: SceneryArrays,
    light: NDArray[np.float32],
    ego_x: NDArray[np.float64],
    ego_y: NDArray[np.float64],
    ego_heading: NDArray[np.float64],
    vehicle_x: NDArray[np.float64],
    vehicle_y: NDArray[np.float64],
    vehicle_heading: NDArray[np.float64],
    vehicle_size: NDArray[np.float32],
    vehicle_shade: NDArray[np.float32],
    vehicle_brake: NDArray[np.uint8],
    active: NDArray[np.bool_],
    out: NDArray[np.uint8],
    scratch: Scratch,
) -> None:
    """Draw the front camera of every active world. All arrays are C-contiguous.

    Args:
        camera: from `build_camera`. ground, scenery: the town.
        light: (N, 4) from `weather.light_of`.
        ego_x, ego_y, ego_heading: (N,) vehicle's centre, m and rad.
        vehicle_x, vehicle_y, vehicle_heading: (N, M) centres of the other cars; the ego is not among them.
        vehicle_size: (N, M, 3) length, width, height, m.
        vehicle_shade: (N, M) albedo of the body 0..255. vehicle_brake: (N, M) brake lamps, 0 or not.
        active: (N,); the picture of an inactive world is left as it is.
        out: (N, H, W), receives the pictures.
        scratch: from `make_scratch(camera, N, M)`.

    The result depends on nothing but the arguments, not on the number of threads.
    """
    worlds = ego_x.shape[0]
    slots = min(scratch.depth.shape[0], worlds)
    if slots == 1:  # without the cost of waking threads
        draw_slot(
            0, 1, camera, ground, scenery, light, ego_x, ego_y, ego_heading, vehicle_x, vehicle_y, vehicle_heading,
            vehicle_size, vehicle_shade, vehicle_brake, active, out, scratch,
        )  # fmt: skip
    else:
        for slot in prange(slots):
            draw_slot(
                slot, slots, camera, ground, scenery, light, ego_x, ego_y, ego_heading, vehicle_x, vehicle_y,
                vehicle_heading, vehicle_size, vehicle_shade, vehicle_brake, active, out, scratch,
            )  # fmt: skip


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_slot(
    slot: int,
    slots: int,
    camera: CameraModel,
    ground: GroundArrays,
    scenery: SceneryArrays,
    light: NDArray[np.float32],
    ego_x: NDArray[np.float64],
    ego_y: NDArray[np.float64],
    ego_heading: NDArray[np.float64],
    vehicle_x: NDArray[np.float64],
    vehicle_y: NDArray[np.float64],
    vehicle_heading: NDArray[np.float64],
    vehicle_size: NDArray[np.float32],
    vehicle_shade: NDArray[np.float32],
    vehicle_brake: NDArray[np.uint8],
    active: NDArray[np.bool_],
    out: NDArray[np.uint8],
    scratch: Scratch,
) -> None:
    """Draw worlds slot, slot + slots, ... with that slot's working memory. Other arguments as `render`."""
    for n in range(slot, ego_x.shape[0], slots):
        if active[n]:
            canvas = Canvas(
                out[n], scratch.depth[slot], scratch.colour[slot], scratch.coverage[slot],
                scratch.first[slot], scratch.last[slot], scratch.sums[slot], scratch.points[slot],
                scratch.polygon[slot], scratch.queue[slot], scratch.queue_nearness[slot],
            )  # fmt: skip
            cars = Cars(
                vehicle_x[n], vehicle_y[n], vehicle_heading[n], vehicle_size[n], vehicle_shade[n], vehicle_brake[n]
            )
            cos, sin = math.cos(ego_heading[n]), math.sin(ego_heading[n])
            eye = Eye(ego_x[n] + camera.x * cos, ego_y[n] + camera.x * sin, cos, sin)
            draw_world(canvas, camera, ground, scenery, cars, eye, light[n])
