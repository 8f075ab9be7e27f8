"""The arrays that describe what a camera can see of a town: lit ground and boxes standing on it.

Both are NamedTuples of C-contiguous arrays and plain numbers, so Numba kernels take them as they are.
Coordinates are OpenDRIVE's: metres, x east, y north, z up, headings counter-clockwise from +x.

A picture is drawn plane by plane: one plane for grey, or red, green and blue. P counts planes, V the looks that the
town can have (a weather, a variant of its colours).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVELS = 7  # of the pyramid: cells of 1, 2, 4 ... 64 times the resolution
HOUSE, CROWN, TRUNK, POLE = 0, 1, 2, 3  # kinds of boxes


class GroundArrays(NamedTuple):
    """Brightness of the flat ground seen from above in full light, shadows and lamps included, as a pyramid.

    Row index grows with y, column index with x; cell (0, 0) of every level starts at (x0, y0). Level k lies in
    cells[look, plane, first[k] : first[k] + rows[k] * columns[k]], row by row.
    """

    cells: NDArray[np.uint8]  # (V, P, T) 0..255
    gloss: NDArray[np.uint8]  # (V, T) share of a mirror on wet ground 0..255; (V, 0) where no look is wet
    first: NDArray[np.int64]  # (LEVELS,)
    rows: NDArray[np.int64]  # (LEVELS,)
    columns: NDArray[np.int64]  # (LEVELS,)
    x0: float  # m, left edge of the raster
    y0: float  # m, lower edge of the raster
    resolution: float  # m per cell of level 0 (0.125)


class SceneryArrays(NamedTuple):
    """Immovable boxes (buildings, trees, poles) with a uniform grid of cells for culling.

    Cell (row, column) covers x0 + column * cell <= x < x0 + (column + 1) * cell, and y alike; its boxes are
    cell_items[cell_first[k] : cell_first[k] + cell_count[k]] with k = row * columns + column. A box is listed
    exactly once, in the cell that holds its centre.
    """

    boxes: NDArray[np.float32]  # (B, 8) cx, cy, yaw, half_length, half_width, z_bottom, z_top [m, rad], grey albedo
    axis: NDArray[np.float32]  # (B, 2) cosine and sine of the yaw
    kind: NDArray[np.uint8]  # (B,) HOUSE, CROWN, TRUNK or POLE
    albedo: NDArray[np.float32]  # (D, P, B) 0..255 in each of D dressings, which share the V looks in equal parts
    cell_first: NDArray[np.int32]  # (rows * columns,)
    cell_count: NDArray[np.int32]  # (rows * columns,)
    cell_items: NDArray[np.int32]  # (B,) indices into boxes
    x0: float  # m, left edge of the grid
    y0: float  # m, lower edge of the grid
    cell: float  # m, side of a cell (20)
    columns: int
    rows: int
