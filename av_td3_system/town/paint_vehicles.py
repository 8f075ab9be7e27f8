"""Numba kernels that draw cars near the camera from boxes, with their lamps and shadows; far ones go to the queue."""

from __future__ import annotations

import math

from numba import njit

from av_td3_system.town import car_shape as shape
from av_td3_system.town.camera_types import Air, CameraModel, Canvas, Cars, Eye, Footprint
from av_td3_system.town.paint_boxes import FLAT, box, scan_level, wall
from av_td3_system.town.paint_distant import enqueue, footprint_of
from av_td3_system.town.paint_scenery import in_view
from av_td3_system.town.rasterizer import darken

NEAR_HEIGHT = 7.0  # pixels; taller cars are drawn from boxes
SHADOW_HEIGHT = 4.0  # pixels; lower cars cast no shadow
SHADOW_RINGS = ((0.25, 0.3), (-0.05, 0.5))  # m beyond the car's outline, share of light taken
LIFT = 1.002  # depth factor of lamps and plates over the face they lie on


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_lamps(
    canvas: Canvas, camera: CameraModel, air: Air, place: Footprint, tall: float, albedo: float, braking: bool
) -> None:
    """Draw lamps and plate on the visible end of a car."""
    f, left, c, s, half_length, half_width = place
    along = f * c + left * s
    if abs(along) <= half_length:
        return
    ground, roof = -camera.z, tall - camera.z
    rear = along > half_length
    sign = -1.0 if rear else 1.0
    nf, nl = sign * c, sign * s
    emitted = shape.LAMP_HEAD if not rear else shape.LAMP_BRAKE if braking else shape.LAMP_TAIL
    low = ground + (0.31 if rear else 0.28) * tall
    high = ground + (0.52 if rear and braking else 0.44) * tall
    inner = half_width * (0.5 if rear and not braking else 0.45)
    outer = half_width * 0.97
    ef, el = f + half_length * nf, left + half_length * nl
    for side in range(2):
        a = inner if side == 0 else -outer
        b = outer if side == 0 else -inner
        pf, pl, qf, ql = ef - a * s, el + a * c, ef - b * s, el + b * c
        wall(canvas, camera, air, pf, pl, qf, ql, low, high, nf, nl, emitted, LIFT, FLAT)
    # A dark plate between the lamps keeps them visible on a white car.
    a = 0.8 * inner
    pf, pl, qf, ql = ef - a * s, el + a * c, ef + a * s, el - a * c
    low, high = ground + 0.26 * tall, ground + 0.36 * tall
    wall(canvas, camera, air, pf, pl, qf, ql, low, high, nf, nl, 0.5 * albedo * air.ends, LIFT, FLAT)
    if rear and braking:
        # The third brake lamp, high behind the rear window.
        back = half_length * (2 * shape.CABIN_SHIFT - shape.CABIN_LENGTH)
        ef, el = f + back * c, left + back * s
        a = 0.4 * half_width
        pf, pl, qf, ql = ef - a * s, el + a * c, ef + a * s, el - a * c
        high = roof - shape.ROOF
        wall(canvas, camera, air, pf, pl, qf, ql, high - 0.12, high, nf, nl, shape.LAMP_BRAKE, LIFT, FLAT)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_wheels(canvas: Canvas, camera: CameraModel, air: Air, place: Footprint) -> None:
    """Draw the wheels on the visible side of a car."""
    f, left, c, s, half_length, half_width = place
    across = left * c - f * s
    if abs(across) <= half_width:
        return
    sign = -1.0 if across > half_width else 1.0
    ground = -camera.z
    ef, el = f - sign * half_width * s, left + sign * half_width * c
    for axle in range(2):
        middle = 2 * half_length * (shape.WHEEL_PLACE if axle == 0 else -shape.WHEEL_PLACE)
        a, b = middle - shape.WHEEL_RADIUS, middle + shape.WHEEL_RADIUS
        pf, pl, qf, ql = ef + a * c, el + a * s, ef + b * c, el + b * s
        high = ground + 2 * shape.WHEEL_RADIUS
        grey = shape.TYRE * air.sides
        wall(canvas, camera, air, pf, pl, qf, ql, ground, high, -sign * s, sign * c, grey, LIFT, FLAT)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_near(
    canvas: Canvas, camera: CameraModel, air: Air, place: Footprint, tall: float, albedo: float, braking: bool
) -> None:
    """Draw a car of height `tall` m from boxes."""
    f, left, c, s, half_length, half_width = place
    ground = -camera.z
    roof, waist, sill = ground + tall, ground + shape.WAIST * tall, ground + shape.GROUND_CLEARANCE
    shift = 2 * half_length * shape.CABIN_SHIFT
    inset = Footprint(f, left, c, s, half_length - 0.15, half_width - 0.08)
    cabin = Footprint(
        f + shift * c, left + shift * s, c, s, half_length * shape.CABIN_LENGTH, half_width * shape.CABIN_WIDTH
    )
    box(canvas, camera, air, inset, ground, sill, shape.UNDERSIDE, FLAT)
    box(canvas, camera, air, place, sill, waist, albedo, FLAT)
    box(canvas, camera, air, cabin, waist, roof - shape.ROOF, shape.GLASS, FLAT)
    box(canvas, camera, air, cabin, roof - shape.ROOF, roof, albedo, FLAT)
    draw_lamps(canvas, camera, air, place, tall, albedo, braking)
    draw_wheels(canvas, camera, air, place)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def shows(cars: Cars, index: int, camera: CameraModel, eye: Eye, reach: float) -> bool:
    """Whether a car may be in view within `reach` m."""
    dx, dy = cars.x[index] - eye.x, cars.y[index] - eye.y
    radius = 0.5 * (cars.size[index, 0] + cars.size[index, 1])
    return in_view(camera, dx * eye.cos + dy * eye.sin, dy * eye.cos - dx * eye.sin, radius, reach)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_vehicles(
    canvas: Canvas, camera: CameraModel, cars: Cars, eye: Eye, air: Air, reach: float, waiting: int
) -> int:
    """Draw the near cars and queue the far ones, up to `reach` m away.

    Returns:
        The new number of entries in the queue of `paint_distant.enqueue`.
    """
    for index in range(cars.x.shape[0]):
        if not shows(cars, index, camera, eye, reach):
            continue
        place = footprint_of(cars, index, eye)
        tall = float(cars.size[index, 2])
        z = place.forward * camera.cos_pitch + (0.5 * tall - camera.z) * camera.sin_pitch
        # A car next to the camera is drawn from boxes however low it is: only these are clipped at the near plane.
        if camera.focal * tall < NEAR_HEIGHT * z and z > place.half_length + place.half_width + 1.0:
            waiting = enqueue(canvas, waiting, index, 1.0 / z)
        else:
            draw_near(canvas, camera, air, place, tall, float(cars.shade[index]), cars.brake[index] != 0)
    return waiting


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_shadows(canvas: Canvas, camera: CameraModel, cars: Cars, eye: Eye, air: Air) -> None:
    """Darken the ground under the cars that are near enough for it to show; to be done before anything that stands."""
    for index in range(cars.x.shape[0]):
        reach = camera.focal * cars.size[index, 2] / SHADOW_HEIGHT
        if shows(cars, index, camera, eye, reach):
            place = footprint_of(cars, index, eye)
            clear = math.exp(-air.fog * max(place.forward, 0.0))
            for wider, share in SHADOW_RINGS:
                top, bottom = scan_level(canvas, camera, place, wider, -camera.z)
                if bottom > top:
                    darken(canvas, top, bottom, 1.0 - share * clear)
