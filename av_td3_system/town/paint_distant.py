"""Numba kernels for what is only a few pixels large: blended by the exact share of each pixel that it covers.

Poles, trunks and far vehicles wait in a queue until everything larger is drawn, and are then blended from far to near.
So they move smoothly over the picture, do not flicker, and never drop out of it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from av_td3_system.town import vehicle_shape as shape
from av_td3_system.town.camera_types import Canvas, Cars, Footprint, Layer, Work
from av_td3_system.town.kernel import painter
from av_td3_system.town.paint_boxes import face_light, fogged
from av_td3_system.town.rasterizer import composite, patch
from av_td3_system.town.state import TRUCK

SMALLEST = 0.3  # pixels of width below which a vehicle is left out
GLARE_BRAKE, GLARE_HEAD = 0.4, 0.2  # pixels that far lamps spread beyond their size, within the body


class Extent(NamedTuple):
    """Where a vehicle lies on the screen, and how much it is stretched to be at least a pixel wide and high."""

    u: float  # middle
    v: float
    half_u: float  # before the stretch
    half_v: float
    stretch_u: float
    stretch_v: float


@painter()
def measure(work: Work, place: Footprint, tall: float) -> Extent:
    """The extent of a vehicle of height `tall` m on the screen."""
    u_low, u_high = 1e9, -1e9
    v_low, v_high = 1e9, -1e9
    ground, roof = -work.z, tall - work.z
    for k in range(4):
        x = place.half_length if k < 2 else -place.half_length
        y = place.half_width if k == 0 or k == 3 else -place.half_width
        forward = place.forward + x * place.cos - y * place.sin
        scale = work.focal / (forward * work.cos_pitch + 0.5 * (ground + roof) * work.sin_pitch)
        u = work.cx - (place.left + x * place.sin + y * place.cos) * scale
        u_low, u_high = min(u_low, u), max(u_high, u)
        v_low = min(v_low, work.cy + (forward * work.sin_pitch - roof * work.cos_pitch) * scale)
        v_high = max(v_high, work.cy + (forward * work.sin_pitch - ground * work.cos_pitch) * scale)
    half_u, half_v = 0.5 * (u_high - u_low), 0.5 * (v_high - v_low)
    stretch_u, stretch_v = max(1.0, 0.5 / max(half_u, 1e-6)), max(1.0, 0.5 / max(half_v, 1e-6))
    return Extent(0.5 * (u_low + u_high), 0.5 * (v_low + v_high), half_u, half_v, stretch_u, stretch_v)


@painter()
def add_face(
    layer: Layer,
    work: Work,
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
        layer, work, extent: what to draw on, with, and how it is stretched.
        middle: plan point (forward, left) of its face. tangent: unit vector along the face.
        inner, outer: where it starts and ends along the tangent, m from the middle.
        low, high: m above the camera. value, weight: as `rasterizer.patch`.
    """
    cos, sin = work.cos_pitch, work.sin_pitch
    pf, pl = middle[0] + inner * tangent[0], middle[1] + inner * tangent[1]
    qf, ql = middle[0] + outer * tangent[0], middle[1] + outer * tangent[1]
    half = 0.5 * (low + high)
    fp = work.focal / (pf * cos + half * sin)
    fq = work.focal / (qf * cos + half * sin)
    # Moved away from the vehicle's middle by the stretch.
    u, v, su, sv = extent.u, extent.v, extent.stretch_u, extent.stretch_v
    patch(
        layer,
        u + (work.cx - pl * fp - u) * su,
        v + (work.cy + (pf * sin - high * cos) * fp - v) * sv,
        v + (work.cy + (pf * sin - low * cos) * fp - v) * sv,
        u + (work.cx - ql * fq - u) * su,
        v + (work.cy + (qf * sin - high * cos) * fq - v) * sv,
        v + (work.cy + (qf * sin - low * cos) * fq - v) * sv,
        value,
        weight,
    )


@painter()
def material(code: float, paint: float) -> float:
    """Albedo of a part of a vehicle."""
    if code == shape.BODY:
        return paint
    if code == shape.GLASS:
        return shape.GLASS_ALBEDO
    return shape.UNDERSIDE if code == shape.DARK else shape.CARGO_ALBEDO


@painter()
def _free_top(kind: int, k: int, face: int, sign: float, half_length: float, half_width: float) -> float:
    """Metres of the level top of part k between its edge at a face and what stands higher; below 0 where hidden."""
    parts = shape.PARTS[kind]
    ends = 1 if sign > 0.0 else 0
    edge = parts[k, 2] * half_width if face == 1 else sign * parts[k, ends] * half_length
    gap = 2.0 * edge if face == 1 else (parts[k, 1] - parts[k, 0]) * half_length
    for other in range(shape.COUNT[kind]):
        if parts[other, 4] > parts[k, 4]:
            wall_at = parts[other, 2] * half_width if face == 1 else sign * parts[other, ends] * half_length
            gap = min(gap, edge - wall_at)
    return gap


@painter()
def _seen_above(work: Work, near: float, far: float, up: float) -> float:
    """The height over a place `near` m ahead at which one sees what lies `up` m above the camera, `far` m ahead."""
    cos, sin = work.cos_pitch, work.sin_pitch
    down = (far * sin - up * cos) / (far * cos + up * sin)
    return near * (sin - down * cos) / (cos + down * sin)


