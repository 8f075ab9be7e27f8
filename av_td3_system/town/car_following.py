"""The Intelligent Driver Model (Treiber, Hennecke & Helbing 2000, eq. 3-4)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

FREE_EXPONENT = 4.0  # the paper's delta


@njit(cache=True)
def idm_acceleration(
    speed: float,
    desired_speed: float,
    gap: float,
    lead_speed: float,
    time_headway: float,
    minimum_gap: float,
    max_acceleration: float,
    comfortable_deceleration: float,
) -> float:
    """Acceleration, m/s^2, of a driver `gap` metres (bumper to bumper) behind a vehicle.

    Speeds in m/s; an infinite gap means a free road. Above the desired speed the free term is held
    at the comfortable deceleration: the published term grows with the fourth power there, and a
    drop of the limit at a bend is not an emergency.
    """
    free = 1.0 - (speed / max(desired_speed, 0.1)) ** FREE_EXPONENT
    acceleration = max(max_acceleration * free, -comfortable_deceleration)
    if gap < np.inf:
        braking = speed * (speed - lead_speed) / (2.0 * math.sqrt(max_acceleration * comfortable_deceleration))
        desired_gap = minimum_gap + max(0.0, speed * time_headway + braking)
        acceleration -= max_acceleration * (desired_gap / max(gap, 0.1)) ** 2
    return acceleration


@njit(cache=True)
def equilibrium_gap(speed: float, desired_speed: float, time_headway: float, minimum_gap: float) -> float:
    """Gap, m, at which IDM neither brakes nor accelerates behind a leader of the same speed."""
    return (minimum_gap + speed * time_headway) / math.sqrt(1.0 - (speed / desired_speed) ** FREE_EXPONENT)
