"""Light of the ego's dipped head lamps, as far as the camera sees it at night."""

from __future__ import annotations

import math

from numba import njit

BEAM = 0.45  # light of the own head lamps at night in units of full light
NARROW, SPREAD = 1.6, 0.22  # m half width at the car, and what it grows by each metre
REACH = 20.0  # m at which the light has fallen to a half
NEAREST = 3.0  # m, before it the bonnet keeps the light from the ground


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def beam_at(forward: float, left: float) -> float:
    """Light 0..1 at a place `forward` m ahead of the camera and `left` m to the left."""
    if forward <= 0.0:
        return 0.0
    aside = left / (NARROW + SPREAD * forward)
    return math.exp(-aside * aside) * min(forward / NEAREST, 1.0) / (1.0 + (forward / REACH) ** 2)
