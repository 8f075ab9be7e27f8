"""The Intelligent Driver Model (Treiber, Hennecke & Helbing 2000, eq. 3-4)."""

from __future__ import annotations

import math

import numpy as np

from av_td3_system.town.kernel import kernel

FREE_EXPONENT = 4.0  # the paper's delta


@kernel(forceinline=True)
def free_acceleration(
    speed: float, desired_speed: float, max_acceleration: float, comfortable_deceleration: float
) -> float:
    """Acceleration, m/s^2, of a driver on a free road.

    Above the desired speed it is held at the comfortable deceleration: the published term grows with the fourth
    power there, and a drop of the limit at a bend is not an emergency.
    """
    free = 1.0 - (speed / max(desired_speed, 0.1)) ** FREE_EXPONENT
    return max(max_acceleration * free, -comfortable_deceleration)


@kernel(forceinline=True)
def interaction(
    speed: float,
    gap: float,
    lead_speed: float,
    time_headway: float,
    minimum_gap: float,
    max_acceleration: float,
    comfortable_deceleration: float,
) -> float:
    """What a vehicle `gap` metres ahead (inf: none) takes from the acceleration on a free road, m/s^2."""
    if gap == np.inf:
        return 0.0
    braking = speed * (speed - lead_speed) / (2.0 * math.sqrt(max_acceleration * comfortable_deceleration))
    desired_gap = minimum_gap + max(0.0, speed * time_headway + braking)
    return max_acceleration * (desired_gap / max(gap, 0.1)) ** 2


@kernel()
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

    Speeds in m/s; an infinite gap means a free road.
    """
    free = free_acceleration(speed, desired_speed, max_acceleration, comfortable_deceleration)
    return free - interaction(
        speed, gap, lead_speed, time_headway, minimum_gap, max_acceleration, comfortable_deceleration
    )


@kernel()
def equilibrium_gap(speed: float, desired_speed: float, time_headway: float, minimum_gap: float) -> float:
    """Gap, m, at which IDM neither brakes nor accelerates behind a leader of the same speed."""
    return (minimum_gap + speed * time_headway) / math.sqrt(1.0 - (speed / desired_speed) ** FREE_EXPONENT)
