"""The front camera drawn by Numba kernels, for many worlds at once.

A picture is drawn plane by plane (grey, or red, green and blue) in one order: sky and ground, shadows of vehicles,
scenery, vehicles, what is too small to be sampled, and last what the weather puts over it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from av_td3_system.town.camera_types import CameraModel, Canvas, Cars, Layer, Lights, Scratch, Vehicles, Work
from av_td3_system.town.kernel import painter
from av_td3_system.town.paint_ground import draw_ground, draw_sky
from av_td3_system.town.paint_queue import blend_queue
from av_td3_system.town.paint_scenery import draw_scenery
from av_td3_system.town.paint_vehicles import draw_shadows, draw_vehicles, find_vehicles
from av_td3_system.town.paint_weather import draw_rain, mirror_ground
from av_td3_system.town.scene_types import GroundArrays, SceneryArrays

SCENERY_REACH = 90.0  # m
VEHICLE_REACH = 150.0  # m
STEEPEST = 4.0  # of direct light on an upright face over that on level ground: a low sun does not outshine the lamps


@painter()
def set_light(work: Work, lights: Lights, look: int, plane: int) -> None:
    """Put light and fog of one plane into `work`, as the car there meets them."""
    sun, ambient = float(lights.sun[look, plane]), float(lights.ambient[look, plane])
    x, y, z = lights.towards_sun[look, 0], lights.towards_sun[look, 1], lights.towards_sun[look, 2]
    level = math.sqrt(x * x + y * y)
    scale = 1.0 / level if level > 1e-6 else 0.0
    work.plane = plane
    work.primary = plane + 1 if lights.sun.shape[1] > 1 else 0
    work.level = min(ambient + sun, 1.0)
    work.ambient = ambient
    work.direct = sun * min(level / max(z, 1e-3), STEEPEST)
    work.sun_forward = scale * (x * work.eye_cos + y * work.eye_sin)
    work.sun_left = scale * (y * work.eye_cos - x * work.eye_sin)
    work.fog = float(lights.fog[look])
    work.haze = float(lights.haze[look, plane])
    work.dark = float(lights.dark[look])


@painter()
def draw_plane(
    canvas: Canvas,
    layer: Layer,
    gloss: NDArray[np.uint8],
    work: Work,
    camera: CameraModel,
    ground: GroundArrays,
    scenery: SceneryArrays,
    lights: Lights,
    look: int,
    cars: Cars,
    seed: int,
) -> None:
    """Draw one plane of one world; `seed` scatters the rain."""
    sight = 5.0 / max(work.fog, 1e-6)  # m, where less than a hundredth of the contrast is left
    draw_sky(canvas, work, camera, lights, look)
    draw_ground(canvas, gloss, work, camera, ground, lights, look)
    canvas.depth[:] = 0
    for column in range(work.width):
        work.roofline[column] = np.float32(1e9)
    seen = find_vehicles(work, cars, min(VEHICLE_REACH, sight))
    draw_shadows(canvas, work, cars, seen)
    waiting = draw_scenery(canvas, work, scenery, min(SCENERY_REACH, sight), 0)
    waiting = draw_vehicles(canvas, work, cars, seen, waiting)
    blend_queue(canvas, layer, work, scenery, cars, waiting)
    if lights.wet[look] > 0.0:
        mirror_ground(canvas, gloss, camera)
    if lights.rain[look] > 0.0:
        draw_rain(canvas, work, float(lights.rain[look]), float(lights.wind[look]), seed)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, parallel=True)
def render(
    camera: CameraModel,
    ground: GroundArrays,
    scenery: SceneryArrays,
    lights: Lights,
    look: NDArray[np.int64],
    ego_x: NDArray[np.float64],
    ego_y: NDArray[np.float64],
    ego_heading: NDArray[np.float64],
    vehicles: Vehicles,
    seed: NDArray[np.int64],
    active: NDArray[np.bool_],
    out: NDArray[np.uint8],
    slot_of: NDArray[np.int64],
    scratch: Scratch,
) -> None:
    """Draw the front camera of every active world. All arrays are C-contiguous.

    Args:
        camera: from `build_camera`. ground, scenery: the town, in V looks and P planes.
        lights: from `lights.light_camera` for the same looks.
        look: (N,) index of each world's look.
        ego_x, ego_y, ego_heading: (N,) vehicle's centre, m and rad.
        vehicles: the other vehicles; the ego is not among them.
        seed: (N,) of what falls at random through this picture, rain.
        active: (N,); the picture of an inactive world is left as it is.
        out: (N, D, P, H, W), receives the pictures in place slot_of[n] of each world's D. slot_of: (N,).
        scratch: from `make_scratch(camera, N)`.

    The result depends on nothing but the arguments, not on the number of threads.
    """
    worlds = ego_x.shape[0]
    slots = min(scratch.depth.shape[0], worlds)
    for slot in prange(slots):
        draw_slot(
            np.int64(slot), slots, camera, ground, scenery, lights, look, ego_x, ego_y, ego_heading, vehicles, seed,
            active, out, slot_of, scratch,
        )  # fmt: skip


@painter()
def draw_slot(
    slot: int,
    slots: int,
    camera: CameraModel,
    ground: GroundArrays,
    scenery: SceneryArrays,
    lights: Lights,
    look: NDArray[np.int64],
    ego_x: NDArray[np.float64],
    ego_y: NDArray[np.float64],
    ego_heading: NDArray[np.float64],
    vehicles: Vehicles,
    seed: NDArray[np.int64],
    active: NDArray[np.bool_],
    out: NDArray[np.uint8],
    slot_of: NDArray[np.int64],
    scratch: Scratch,
) -> None:
    """Draw worlds slot, slot + slots, ... with that slot's working memory. Other arguments as `render`."""
    for n in range(slot, ego_x.shape[0], slots):
        if not active[n]:
            continue
        cos, sin = math.cos(ego_heading[n]), math.sin(ego_heading[n])
        work = scratch.work[slot]
        work.eye_x = ego_x[n] + camera.x * cos - camera.y * sin
        work.eye_y = ego_y[n] + camera.x * sin + camera.y * cos
        work.eye_cos = cos
        work.eye_sin = sin
        layer = Layer(scratch.colour[slot], scratch.coverage[slot])
        work.dressing = look[n] // (lights.sun.shape[0] // scenery.albedo.shape[0])
        for plane in range(out.shape[2]):
            canvas = Canvas(out[n, slot_of[n], plane], scratch.depth[slot])
            cars = Cars(
                vehicles.x[n], vehicles.y[n], vehicles.heading[n], vehicles.size[n], vehicles.kind[n],
                vehicles.paint[plane, n], vehicles.brake[n],
            )  # fmt: skip
            set_light(work, lights, look[n], plane)
            draw_plane(
                canvas, layer, scratch.gloss[slot], work, camera, ground, scenery, lights, look[n], cars, seed[n]
            )
