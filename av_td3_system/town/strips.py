"""Compiled rasterising of strips: bands of varying lateral extent along a sampled curve.

A strip has samples (x, y, heading) and lateral borders low <= high (m, left positive), each (n,).
Two neighbouring samples bound a slice of the plane between their normals, so slices tile a bent
strip without gap or overlap. NaN borders skip a slice. Rasters have row = y, column = x.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from av_td3_system.town.plan_view import FloatArray

OVERLAP = 0.06  # m by which ends reach out: strips that abut in a real map may lie centimetres apart


class Frame(NamedTuple):
    """Placement of a raster: lower-left corner in m, metres per cell, and its size in cells."""

    x0: float
    y0: float
    resolution: float
    rows: int
    columns: int


class Strip(NamedTuple):
    """Samples along a curve and the lateral borders there, all (n,) float64."""

    x: FloatArray
    y: FloatArray
    heading: FloatArray
    low: FloatArray
    high: FloatArray


def raster_frame(bounds: tuple[float, float, float, float], margin: float, resolution: float, multiple: float) -> Frame:
    """A frame around `bounds` (xmin, ymin, xmax, ymax) widened by `margin` m to whole `multiple` m."""
    x0, y0 = (math.floor((low - margin) / multiple) * multiple for low in bounds[:2])
    x1, y1 = (math.ceil((high + margin) / multiple) * multiple for high in bounds[2:])
    return Frame(x0, y0, resolution, round((y1 - y0) / resolution), round((x1 - x0) / resolution))


@njit(cache=True)
def _cells(strip: Strip, k: int, frame: Frame) -> tuple[int, int, int, int]:
    """First and last-plus-one row and column of the cells that slice k can touch."""
    left, bottom, right, top = np.inf, np.inf, -np.inf, -np.inf
    for i in range(k, k + 2):
        sin, cos = math.sin(strip.heading[i]), math.cos(strip.heading[i])
        for t in (strip.low[i], strip.high[i]):
            x, y = strip.x[i] - sin * t, strip.y[i] + cos * t
            left, right, bottom, top = min(left, x), max(right, x), min(bottom, y), max(top, y)
    h = frame.resolution
    return (
        max(math.floor((bottom - frame.y0) / h) - 1, 0),
        min(math.floor((top - frame.y0) / h) + 2, frame.rows),
        max(math.floor((left - frame.x0) / h) - 1, 0),
        min(math.floor((right - frame.x0) / h) + 2, frame.columns),
    )


@njit(cache=True)
def _locate(strip: Strip, k: int, px: float, py: float, overlap: float) -> tuple[float, float]:
    """Where a point lies in slice k: (share of the way from k to k + 1, lateral m); share -1 outside."""
    last = len(strip.x) - 2
    ca, sa = math.cos(strip.heading[k]), math.sin(strip.heading[k])
    cb, sb = math.cos(strip.heading[k + 1]), math.sin(strip.heading[k + 1])
    ahead = (px - strip.x[k]) * ca + (py - strip.y[k]) * sa
    behind = (strip.x[k + 1] - px) * cb + (strip.y[k + 1] - py) * sb
    if ahead < (-overlap if k == 0 else 0.0):
        return -1.0, 0.0
    if behind < -overlap or (behind <= 0.0 and k < last):
        return -1.0, 0.0
    u = min(max(ahead / (ahead + behind), 0.0), 1.0) if ahead + behind > 1e-12 else 0.0
    mx, my = strip.x[k] + u * (strip.x[k + 1] - strip.x[k]), strip.y[k] + u * (strip.y[k + 1] - strip.y[k])
    t = (py - my) * (ca + u * (cb - ca)) - (px - mx) * (sa + u * (sb - sa))
    return u, t


@njit(cache=True)
def _share(strip: Strip, k: int, u: float, t: float, cell: float) -> float:
    """Share of a cell centred at lateral `t` that lies between the borders."""
    low = strip.low[k] + u * (strip.low[k + 1] - strip.low[k])
    high = strip.high[k] + u * (strip.high[k + 1] - strip.high[k])
    return max(0.0, min(high, t + 0.5 * cell) - max(low, t - 0.5 * cell)) / cell


@njit(cache=True)
def _painted(strip: Strip, k: int) -> bool:
    return bool(strip.high[k] >= strip.low[k] and strip.high[k + 1] >= strip.low[k + 1])


@njit(cache=True)
def cover_strip(coverage: NDArray[np.uint8], frame: Frame, strip: Strip) -> None:
    """Raises `coverage` (rows, columns), 0..255, to the share of each cell that the strip covers."""
    h = frame.resolution
    for k in range(len(strip.x) - 1):
        if not _painted(strip, k):
            continue
        r0, r1, c0, c1 = _cells(strip, k, frame)
        for r in range(r0, r1):
            for c in range(c0, c1):
                u, t = _locate(strip, k, frame.x0 + (c + 0.5) * h, frame.y0 + (r + 0.5) * h, OVERLAP)
                if u >= 0.0:
                    coverage[r, c] = max(coverage[r, c], int(255.0 * _share(strip, k, u, t, h) + 0.5))


@njit(cache=True)
def label_strip(
    kind: NDArray[np.uint8], direction: NDArray[np.float32], frame: Frame, strip: Strip, value: int, turned: float
) -> None:
    """Labels the cells whose centre lies in the strip.

    Args:
        kind: (rows, columns), takes `value`.
        direction: (rows, columns), takes the strip's heading plus `turned`, rad in [-pi, pi).
        frame: of both.
        strip: the strip.
        value: the label.
        turned: rad.
    """
    h = frame.resolution
    for k in range(len(strip.x) - 1):
        if not _painted(strip, k):
            continue
        r0, r1, c0, c1 = _cells(strip, k, frame)
        bend = strip.heading[k + 1] - strip.heading[k]
        for r in range(r0, r1):
            for c in range(c0, c1):
                u, t = _locate(strip, k, frame.x0 + (c + 0.5) * h, frame.y0 + (r + 0.5) * h, OVERLAP)
                if u < 0.0 or _share(strip, k, u, t, 1e-6) < 0.5:
                    continue
                kind[r, c] = value
                direction[r, c] = (strip.heading[k] + u * bend + turned + math.pi) % (2.0 * math.pi) - math.pi


@njit(cache=True)
def paint_strip(
    image: NDArray[np.uint8], frame: Frame, strip: Strip, albedo: float, s: FloatArray, dash: float, period: float
) -> None:
    """Blends a shade into the cells of a strip by the share of each that is covered.

    Args:
        image: (rows, columns).
        frame: of the image.
        strip: the strip.
        albedo: the shade, 0..255.
        s: (n,) m along the strip.
        dash: m painted at the start of every `period`.
        period: m; 0 paints all.
    """
    h = frame.resolution
    for k in range(len(strip.x) - 1):
        if not _painted(strip, k):
            continue
        r0, r1, c0, c1 = _cells(strip, k, frame)
        for r in range(r0, r1):
            for c in range(c0, c1):
                u, t = _locate(strip, k, frame.x0 + (c + 0.5) * h, frame.y0 + (r + 0.5) * h, 0.0)
                if u < 0.0 or (period > 0.0 and (s[k] + u * (s[k + 1] - s[k])) % period > dash):
                    continue
                share = _share(strip, k, u, t, h)
                image[r, c] = int(image[r, c] + share * (albedo - image[r, c]) + 0.5)
