"""The pattern of windows on a facade: a tile of one storey by one window's spacing, averaged for every distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STOREY = 3.0  # m, height of a storey and spacing of windows
WINDOW_WIDTH = 1.5  # m
WINDOW_LOW, WINDOW_HIGH = 1.0, 2.4  # m above a storey's floor
WINDOW_SHARE = WINDOW_WIDTH * (WINDOW_HIGH - WINDOW_LOW) / STOREY**2  # of a wall's area
SIDE = 32  # texels of the finest tile, a power of two
LEVELS = 6  # tiles of SIDE, SIDE / 2 ... 1 texels


def _tiles() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    fine = 8
    edge = (np.arange(SIDE * fine) + 0.5) / (SIDE * fine) * STOREY
    across = np.abs(edge - 0.5 * STOREY) < 0.5 * WINDOW_WIDTH
    up = (edge > WINDOW_LOW) & (edge < WINDOW_HIGH)
    glass = np.outer(up, across).astype(np.float64)
    tiles = []
    for level in range(LEVELS):
        side = SIDE >> level
        tiles.append(glass.reshape(side, -1, side, glass.shape[1] // side).mean(axis=(1, 3)).ravel())
    sizes = np.array([len(tile) for tile in tiles])
    return np.concatenate(tiles).astype(np.float32), np.cumsum(sizes) - sizes


# Share of each texel that is window, all levels one after the other; row by row, upwards; and where each level begins.
GLASS, FIRST = _tiles()
