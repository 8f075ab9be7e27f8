"""Deterministic grey noise that repeats over a tile, for grass and asphalt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _lattice(count: int, layer: int) -> NDArray[np.float64]:
    """Hashed values (count, count) in [-1, 1]; the finaliser of MurmurHash3 (public domain)."""
    index = np.arange(count * count, dtype=np.uint64).reshape(count, count)
    h = (index + np.uint64(layer * 0x9E3779B9)) & np.uint64(0xFFFFFFFF)
    for factor, shift in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
        h ^= h >> np.uint64(shift)
        h = (h * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(16)
    return h / 2.0**31 - 1.0


def noise_tile(cells: int, layers: tuple[tuple[int, float], ...], pattern: int = 0) -> NDArray[np.float32]:
    """A seamless tile (cells, cells) of value noise around zero.

    Args:
        cells: side of the tile.
        layers: (size of a patch in cells, a divisor of `cells`; amplitude) per layer.
        pattern: 0 .. 2^16; another one gives noise of the same kind that is unlike it everywhere.
    """
    tile = np.zeros((cells, cells))
    for number, (patch, amplitude) in enumerate(layers, start=1 + 8 * pattern):
        count = cells // patch
        lattice = _lattice(count, number)
        position = (np.arange(cells) + 0.5) / patch
        low = np.floor(position).astype(int)
        t = position - low
        t = t * t * (3 - 2 * t)
        rows = lattice[low % count] * (1 - t)[:, None] + lattice[(low + 1) % count] * t[:, None]
        tile += amplitude * (rows[:, low % count] * (1 - t) + rows[:, (low + 1) % count] * t)
    return tile.astype(np.float32)
