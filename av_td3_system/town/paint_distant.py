"""Numba kernels for what is only a few pixels large: blended by the exact share of each pixel that it covers.

Poles, trunks and far cars wait in a queue until everything larger is drawn, and are then blended from far to near. So
they move smoothly over the picture, do not flicker, and never drop out of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from av_td3_system.town import car_shape as shape
from av_td3_system.town.camera_types import Air, CameraModel, Canvas, Cars, Eye, Footprint
from av_td3_system.town.paint_boxes import fogged
from av_td3_system.town.rasterizer import composite, patch, pole

SMALLEST = 0.3  # pixels of width below which a car is left out
GLARE_BRAKE, GLARE_HEAD = 0.4, 0.2  # pixels that far lamps spread beyond their size, within the body


class Extent(NamedTuple):
    """Where a car lies on the screen, and how much it is stretched to be at least a pixel wide and high."""

    u: float  # middle
    v: float
    half_u: float  # before the stretch
    half_v: float
    stretch_u: float
    stretch_v: float


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def enqueue(canvas: Canvas, waiting: int, item: int, nearness: float) -> int:
    """Insert an item into the queue of `canvas`, which is sorted from far to near.

    Args:
        canvas: holds the queue. waiting: how many of its entries count.
        item: index of a car, or -1 - index of a box. nearness: its 1/z.

    Returns:
        The new number of entries; a full queue drops the item.
    """
    if waiting == canvas.queue.shape[0]:
        return waiting
    place = waiting
    while place > 0 and canvas.queue_nearness[place - 1] > nearness:
        canvas.queue_nearness[place] = canvas.queue_nearness[place - 1]
        canvas.queue[place] = canvas.queue[place - 1]
        place -= 1
    canvas.queue_nearness[place] = nearness
    canvas.queue[place] = item
    return waiting + 1


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_thin(
    canvas: Canvas,
    camera: CameraModel,
    air: Air,
    forward: float,
    left: float,
    half: float,
    low: float,
    high: float,
    grey: float,
) -> None:
    """Blend an upright box by its mean half width, m; `low`, `high` m above the camera; lit grey."""
    cos, sin, focal = camera.cos_pitch, camera.sin_pitch, camera.focal
    z_low = forward * cos + low * sin
    z_high = forward * cos + high * sin
    pole(
        canvas,
        camera.cx - focal * left / z_high,
        camera.cy + focal * (forward * sin - high * cos) / z_high,
        focal * half / z_high,
        camera.cx - focal * left / z_low,
        camera.cy + focal * (forward * sin - low * cos) / z_low,
        focal * half / z_low,
        1.0 / min(z_low, z_high),
        fogged(grey, forward, air) - 0.5,
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def measure(camera: CameraModel, place: Footprint, tall: float) -> Extent:
    """The extent of a car of height `tall` m on the screen."""
    u_low, u_high = 1e9, -1e9
    v_low, v_high = 1e9, -1e9
    ground, roof = -camera.z, tall - camera.z
    for k in range(4):
        x = place.half_length if k < 2 else -place.half_length
        y = place.half_width if k == 0 or k == 3 else -place.half_width
        forward = place.forward + x * place.cos - y * place.sin
        scale = camera.focal / (forward * camera.cos_pitch + 0.5 * (ground + roof) * camera.sin_pitch)
        u = camera.cx - (place.left + x * place.sin + y * place.cos) * scale
        u_low, u_high = min(u_low, u), max(u_high, u)
        v_low = min(v_low, camera.cy + (forward * camera.sin_pitch - roof * camera.cos_pitch) * scale)
        v_high = max(v_high, camera.cy + (forward * camera.sin_pitch - ground * camera.cos_pitch) * scale)
    half_u, half_v = 0.5 * (u_high - u_low), 0.5 * (v_high - v_low)
    stretch_u, stretch_v = max(1.0, 0.5 / max(half_u, 1e-6)), max(1.0, 0.5 / max(half_v, 1e-6))
    return Extent(0.5 * (u_low + u_high), 0.5 * (v_low + v_high), half_u, half_v, stretch_u, stretch_v)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def add_face(
    canvas: Canvas,
    camera: CameraModel,
    extent: Extent,
    middle: tuple[float, float],
    tangent: tuple[float, float],
    inner: float,
    outer: float,
    low: float,
    high: float,
    value: float,
    weight: float,
) -> None:
    """Add an upright rectangle to the layer.

    Args:
        canvas, camera, extent: what to draw on, with, and how it is stretched.
        middle: plan point (forward, left) of its face. tangent: unit vector along the face.
        inner, outer: where it starts and ends along the tangent, m from the middle.
        low, high: m above the camera. value, weight: as `rasterizer.patch`.
    """
    cos, sin = camera.cos_pitch, camera.sin_pitch
    pf, pl = middle[0] + inner * tangent[0], middle[1] + inner * tangent[1]
    qf, ql = middle[0] + outer * tangent[0], middle[1] + outer * tangent[1]
    half = 0.5 * (low + high)
    fp = camera.focal / (pf * cos + half * sin)
    fq = camera.focal / (qf * cos + half * sin)
    # Moved away from the car's middle by the stretch.
    u, v, su, sv = extent.u, extent.v, extent.stretch_u, extent.stretch_v
    patch(
        canvas,
        u + (camera.cx - pl * fp - u) * su,
        v + (camera.cy + (pf * sin - high * cos) * fp - v) * sv,
        v + (camera.cy + (pf * sin - low * cos) * fp - v) * sv,
        u + (camera.cx - ql * fq - u) * su,
        v + (camera.cy + (qf * sin - high * cos) * fq - v) * sv,
        v + (camera.cy + (qf * sin - low * cos) * fq - v) * sv,
        value,
        weight,
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def draw_far(
    canvas: Canvas, camera: CameraModel, air: Air, place: Footprint, tall: float, albedo: float, braking: bool
) -> None:
    """Blend a far car of height `tall` m by coverage."""
    extent = measure(camera, place, tall)
    if (
        extent.u + extent.half_u <= 0.0
        or extent.u - extent.half_u >= camera.width
        or extent.v + extent.half_v <= 0.0
        or extent.v - extent.half_v >= camera.height
        or 2 * extent.half_u < SMALLEST
    ):
        return
    f, left, c, s, half_length, half_width = place
    ground = -camera.z
    z = f * camera.cos_pitch + (ground + 0.5 * tall) * camera.sin_pitch
    roof, waist, sill = ground + tall, ground + shape.WAIST * tall, ground + shape.GROUND_CLEARANCE
    under = roof - shape.ROOF
    shift = 2 * half_length * shape.CABIN_SHIFT
    along, across = f * c + left * s, left * c - f * s
    for face in range(2):
        if face == 0:  # front or rear
            if abs(along) <= half_length:
                continue
            sign = -1.0 if along > half_length else 1.0
            reach, half, nf, nl, light = half_length, half_width, sign * c, sign * s, air.ends
            cabin_reach, cabin_half = reach * shape.CABIN_LENGTH, half * shape.CABIN_WIDTH
        else:
            if abs(across) <= half_width:
                continue
            sign = -1.0 if across > half_width else 1.0
            reach, half, nf, nl, light = half_width, half_length, -sign * s, sign * c, air.sides
            cabin_reach, cabin_half = reach * shape.CABIN_WIDTH, half * shape.CABIN_LENGTH
        tangent = (-nl, nf)
        middle = (f + reach * nf, left + reach * nl)
        cabin = (f + shift * c + cabin_reach * nf, left + shift * s + cabin_reach * nl)
        body = fogged(albedo * light, z, air)
        dark, glass = fogged(shape.UNDERSIDE * light, z, air), fogged(shape.GLASS * light, z, air)
        add_face(canvas, camera, extent, middle, tangent, -half, half, ground, sill, dark, 1.0)
        add_face(canvas, camera, extent, middle, tangent, -half, half, sill, waist, body, 1.0)
        add_face(canvas, camera, extent, cabin, tangent, -cabin_half, cabin_half, waist, under, glass, 1.0)
        add_face(canvas, camera, extent, cabin, tangent, -cabin_half, cabin_half, under, roof, body, 1.0)
        if face == 0:
            rear = sign < 0.0
            bright = braking or not rear
            emitted = shape.LAMP_HEAD if not rear else shape.LAMP_BRAKE if braking else shape.LAMP_TAIL
            # Bright lamps outshine their size, but not beyond the body.
            glare = ((GLARE_BRAKE if rear else GLARE_HEAD) if bright else 0.0) * z / camera.focal
            inner = max(half * (0.4 if bright else 0.5) - glare, 0.1 * half)
            outer = half
            low = max(ground + 0.3 * tall - glare, sill)
            high = min(ground + (0.52 if rear and braking else 0.46) * tall + glare, waist)
        else:
            emitted = shape.TYRE * light
            inner = 2 * half_length * shape.WHEEL_PLACE - shape.WHEEL_RADIUS
            outer = inner + 2 * shape.WHEEL_RADIUS
            low, high = sill, ground + 2 * shape.WHEEL_RADIUS
        # Lamps and wheels recolour the body they lie on.
        change = fogged(emitted, z, air) - body
        add_face(canvas, camera, extent, middle, tangent, inner, outer, low, high, change, 0.0)
        add_face(canvas, camera, extent, middle, tangent, -outer, -inner, low, high, change, 0.0)
    du = extent.half_u * extent.stretch_u + 1.0
    dv = extent.half_v * extent.stretch_v + 2.0
    composite(canvas, extent.u - du, extent.v - dv, extent.u + du, extent.v + dv, 1.0 / z)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def footprint_of(cars: Cars, index: int, eye: Eye) -> Footprint:
    """Where a car stands as seen by the eye."""
    dx, dy = cars.x[index] - eye.x, cars.y[index] - eye.y
    c, s = math.cos(cars.heading[index]), math.sin(cars.heading[index])
    return Footprint(
        dx * eye.cos + dy * eye.sin,
        dy * eye.cos - dx * eye.sin,
        c * eye.cos + s * eye.sin,
        s * eye.cos - c * eye.sin,
        0.5 * cars.size[index, 0],
        0.5 * cars.size[index, 1],
    )


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def blend_queue(
    canvas: Canvas, camera: CameraModel, boxes: NDArray[np.float32], cars: Cars, eye: Eye, air: Air, waiting: int
) -> None:
    """Blend all that waits, from far to near; boxes: `SceneryArrays.boxes`."""
    for place in range(waiting):
        index = canvas.queue[place]
        if index >= 0:
            footprint = footprint_of(cars, index, eye)
            tall, albedo = float(cars.size[index, 2]), float(cars.shade[index])
            draw_far(canvas, camera, air, footprint, tall, albedo, cars.brake[index] != 0)
        else:
            index = -1 - index
            dx, dy = boxes[index, 0] - eye.x, boxes[index, 1] - eye.y
            forward, left = dx * eye.cos + dy * eye.sin, dy * eye.cos - dx * eye.sin
            half = 0.6 * math.sqrt(boxes[index, 3] * boxes[index, 3] + boxes[index, 4] * boxes[index, 4])
            low, high, grey = boxes[index, 5] - camera.z, boxes[index, 6] - camera.z, boxes[index, 7] * air.sides
            draw_thin(canvas, camera, air, forward, left, half, low, high, grey)
