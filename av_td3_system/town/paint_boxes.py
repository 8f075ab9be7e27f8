"""Numba kernels that draw upright boxes: walls with or without windows, roofs, and what cars are made of.

Ground plan coordinates are (forward, left) in m from the camera along the car's heading; heights are m above the
camera. Faces get direct light by the angle between their normal and the sun (Lambert), and at night the light of the
ego's own head lamps.
"""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town import facade
from av_td3_system.town.camera_types import Canvas, Footprint, Work
from av_td3_system.town.head_lamps import BEAM, beam_at
from av_td3_system.town.kernel import painter
from av_td3_system.town.occlusion import raise_roofline
from av_td3_system.town.rasterizer import NEAR, outline, paint, scan

WINDOW_GREY = 0.55  # brightness of a window relative to its wall
BLUR = 0.5 * facade.STOREY  # m a pixel; walls seen coarser show no single windows
LIT_WINDOW, UNLIT_WINDOW = 150.0, 12.0  # brightness at night
FLAT, WINDOWS, LIT_WINDOWS = 0, 1, 2  # kinds of walls
UPRIGHT = 0.82  # share of the light from everywhere that an upright face gets ...
LEANING = 0.1  # ... more or less by how far it looks towards the sun, however overcast


@painter()
def fogged(work: Work, grey: float, distance: float) -> float:
    """Grey 0..255 seen through `distance` m of fog, 0.5 added for rounding."""
    clear = math.exp(-work.fog * max(distance, 0.0))
    return min(max(work.haze + (grey - work.haze) * clear, 0.0), 255.0) + 0.5


@painter()
def face_light(work: Work, nf: float, nl: float, forward: float, left: float) -> float:
    """Light 0..1 on an upright face with the outward normal (nf, nl) at a place in the plan."""
    facing = work.sun_forward * nf + work.sun_left * nl
    light = work.ambient * (UPRIGHT + LEANING * facing) + work.direct * max(facing, 0.0)
    if work.dark > 0.0:
        light += BEAM * work.dark * max(-nf, 0.0) * beam_at(forward, left)
    return min(light, 1.0)


@painter()
def paint_facade(
    canvas: Canvas,
    work: Work,
    top: int,
    bottom: int,
    plane: tuple[float, float, float],
    along: tuple[float, float, float, float],
    upward: tuple[float, float, float],
    grey: float,
    window: float,
    nearest: float,
    farthest: float,
) -> None:
    """Fill scanned rows of a wall with windows, with fog and depth per pixel.

    Args:
        canvas, work: work.first and work.last hold the columns. top, bottom: rows.
        plane: (a, b, c), 1/z = a + b u + c v.
        along: (t0, tu, tv, t1), metres along the wall from its middle = (t0 + tu u + tv v) z - t1.
        upward: (h0, hv, base), metres above the wall's foot = (h0 + hv v) z - base.
        grey, window: brightness of the wall and of its windows before fog.
        nearest, farthest: z between which the wall lies, m.
    """
    one = np.float32(1.0)
    a, b, c = plane
    t0, tu, tv, t1 = along
    h0, hv, base = upward
    image, depth = canvas.image, canvas.depth
    # In texels of the finest tile; lifted by whole tiles, so that a cast, which truncates, rounds down.
    scale = facade.SIDE / facade.STOREY
    lift = 64.0 * facade.SIDE
    offset, foot = np.float32(t1 * scale - lift), np.float32(base * scale - lift)
    slope, step = np.float32(tu * scale), np.float32(b)
    # A tile's texels are about as large as a pixel.
    n1 = np.float32(abs(hv) * scale / 1.4)  # 1/z beyond which the finest are too fine
    n2, n3, n4, n5 = n1 / np.float32(2), n1 / np.float32(4), n1 / np.float32(8), n1 / np.float32(16)
    # The fog's exponential by its chord over the wall.
    clear_near, clear_far = math.exp(-work.fog * nearest), math.exp(-work.fog * farthest)
    fade = (clear_far - clear_near) / max(farthest - nearest, 1e-3)
    clear0, clear1 = np.float32(clear_near - fade * nearest), np.float32(fade)
    difference, contrast = np.float32(window - grey), np.float32(grey - work.haze)
    haze = np.float32(work.haze + 0.5)
    for row in range(top, bottom):
        first, last = work.first[row], work.last[row]
        nearness = np.float32(a + b * (first + 0.5) + c * (row + 0.5))
        ray = np.float32((t0 + tu * (first + 0.5) + tv * (row + 0.5)) * scale)
        up = np.float32((h0 + hv * (row + 0.5)) * scale)
        i = np.uint64(row)
        for column in range(first, last):
            j = np.uint64(column)
            if nearness > depth[i, j]:
                depth[i, j] = nearness
                z = one / nearness
                s = np.int32(ray * z - offset) & (facade.SIDE - 1)
                h = np.int32(up * z - foot) & (facade.SIDE - 1)
                level = (nearness < n1) + (nearness < n2) + (nearness < n3) + (nearness < n4) + (nearness < n5)
                place = facade.FIRST[level] + ((h >> level) * (facade.SIDE >> level)) + (s >> level)
                glass = facade.GLASS[np.uint64(place)]
                image[i, j] = np.uint8(np.int32(haze + (contrast + difference * glass) * (clear0 + clear1 * z)))
            nearness += step
            ray += slope


