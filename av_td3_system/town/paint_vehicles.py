"""Numba kernels that draw vehicles near the camera from boxes, with lamps and shadows; far ones go to the queue."""

from __future__ import annotations

import math

from av_td3_system.town import vehicle_shape as shape
from av_td3_system.town.camera_types import Canvas, Cars, Footprint, Work
from av_td3_system.town.kernel import painter
from av_td3_system.town.occlusion import is_hidden
from av_td3_system.town.paint_boxes import FLAT, box, face_light, scan_level, wall
from av_td3_system.town.paint_distant import footprint_of, material
from av_td3_system.town.paint_queue import enqueue
from av_td3_system.town.paint_scenery import in_view
from av_td3_system.town.rasterizer import darken
from av_td3_system.town.state import CAR

NEAR_HEIGHT = 7.0  # pixels; taller vehicles are drawn from boxes
SHADOW_HEIGHT = 4.0  # pixels; lower ones cast no shadow
SHADOW_RINGS = ((0.25, 0.3), (-0.05, 0.5))  # m beyond the outline, share of the light from everywhere taken
LEAST_SUN = 0.05  # share of the light below which the sun casts no shadow
LONGEST_SHADOW = 3.0  # m of shadow for each metre of height
LIFT = 1.002  # depth factor of lamps and plates over the face they lie on
PLATE_LOW, PLATE_HIGH = 0.26, 0.36  # of the height
THIRD_LAMP = 0.12  # m high


@painter()
def draw_lamps(
    canvas: Canvas, work: Work, place: Footprint, kind: int, tall: float, paint: float, braking: bool
) -> None:
    """Draw lamps and plate on the visible end of a vehicle."""
    f, left, c, s, half_length, half_width = place
    along = f * c + left * s
    if abs(along) <= half_length:
        return
    ground = -work.z
    rear = along > half_length
    sign = -1.0 if rear else 1.0
    nf, nl = sign * c, sign * s
    lamps = shape.LAMPS[kind]
    if rear:
        emitted = shape.LAMP_BRAKE[work.primary] if braking else shape.LAMP_TAIL[work.primary]
        low, high = ground + lamps[2] * tall, ground + (lamps[4] if braking else lamps[3]) * tall
    else:
        emitted = shape.LAMP_HEAD[work.primary]
        low, high = ground + lamps[0] * tall, ground + lamps[1] * tall
    inner = half_width * (lamps[6] if rear and not braking else lamps[5])
    outer = half_width * 0.97
    ef, el = f + half_length * nf, left + half_length * nl
    for side in range(2):
        a = inner if side == 0 else -outer
        b = outer if side == 0 else -inner
        pf, pl, qf, ql = ef - a * s, el + a * c, ef - b * s, el + b * c
        wall(canvas, work, pf, pl, qf, ql, low, high, nf, nl, emitted, LIFT, FLAT)
    if kind != CAR:
        return
    # A dark plate between the lamps keeps them visible on a white car.
    a = 0.8 * inner
    pf, pl, qf, ql = ef - a * s, el + a * c, ef + a * s, el - a * c
    low, high = ground + PLATE_LOW * tall, ground + PLATE_HIGH * tall
    grey = 0.5 * paint * face_light(work, nf, nl, ef, el)
    wall(canvas, work, pf, pl, qf, ql, low, high, nf, nl, grey, LIFT, FLAT)
    if rear and braking:
        # The third brake lamp, high behind the rear window.
        cabin = shape.PARTS[CAR, 2]
        ef, el = f + cabin[0] * half_length * c, left + cabin[0] * half_length * s
        a = 0.4 * half_width
        pf, pl, qf, ql = ef - a * s, el + a * c, ef + a * s, el - a * c
        high = ground + cabin[4] * tall
        third = shape.LAMP_BRAKE[work.primary]
        wall(canvas, work, pf, pl, qf, ql, high - THIRD_LAMP, high, nf, nl, third, LIFT, FLAT)


@painter()
def draw_wheels(canvas: Canvas, work: Work, place: Footprint, kind: int) -> None:
    """Draw the wheels on the visible side of a vehicle."""
    f, left, c, s, half_length, half_width = place
    across = left * c - f * s
    if abs(across) <= half_width:
        return
    sign = -1.0 if across > half_width else 1.0
    nf, nl = -sign * s, sign * c
    ground = -work.z
    ef, el = f + half_width * nf, left + half_width * nl
    grey = shape.TYRE * face_light(work, nf, nl, ef, el)
    radius = shape.WHEEL_RADIUS[kind]
    for axle in range(2):
        middle = half_length * (shape.WHEEL_PLACE[kind] if axle == 0 else -shape.WHEEL_PLACE[kind])
        a, b = middle - radius, middle + radius
        pf, pl, qf, ql = ef + a * c, el + a * s, ef + b * c, el + b * s
        wall(canvas, work, pf, pl, qf, ql, ground, ground + 2 * radius, nf, nl, grey, LIFT, FLAT)


