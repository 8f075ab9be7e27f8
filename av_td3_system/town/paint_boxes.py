"""Numba kernels that draw upright boxes: walls with or without windows, roofs, and what cars are made of.

Ground plan coordinates are (forward, left) in m from the camera along the car's heading; heights are m above the
camera. Faces are lit by their side of the box, not by a compass direction, so that a mirrored or turned world gives the
mirrored or the same picture and neighbouring faces still differ.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from av_td3_system.town.camera_types import Air, CameraModel, Canvas, Footprint
from av_td3_system.town.rasterizer import outline, paint, scan

STOREY = 3.0  # m, height of a storey and spacing of windows
WINDOW_WIDTH = 1.5  # m
WINDOW_LOW, WINDOW_HIGH = 1.0, 2.4  # m above a storey's floor
WINDOW_GREY = 0.55  # brightness of a window relative to its wall
WINDOW_SHARE = WINDOW_WIDTH * (WINDOW_HIGH - WINDOW_LOW) / STOREY**2  # of a wall's area
BLUR = 0.5 * STOREY  # m a pixel; walls seen coarser show no single windows
FLAT, WINDOWS = 0, 1  # kinds of walls


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def fogged(grey: float, distance: float, air: Air) -> float:
    """Grey 0..255 seen through `distance` m of fog, 0.5 added for rounding."""
    clear = math.exp(-air.fog * max(distance, 0.0))
    return min(max(air.haze + (grey - air.haze) * clear, 0.0), 255.0) + 0.5


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def paint_facade(
    canvas: Canvas,
    top: int,
    bottom: int,
    plane: tuple[float, float, float],
    along: tuple[float, float, float, float],
    upward: tuple[float, float, float],
    grey: float,
    air: Air,
) -> None:
    """Fill scanned rows of a wall with windows, with fog and depth per pixel.

    Args:
        canvas: canvas.first and canvas.last hold the columns. top, bottom: rows.
        plane: (a, b, c), 1/z = a + b u + c v.
        along: (t0, tu, tv, t1), metres along the wall from its middle = (t0 + tu u + tv v) z - t1.
        upward: (h0, hv, base), metres above the wall's foot = (h0 + hv v) z - base.
        grey: lit grey of the wall before fog. air: the fog.
    """
    # All in single precision, so that a row runs through the processor's widest registers.
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    sixth, twentyfourth = np.float32(1.0 / 6.0), np.float32(1.0 / 24.0)
    storey, per_storey = np.float32(STOREY), np.float32(1.0 / STOREY)
    half_width, half_height = np.float32(0.5 * WINDOW_WIDTH), np.float32(0.5 * (WINDOW_HIGH - WINDOW_LOW))
    contrast, share = np.float32(1.0 - WINDOW_GREY), np.float32(WINDOW_SHARE)
    blur = np.float32(2.0 / BLUR)
    a, b, c = plane
    t0, tu, tv, t1 = along
    h0, hv, base = upward
    # Heights are counted so that windows have their middles half a storey above a multiple of the storey.
    lift = np.float32(base + 0.5 * (WINDOW_LOW + WINDOW_HIGH) - 0.5 * STOREY)
    offset, slope, step = np.float32(t1), np.float32(tu), np.float32(b)
    wall_grey, haze, density = np.float32(grey), np.float32(air.haze), np.float32(air.fog)
    pixel = np.float32(abs(hv))
    for row in range(top, bottom):
        first = canvas.first[row]
        count = canvas.last[row] - first
        if count <= 0:
            continue
        pixels = canvas.image[row, first : first + count]
        depths = canvas.depth[row, first : first + count]
        start = np.float32(a + b * (first + 0.5) + c * (row + 0.5))
        ray = np.float32(t0 + tu * (first + 0.5) + tv * (row + 0.5))
        up = np.float32(h0 + hv * (row + 0.5))
        for k in range(count):
            position = np.float32(k)
            nearness = start + step * position
            z = one / nearness
            s = (ray + slope * position) * z - offset
            h = up * z - lift
            # Distance from the nearest window's middle, then the window's share of the pixel.
            aside = abs(s - np.floor(s * per_storey + half) * storey)
            above = abs(h - (np.floor(h * per_storey) + half) * storey)
            size = z * pixel
            sharp = one / size
            glass = min(max((half_width - aside) * sharp + half, zero), one)
            glass *= min(max((half_height - above) * sharp + half, zero), one)
            # Single windows fade into the mean of the wall before they get too small for the pixels.
            blurred = min(max(size * blur - one, zero), one)
            glass = glass * (one - blurred) + share * blurred
            # exp(-x) by the head of its series, within 0.012 everywhere.
            thick = density * z
            clear = one / (one + thick * (one + thick * (half + thick * (sixth + thick * twentyfourth))))
            value = haze + (wall_grey * (one - contrast * glass) - haze) * clear + half
            if nearness > depths[k]:
                depths[k] = nearness
                pixels[k] = np.uint8(value)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def wall(
    canvas: Canvas,
    camera: CameraModel,
    air: Air,
    pf: float,
    pl: float,
    qf: float,
    ql: float,
    low: float,
    high: float,
    nf: float,
    nl: float,
    grey: float,
    bias: float,
    kind: int,
) -> None:
    """Draw the upright rectangle over the ground plan points p and q between two heights.

    Args:
        canvas, camera, air: what to draw on, with and through.
        pf, pl, qf, ql: forward and left of p and q.
        low, high: heights, m.
        nf, nl: outward unit normal in the plan, towards the camera (n . p < 0).
        grey: lit grey 0..255 before fog.
        bias: factor a little above 1 that lifts lamps and plates off the face they lie on.
        kind: FLAT or WINDOWS; windows are counted from `low`.
    """
    points = canvas.points
    cos, sin = camera.cos_pitch, camera.sin_pitch
    for k in range(4):
        forward = pf if k == 0 or k == 3 else qf
        up = low if k < 2 else high
        points[k, 0] = -(pl if k == 0 or k == 3 else ql)
        points[k, 1] = forward * sin - up * cos
        points[k, 2] = forward * cos + up * sin
    top, bottom = scan(canvas, outline(canvas, 4, camera))
    if bottom <= top:
        return
    # A ray with z = 1 meets the plan at (cos + y sin, -x), x and y being (u - cx) / f and (v - cy) / f.
    scale = 1.0 / (nf * pf + nl * pl)
    b = -nl / camera.focal * scale
    c = nf * sin / camera.focal * scale
    a = nf * cos * scale - b * camera.cx - c * camera.cy
    if kind == WINDOWS and min(pf, qf) * cos + min(low * sin, high * sin) < BLUR * camera.focal:
        tu = -nf / camera.focal
        tv = -nl * sin / camera.focal
        t0 = -nl * cos - tu * camera.cx - tv * camera.cy
        t1 = 0.5 * (-nl * (pf + qf) + nf * (pl + ql))
        hv = -cos / camera.focal
        upward = (sin - hv * camera.cy, hv, low)
        paint_facade(canvas, top, bottom, (a, b, c), (t0, tu, tv, t1), upward, grey, air)
    else:
        if kind == WINDOWS:
            grey *= 1.0 - (1.0 - WINDOW_GREY) * WINDOW_SHARE
        middle = 0.5 * (pf + qf) * cos + 0.5 * (low + high) * sin
        paint(canvas, top, bottom, a * bias, b * bias, c * bias, fogged(grey, middle, air))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def scan_level(canvas: Canvas, camera: CameraModel, place: Footprint, wider: float, up: float) -> tuple[int, int]:
    """Scan a footprint, made wider by some m on all sides, at the height `up`; returns as `rasterizer.scan`."""
    for k in range(4):
        x = place.half_length + wider if k == 0 or k == 3 else -place.half_length - wider
        y = place.half_width + wider if k < 2 else -place.half_width - wider
        forward = place.forward + x * place.cos - y * place.sin
        canvas.points[k, 0] = -(place.left + x * place.sin + y * place.cos)
        canvas.points[k, 1] = forward * camera.sin_pitch - up * camera.cos_pitch
        canvas.points[k, 2] = forward * camera.cos_pitch + up * camera.sin_pitch
    return scan(canvas, outline(canvas, 4, camera))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def slab(canvas: Canvas, camera: CameraModel, air: Air, place: Footprint, up: float, grey: float) -> None:
    """Draw a level rectangle (roof, underside) `up` m above the camera in a lit grey."""
    top, bottom = scan_level(canvas, camera, place, 0.0, up)
    if bottom > top:
        c = -camera.cos_pitch / camera.focal / up
        a = camera.sin_pitch / up - c * camera.cy
        paint(canvas, top, bottom, a, 0.0, c, fogged(grey, place.forward, air))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, _nrt=False)
def box(
    canvas: Canvas, camera: CameraModel, air: Air, place: Footprint, low: float, high: float, albedo: float, kind: int
) -> None:
    """Draw the visible faces of an upright box between two heights; `kind` of its walls as for `wall`."""
    f, left, c, s, half_length, half_width = place
    along = f * c + left * s
    across = left * c - f * s
    if abs(along) > half_length:
        sign = -1.0 if along > half_length else 1.0
        ef = f + sign * half_length * c
        el = left + sign * half_length * s
        wf, wl = half_width * s, half_width * c
        grey = albedo * air.ends
        wall(canvas, camera, air, ef - wf, el + wl, ef + wf, el - wl, low, high, sign * c, sign * s, grey, 1.0, kind)
    if abs(across) > half_width:
        sign = -1.0 if across > half_width else 1.0
        ef = f - sign * half_width * s
        el = left + sign * half_width * c
        lf, ll = half_length * c, half_length * s
        grey = albedo * air.sides
        wall(canvas, camera, air, ef - lf, el - ll, ef + lf, el + ll, low, high, -sign * s, sign * c, grey, 1.0, kind)
    if high < 0.0:
        slab(canvas, camera, air, place, high, albedo * air.level)
    elif low > 0.0:
        slab(canvas, camera, air, place, low, 0.7 * albedo * air.sides)
