"""The arrays that describe what a camera can see of a town: painted ground and boxes standing on it.

Both are NamedTuples of C-contiguous arrays and plain numbers, so Numba kernels take them as they are.
Coordinates are OpenDRIVE's: metres, x east, y north, z up, headings counter-clockwise from +x.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class GroundArrays(NamedTuple):
    """Grey picture of the flat ground seen from above, in three box-filtered resolutions.

    Row index grows with y, column index with x; cell (0, 0) of every level starts at (x0, y0).
    """

    albedo0: NDArray[np.uint8]  # (H0, W0) reflectance 0..255, cells of `resolution` metres
    albedo1: NDArray[np.uint8]  # (ceil(H0/4), ceil(W0/4)) cells of 4 * `resolution`
    albedo2: NDArray[np.uint8]  # (ceil(H0/16), ceil(W0/16)) cells of 16 * `resolution`
    x0: float  # m, left edge of the raster
    y0: float  # m, lower edge of the raster
    resolution: float  # m per cell of albedo0 (0.125)


class SceneryArrays(NamedTuple):
    """Immovable boxes (buildings, trees, poles) with a uniform grid of cells for culling.

    Cell (row, column) covers x0 + column * cell <= x < x0 + (column + 1) * cell, and y alike; its boxes are
    cell_items[cell_first[k] : cell_first[k] + cell_count[k]] with k = row * columns + column. A box is listed
    exactly once, in the cell that holds its centre.
    """

    boxes: NDArray[np.float32]  # (B, 8) cx, cy, yaw, half_length, half_width, z_bottom, z_top [m, rad], albedo 0..255
    cell_first: NDArray[np.int32]  # (rows * columns,)
    cell_count: NDArray[np.int32]  # (rows * columns,)
    cell_items: NDArray[np.int32]  # (B,) indices into boxes
    x0: float  # m, left edge of the grid
    y0: float  # m, lower edge of the grid
    cell: float  # m, side of a cell (20)
    columns: int
    rows: int