@painter()
def wall(
    canvas: Canvas,
    work: Work,
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
        canvas, work: what to draw on, and with.
        pf, pl, qf, ql: forward and left of p and q.
        low, high: heights, m.
        nf, nl: outward unit normal in the plan, towards the camera (n . p < 0).
        grey: lit grey 0..255 before fog.
        bias: factor a little above 1 that lifts lamps and plates off the face they lie on.
        kind: FLAT, WINDOWS or, at night, LIT_WINDOWS; windows are counted from `low`.
    """
    points = work.points
    cos, sin = work.cos_pitch, work.sin_pitch
    for k in range(4):
        forward = pf if k == 0 or k == 3 else qf
        up = low if k < 2 else high
        points[k, 0] = -(pl if k == 0 or k == 3 else ql)
        points[k, 1] = forward * sin - up * cos
        points[k, 2] = forward * cos + up * sin
    top, bottom = scan(work, outline(work, 4))
    if bottom <= top:
        return
    # A ray with z = 1 meets the plan at (cos + y sin, -x), x and y being (u - cx) / f and (v - cy) / f.
    scale = 1.0 / (nf * pf + nl * pl)
    b = -nl / work.focal * scale
    c = nf * sin / work.focal * scale
    a = nf * cos * scale - b * work.cx - c * work.cy
    window = grey * WINDOW_GREY * (1.0 - work.dark)
    if work.dark > 0.0:
        window += work.dark * (LIT_WINDOW if kind == LIT_WINDOWS else UNLIT_WINDOW)
    nearest = max(min(pf, qf) * cos + min(low * sin, high * sin), NEAR)
    if kind != FLAT and nearest < BLUR * work.focal:
        tu = -nf / work.focal
        tv = -nl * sin / work.focal
        t0 = -nl * cos - tu * work.cx - tv * work.cy
        t1 = 0.5 * (-nl * (pf + qf) + nf * (pl + ql))
        hv = -cos / work.focal
        farthest = max(pf, qf) * cos + max(low * sin, high * sin)
        upward = (sin - hv * work.cy, hv, low)
        paint_facade(canvas, work, top, bottom, (a, b, c), (t0, tu, tv, t1), upward, grey, window, nearest, farthest)
    else:
        if kind != FLAT:
            grey += (window - grey) * facade.WINDOW_SHARE
        middle = 0.5 * (pf + qf) * cos + 0.5 * (low + high) * sin
        paint(canvas, work, top, bottom, a * bias, b * bias, c * bias, fogged(work, grey, middle))


@painter()
def scan_level(work: Work, place: Footprint, wider: float, up: float) -> tuple[int, int]:
    """Scan a footprint, made wider by some m on all sides, at the height `up`; returns as `rasterizer.scan`."""
    for k in range(4):
        x = place.half_length + wider if k == 0 or k == 3 else -place.half_length - wider
        y = place.half_width + wider if k < 2 else -place.half_width - wider
        forward = place.forward + x * place.cos - y * place.sin
        work.points[k, 0] = -(place.left + x * place.sin + y * place.cos)
        work.points[k, 1] = forward * work.sin_pitch - up * work.cos_pitch
        work.points[k, 2] = forward * work.cos_pitch + up * work.sin_pitch
    return scan(work, outline(work, 4))


@painter()
def slab(canvas: Canvas, work: Work, place: Footprint, up: float, grey: float) -> None:
    """Draw a level rectangle (roof, underside) `up` m above the camera in a lit grey."""
    top, bottom = scan_level(work, place, 0.0, up)
    if bottom > top:
        c = -work.cos_pitch / work.focal / up
        a = work.sin_pitch / up - c * work.cy
        paint(canvas, work, top, bottom, a, 0.0, c, fogged(work, grey, place.forward))


@painter()
def box(canvas: Canvas, work: Work, place: Footprint, low: float, high: float, albedo: float, kind: int) -> None:
    """Draw the visible faces of an upright box between two heights; `kind` of its walls as for `wall`."""
    f, left, c, s, half_length, half_width = place
    along = f * c + left * s
    across = left * c - f * s
    if abs(along) > half_length:
        sign = -1.0 if along > half_length else 1.0
        nf, nl = sign * c, sign * s
        ef, el = f + half_length * nf, left + half_length * nl
        wf, wl = half_width * s, half_width * c
        grey = albedo * face_light(work, nf, nl, ef, el)
        wall(canvas, work, ef - wf, el + wl, ef + wf, el - wl, low, high, nf, nl, grey, 1.0, kind)
        if kind != FLAT:
            raise_roofline(work, ef - wf, el + wl, ef + wf, el - wl, low, high)
    if abs(across) > half_width:
        sign = -1.0 if across > half_width else 1.0
        nf, nl = -sign * s, sign * c
        ef, el = f + half_width * nf, left + half_width * nl
        lf, ll = half_length * c, half_length * s
        grey = albedo * face_light(work, nf, nl, ef, el)
        wall(canvas, work, ef - lf, el - ll, ef + lf, el + ll, low, high, nf, nl, grey, 1.0, kind)
        if kind != FLAT:
            raise_roofline(work, ef - lf, el - ll, ef + lf, el + ll, low, high)
    if high < 0.0:
        slab(canvas, work, place, high, albedo * work.level)
    elif low > 0.0:
        slab(canvas, work, place, low, 0.6 * albedo * work.ambient)
