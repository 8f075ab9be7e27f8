"""Numba kernels that put flat polygons and anti-aliased patches into one plane of a picture with a depth buffer.

Screen coordinates: u to the right, v down, pixel (row i, column j) covers i <= v < i + 1, j <= u < j + 1 and is
sampled at its centre. The depth buffer holds 1/z (z along the optical axis, m), which is affine in (u, v) on
any plane, so that nearer is larger and an empty buffer is 0.
"""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.camera_types import Canvas, Layer, Work
from av_td3_system.town.kernel import painter

NEAR = 0.15  # m, nothing nearer to the camera's plane is drawn


@painter()
def outline(work: Work, corners: int) -> int:
    """Clip the convex polygon work.points[:corners] at the near plane and project it to work.polygon.

    Returns:
        Number of corners written, 0 when nothing is left.
    """
    points, polygon = work.points, work.polygon
    cx, cy, focal = work.cx, work.cy, work.focal
    written = 0
    previous = corners - 1
    for current in range(corners):
        z0 = points[previous, 2]
        z1 = points[current, 2]
        if (z0 < NEAR) != (z1 < NEAR):
            share = (NEAR - z0) / (z1 - z0)
            right = points[previous, 0] + share * (points[current, 0] - points[previous, 0])
            down = points[previous, 1] + share * (points[current, 1] - points[previous, 1])
            polygon[written, 0] = cx + focal * right / NEAR
            polygon[written, 1] = cy + focal * down / NEAR
            written += 1
        if z1 >= NEAR:
            inverse = focal / z1
            polygon[written, 0] = cx + points[current, 0] * inverse
            polygon[written, 1] = cy + points[current, 1] * inverse
            written += 1
        previous = current
    return written


@painter()
def scan(work: Work, corners: int) -> tuple[int, int]:
    """Find the pixels of the convex polygon work.polygon[:corners].

    Returns:
        top, bottom: its rows top <= i < bottom; their columns are put into work.first and work.last.
    """
    polygon, left, right = work.polygon, work.first, work.last
    height, width = work.height, work.width
    v_low = 1e9
    v_high = -1e9
    u_low = 1e9
    u_high = -1e9
    for k in range(corners):
        u_low = min(u_low, polygon[k, 0])
        u_high = max(u_high, polygon[k, 0])
        v_low = min(v_low, polygon[k, 1])
        v_high = max(v_high, polygon[k, 1])
    if corners < 3 or u_high <= 0.5 or u_low > width - 0.5 or v_high <= 0.5 or v_low > height - 0.5:
        return 0, 0
    top = math.ceil(max(v_low, 0.0) - 0.5)
    bottom = math.ceil(min(v_high, float(height)) - 0.5)
    for row in range(top, bottom):
        left[row] = width
        right[row] = 0
    previous = corners - 1
    for current in range(corners):
        v0 = polygon[previous, 1]
        v1 = polygon[current, 1]
        u0 = polygon[previous, 0]
        u1 = polygon[current, 0]
        if v0 > v1:
            v0, v1 = v1, v0
            u0, u1 = u1, u0
        first = max(math.ceil(v0 - 0.5), top)
        last = min(math.ceil(v1 - 0.5), bottom)
        if last > first:
            slope = (u1 - u0) / (v1 - v0)
            u = u0 + (first + 0.5 - v0) * slope + 0.5
            for row in range(first, last):
                # A cast truncates towards zero, which is floor here: ceil(x - 0.5) == floor(x + 0.5) off the ties.
                column = np.int32(min(max(u, 0.0), float(width)))
                left[row] = min(left[row], column)
                right[row] = max(right[row], column)
                u += slope
        previous = current
    return top, bottom


@painter()
def paint(canvas: Canvas, work: Work, top: int, bottom: int, a: float, b: float, c: float, value: float) -> None:
    """Fill scanned rows with one grey where 1/z = a + b u + c v is nearer than the buffer."""
    # By index: slices of the rows cost more than the few pixels of a row do.
    image, depth = canvas.image, canvas.depth
    shade = np.uint8(value)
    step = np.float32(b)
    for row in range(top, bottom):
        first, last = work.first[row], work.last[row]
        nearness = np.float32(a + b * (first + 0.5) + c * (row + 0.5))
        i = np.uint64(row)
        for column in range(first, last):
            j = np.uint64(column)
            if nearness > depth[i, j]:
                depth[i, j] = nearness
                image[i, j] = shade
            nearness += step


