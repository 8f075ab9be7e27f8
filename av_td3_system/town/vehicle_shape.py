"""Shapes and greys of drawn vehicles, shared by the near and the far way of drawing them.

A vehicle is a stack of boxes. Each has a place along the vehicle (-1 rear .. 1 front), a share of its width, a place in
its height (0 ground .. 1 top) and a material. White head lamps are in front, tail lamps behind, which turn into larger,
brighter brake lamps.
"""

from __future__ import annotations

import numpy as np

from av_td3_system.town.state import CAR, TRUCK, VAN

BODY, GLASS, DARK, CARGO = 0, 1, 2, 3  # materials
# rear, front, width, bottom, top, material
_CAR = [
    (-0.93, 0.93, 0.92, 0.0, 0.147, DARK),
    (-1.0, 1.0, 1.0, 0.147, 0.55, BODY),
    (-0.65, 0.45, 0.86, 0.55, 0.935, GLASS),
    (-0.65, 0.45, 0.86, 0.935, 1.0, BODY),
]
_VAN = [
    (-0.95, 0.93, 0.92, 0.0, 0.11, DARK),
    (-1.0, 1.0, 1.0, 0.11, 0.52, BODY),
    (-1.0, 0.3, 0.95, 0.52, 1.0, BODY),
    (0.3, 0.68, 0.9, 0.52, 0.92, GLASS),
    (0.3, 0.68, 0.9, 0.92, 1.0, BODY),
]
_TRUCK = [
    (-0.97, 0.97, 0.8, 0.0, 0.2, DARK),
    (0.56, 1.0, 0.96, 0.12, 0.45, BODY),
    (0.56, 0.97, 0.94, 0.45, 0.68, GLASS),
    (0.56, 0.97, 0.94, 0.68, 0.76, BODY),
    (-1.0, 0.5, 1.0, 0.2, 1.0, CARGO),
]
MOST_PARTS = max(len(parts) for parts in (_CAR, _VAN, _TRUCK))
_KINDS = {CAR: _CAR, VAN: _VAN, TRUCK: _TRUCK}
PARTS = np.zeros((len(_KINDS), MOST_PARTS, 6))  # unused rows have no height
for _kind, _parts in _KINDS.items():
    PARTS[_kind, : len(_parts)] = _parts
COUNT = tuple(len(_KINDS[kind]) for kind in sorted(_KINDS))
# Lamps: bottom and top in front, bottom, top and top when braking behind, as shares of the height; share of the half
# width at which they begin, in front and when braking, and behind.
LAMPS = np.array([
    (0.28, 0.44, 0.31, 0.44, 0.52, 0.45, 0.5),
    (0.24, 0.36, 0.26, 0.40, 0.46, 0.5, 0.62),
    (0.16, 0.24, 0.21, 0.28, 0.31, 0.5, 0.6),
])  # fmt: skip
WHEEL_RADIUS = (0.33, 0.35, 0.48)  # m
WHEEL_PLACE = (0.62, 0.64, 0.66)  # of the half length from the middle
GLASS_ALBEDO, TYRE, UNDERSIDE, CARGO_ALBEDO = 38.0, 22.0, 14.0, 165.0  # 0..255
# Emitted brightness of head lamps, tail lamps and brake lamps in grey, red, green and blue.
LAMP_HEAD = (205.0, 210.0, 205.0, 190.0)
LAMP_TAIL = (140.0, 215.0, 105.0, 95.0)
LAMP_BRAKE = (255.0, 255.0, 175.0, 160.0)