@painter()
def draw_near(
    canvas: Canvas, work: Work, place: Footprint, kind: int, tall: float, paint: float, braking: bool
) -> None:
    """Draw a vehicle of height `tall` m from boxes."""
    f, left, c, s, half_length, half_width = place
    ground = -work.z
    for k in range(shape.COUNT[kind]):
        part = shape.PARTS[kind, k]
        shift = 0.5 * (part[0] + part[1]) * half_length
        footprint = Footprint(
            f + shift * c, left + shift * s, c, s, 0.5 * (part[1] - part[0]) * half_length, part[2] * half_width
        )
        low, high = ground + part[3] * tall, ground + part[4] * tall
        box(canvas, work, footprint, low, high, material(part[5], paint), FLAT)
    draw_lamps(canvas, work, place, kind, tall, paint, braking)
    draw_wheels(canvas, work, place, kind)


@painter()
def find_vehicles(work: Work, cars: Cars, reach: float) -> int:
    """Put the indices of the vehicles that may be in view within `reach` m into work.seen; their number."""
    count = 0
    for index in range(min(cars.x.shape[0], work.seen.shape[0])):
        dx, dy = cars.x[index] - work.eye_x, cars.y[index] - work.eye_y
        radius = 0.5 * (cars.size[index, 0] + cars.size[index, 1])
        forward, left = dx * work.eye_cos + dy * work.eye_sin, dy * work.eye_cos - dx * work.eye_sin
        if in_view(work, forward, left, radius, reach):
            work.seen[count] = index
            count += 1
    return count


@painter()
def draw_vehicles(canvas: Canvas, work: Work, cars: Cars, seen: int, waiting: int) -> int:
    """Draw the near vehicles of work.seen[:seen] and queue the far ones.

    Returns:
        The new number of entries in the queue of `paint_queue.enqueue`.
    """
    for k in range(seen):
        index = work.seen[k]
        place = footprint_of(work, cars, index)
        tall = cars.size[index, 2]
        if is_hidden(work, place.forward, place.left, place.half_length + place.half_width, tall - work.z):
            continue
        z = place.forward * work.cos_pitch + (0.5 * tall - work.z) * work.sin_pitch
        # One next to the camera is drawn from boxes however low it is: only these are clipped at the near plane.
        if work.focal * tall < NEAR_HEIGHT * z and z > place.half_length + place.half_width + 1.0:
            waiting = enqueue(work, waiting, index, 1.0 / z)
        else:
            kind = int(cars.kind[index])
            draw_near(canvas, work, place, kind, tall, float(cars.paint[index]), cars.brake[index] != 0)
    return waiting


@painter()
def draw_shadows(canvas: Canvas, work: Work, cars: Cars, seen: int) -> None:
    """Darken the ground under and behind the vehicles of work.seen[:seen] that are near enough for it to show.

    The shadow of the sun is that of the upper body: the vehicle's outline, moved away from the sun.
    """
    share_of_sun = max(1.0 - work.ambient / max(work.level, 1e-6), 0.0)
    for k in range(seen):
        index = work.seen[k]
        place = footprint_of(work, cars, index)
        tall = cars.size[index, 2]
        reach = work.focal * tall / SHADOW_HEIGHT
        if not in_view(work, place.forward, place.left, place.half_length + place.half_width, reach):
            continue
        clear = math.exp(-work.fog * max(place.forward, 0.0))
        if share_of_sun > LEAST_SUN and work.direct > 0.0:
            slant = min(work.direct / max(work.level - work.ambient, 1e-6), LONGEST_SHADOW)
            length = 0.5 * tall * slant
            moved = Footprint(
                place.forward - length * work.sun_forward, place.left - length * work.sun_left,
                place.cos, place.sin, place.half_length, place.half_width,
            )  # fmt: skip
            top, bottom = scan_level(work, moved, 0.0, -work.z)
            if bottom > top:
                darken(canvas, work, top, bottom, 1.0 - share_of_sun * clear)
        for wider, share in SHADOW_RINGS:
            top, bottom = scan_level(work, place, wider, -work.z)
            if bottom > top:
                darken(canvas, work, top, bottom, 1.0 - share * clear)