@painter()
def draw_far(
    canvas: Canvas, layer: Layer, work: Work, place: Footprint, kind: int, tall: float, paint: float, braking: bool
) -> None:
    """Blend a far vehicle of height `tall` m by coverage."""
    extent = measure(work, place, tall)
    if (
        extent.u + extent.half_u <= 0.0
        or extent.u - extent.half_u >= work.width
        or extent.v + extent.half_v <= 0.0
        or extent.v - extent.half_v >= work.height
        or 2 * extent.half_u < SMALLEST
    ):
        return
    f, left, c, s, half_length, half_width = place
    ground = -work.z
    z = f * work.cos_pitch + (ground + 0.5 * tall) * work.sin_pitch
    along, across = f * c + left * s, left * c - f * s
    for face in range(2):
        if face == 0:  # front or rear
            if abs(along) <= half_length:
                continue
            sign = -1.0 if along > half_length else 1.0
            nf, nl = sign * c, sign * s
        else:
            if abs(across) <= half_width:
                continue
            sign = -1.0 if across > half_width else 1.0
            nf, nl = -sign * s, sign * c
        tangent = (-nl, nf)
        light = face_light(work, nf, nl, f, left)
        for k in range(shape.COUNT[kind]):
            part = shape.PARTS[kind, k]
            shift = 0.5 * (part[0] + part[1]) * half_length
            depth, wide = 0.5 * (part[1] - part[0]) * half_length, part[2] * half_width
            if face == 1:
                depth, wide = wide, depth
            middle = (f + shift * c + depth * nf, left + shift * s + depth * nl)
            grey = fogged(work, material(part[5], paint) * light, z)
            low, high = ground + part[3] * tall, ground + part[4] * tall
            add_face(layer, work, extent, middle, tangent, -wide, wide, low, high, grey, 1.0)
            gap = _free_top(kind, k, face, sign, half_length, half_width)
            if high < 0.0 and gap > 0.0:
                lit = fogged(work, material(part[5], paint) * work.level, z)
                upper = _seen_above(work, middle[0], middle[0] - gap * nf, high)
                add_face(layer, work, extent, middle, tangent, -wide, wide, high, upper, lit, 1.0)
        _add_details(layer, work, extent, place, kind, tall, paint, braking, face, sign, light, z)
    du = extent.half_u * extent.stretch_u + 1.0
    dv = extent.half_v * extent.stretch_v + 2.0
    composite(canvas, layer, extent.u - du, extent.v - dv, extent.u + du, extent.v + dv, 1.0 / z)


@painter()
def _add_details(
    layer: Layer,
    work: Work,
    extent: Extent,
    place: Footprint,
    kind: int,
    tall: float,
    paint: float,
    braking: bool,
    face: int,
    sign: float,
    light: float,
    z: float,
) -> None:
    """Recolour what lamps (face 0) or wheels (face 1) cover of the part they lie on."""
    f, left, c, s, half_length, half_width = place
    ground = -work.z
    if face == 0:
        nf, nl = sign * c, sign * s
        rear = sign < 0.0
        bright = braking or not rear
        lamps = shape.LAMPS[kind]
        # Bright lamps outshine their size, but not beyond the body.
        glare = ((GLARE_BRAKE if rear else GLARE_HEAD) if bright else 0.0) * z / work.focal
        inner = max(half_width * ((lamps[5] - 0.05) if bright else lamps[6]) - glare, 0.1 * half_width)
        outer = half_width
        own = shape.PARTS[kind, shape.COUNT[kind] - 1 if rear and kind == TRUCK else 1]
        bottom, top = ground + own[3] * tall, ground + own[4] * tall
        if rear:
            emitted = shape.LAMP_BRAKE[work.primary] if braking else shape.LAMP_TAIL[work.primary]
            low, high = lamps[2], lamps[4] if braking else lamps[3]
        else:
            emitted, low, high = shape.LAMP_HEAD[work.primary], lamps[0], lamps[1]
        low, high = max(ground + low * tall - glare, bottom), min(ground + (high + 0.02) * tall + glare, top)
        reach = half_length
        under = material(own[5], paint)
    else:
        nf, nl = -sign * s, sign * c
        emitted = shape.TYRE * light
        radius = shape.WHEEL_RADIUS[kind]
        inner = half_length * shape.WHEEL_PLACE[kind] - radius
        outer = inner + 2 * radius
        body = shape.PARTS[kind, 1]
        low, high = ground + body[3] * tall, ground + min(2 * radius, body[4] * tall)
        reach = half_width
        under = paint
    middle, tangent = (f + reach * nf, left + reach * nl), (-nl, nf)
    change = fogged(work, emitted, z) - fogged(work, under * light, z)
    add_face(layer, work, extent, middle, tangent, inner, outer, low, high, change, 0.0)
    add_face(layer, work, extent, middle, tangent, -outer, -inner, low, high, change, 0.0)


@painter()
def footprint_of(work: Work, cars: Cars, index: int) -> Footprint:
    """Where a vehicle stands as seen by the eye."""
    dx, dy = cars.x[index] - work.eye_x, cars.y[index] - work.eye_y
    c, s = math.cos(cars.heading[index]), math.sin(cars.heading[index])
    return Footprint(
        dx * work.eye_cos + dy * work.eye_sin,
        dy * work.eye_cos - dx * work.eye_sin,
        c * work.eye_cos + s * work.eye_sin,
        s * work.eye_cos - c * work.eye_sin,
        0.5 * cars.size[index, 0],
        0.5 * cars.size[index, 1],
    )