@painter()
def darken(canvas: Canvas, work: Work, top: int, bottom: int, factor: float) -> None:
    """Multiply scanned rows by a factor 0..1 (shadows on the ground, drawn before anything that stands)."""
    image = canvas.image
    share = np.int32(factor * 256)
    for row in range(top, bottom):
        for column in range(work.first[row], work.last[row]):
            image[row, column] = (image[row, column] * share) >> 8


@painter()
def patch(
    layer: Layer,
    u0: float,
    top0: float,
    bottom0: float,
    u1: float,
    top1: float,
    bottom1: float,
    value: float,
    weight: float,
) -> None:
    """Add a trapezoid with vertical sides at u0 and u1 to an object's own layer, by exact area per column.

    Args:
        top0, bottom0, top1, bottom1: v of the upper and lower edge at u0 and at u1.
        value: grey to add; a difference of greys with weight 0 recolours what the layer already holds.
        weight: what a fully covered pixel adds to `coverage`.
    """
    colour, coverage = layer.colour, layer.coverage
    if u1 < u0:
        u0, u1 = u1, u0
        top0, top1 = top1, top0
        bottom0, bottom1 = bottom1, bottom0
    height, width = colour.shape
    if u1 <= 0.0 or u0 >= width or u1 - u0 < 1e-6:
        return
    slope_top = (top1 - top0) / (u1 - u0)
    slope_bottom = (bottom1 - bottom0) / (u1 - u0)
    for column in range(int(max(u0, 0.0)), min(int(math.ceil(u1)), width)):
        near = max(u0, float(column))
        far = min(u1, column + 1.0)
        share = far - near
        middle = 0.5 * (near + far) - u0
        v0 = max(top0 + slope_top * middle, 0.0)
        v1 = min(bottom0 + slope_bottom * middle, float(height))
        for row in range(int(v0), int(math.ceil(v1))):
            area = share * (min(v1, row + 1.0) - max(v0, float(row)))
            colour[row, column] += np.float32(area * value)
            coverage[row, column] += np.float32(area * weight)


@painter()
def composite(canvas: Canvas, layer: Layer, u0: float, v0: float, u1: float, v1: float, nearness: float) -> None:
    """Blend an object's layer inside the box [u0, u1] x [v0, v1] into the picture and clear the layer there."""
    image, depth, colour, coverage = canvas.image, canvas.depth, layer.colour, layer.coverage
    height, width = image.shape
    for row in range(max(int(v0), 0), min(int(math.ceil(v1)), height)):
        for column in range(max(int(u0), 0), min(int(math.ceil(u1)), width)):
            covered = coverage[row, column]
            if covered > 0.0 and nearness > depth[row, column]:
                share = min(covered, np.float32(1.0))
                grey = image[row, column] * (1 - share) + colour[row, column] * (share / covered)
                image[row, column] = np.uint8(min(max(grey, 0.0), 255.0) + 0.5)
                if share > 0.5:
                    depth[row, column] = nearness
            coverage[row, column] = 0.0
            colour[row, column] = 0.0


@painter()
def pole(
    canvas: Canvas,
    u0: float,
    v0: float,
    half0: float,
    u1: float,
    v1: float,
    half1: float,
    nearness: float,
    value: float,
) -> None:
    """Blend a thin upright thing by its share of each pixel: from (u0, v0) down to (u1, v1), half widths in pixels."""
    image, depth = canvas.image, canvas.depth
    height, width = image.shape
    if v1 - v0 < 1e-6:
        return
    top = max(v0, 0.0)
    bottom = min(v1, float(height))
    for row in range(int(top), int(math.ceil(bottom))):
        above = max(top, float(row))
        below = min(bottom, row + 1.0)
        along = (0.5 * (above + below) - v0) / (v1 - v0)
        middle = u0 + along * (u1 - u0)
        half = half0 + along * (half1 - half0)
        left = middle - half
        right = middle + half
        for column in range(max(int(left), 0), min(int(math.ceil(right)), width)):
            if nearness > depth[row, column]:
                share = (below - above) * (min(right, column + 1.0) - max(left, float(column)))
                image[row, column] = np.uint8(image[row, column] * (1 - share) + value * share + 0.5)
                if share > 0.5:
                    depth[row, column] = nearness
