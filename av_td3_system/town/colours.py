"""Colours of the town: every material has one brightness, and tints that spread it over red, green and blue.

Tints have the luma 1 (ITU-R BT.601, as OpenCV and CARLA's examples turn colour into grey), so the grey picture is the
luma of the coloured one, up to rounding and to the lamps of vehicles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LUMA = np.array([0.299, 0.587, 0.114])


def _tint(red: float, green: float, blue: float) -> NDArray[np.float64]:
    colour = np.array([red, green, blue], dtype=np.float64)
    return colour / float(LUMA @ colour)


NEUTRAL = _tint(1, 1, 1)
GRASS = _tint(78, 112, 52)
PAVEMENT = _tint(140, 134, 126)
ASPHALT = _tint(84, 85, 90)
LEAVES = _tint(58, 92, 44)
BARK = _tint(92, 72, 54)
FACADES = tuple(_tint(*c) for c in ((180, 150, 120), (170, 160, 140), (150, 100, 85), (160, 165, 170), (190, 180, 130)))
PAINTS = tuple(
    _tint(*c) for c in ((128, 128, 130), (120, 124, 130), (170, 40, 40), (50, 80, 160), (60, 110, 70), (150, 130, 90))
)
SUNLIGHT = {"high": _tint(255, 250, 238), "low": _tint(255, 190, 120)}
SKYLIGHT = {"day": _tint(205, 222, 255), "cloud": NEUTRAL, "dusk": _tint(255, 205, 185), "night": _tint(120, 140, 215)}


def spread(tint: ArrayLike, planes: int) -> NDArray[np.float64]:
    """Factors (planes,) by which a brightness appears in each plane: one for grey, the tint for colour."""
    return np.ones(1) if planes == 1 else np.asarray(tint, dtype=np.float64)


def vehicle_paint(shade: NDArray[np.floating], planes: int) -> NDArray[np.float32]:
    """Albedo of vehicles' paint in each plane.

    Args:
        shade: (N, M) brightness 0..255; it alone decides the colour, so a world needs no second column.
        planes: 1 or 3.

    Returns:
        float32 (planes, N, M), its luma is the shade wherever no plane is cut off at 255.
    """
    if planes == 1:
        return np.ascontiguousarray(shade[None], dtype=np.float32)
    choice = np.floor(shade * 97.0).astype(np.int64) % len(PAINTS)
    return np.ascontiguousarray(np.minimum(np.moveaxis(np.array(PAINTS)[choice], -1, 0) * shade, 255.0), np.float32)
